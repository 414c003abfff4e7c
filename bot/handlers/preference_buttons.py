"""The buttons of “My messages”. A press names the new value, never a toggle: old messages stay harmless."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup
from pydantic import Field

from bot.clock import wall
from bot.handlers.drawing.keyboards import (
    Go,
    Row,
    ScreenName,
    Section,
    SettingsButton,
    back_row,
    button,
    keyboard,
    page_of,
    turn_pages,
)
from bot.models import MINUTES_A_DAY, MessageChoice, MessageMode, QuietHours
from bot.services.messages.digest import MyMessages
from bot.texts.markup import shortened
from bot.texts.preferences import BUTTONS, hours

PRESETS = (
    QuietHours(start=22 * 60, end=7 * 60),
    QuietHours(start=23 * 60, end=8 * 60),
    QuietHours(start=20 * 60, end=9 * 60),
)
STEP = 15  # minutes
PER_PAGE = 20

_Minute = Annotated[int, Field(ge=0, lt=MINUTES_A_DAY)]


class Page(StrEnum):
    """A screen of this room."""

    QUIET = "quiet"
    START = "start"


class MyPage(CallbackData, prefix="my"):
    page: Page


class ChooseMode(CallbackData, prefix="mymode"):
    mode: Annotated[str, Field(pattern="^(every|digest|trouble)$")]


class NoQuiet(CallbackData, prefix="myloud"):
    pass


class ChooseQuiet(CallbackData, prefix="myquiet"):
    start: _Minute
    end: _Minute
    alarms: bool


class AskEnd(CallbackData, prefix="myend"):
    start: _Minute


class MyDatabases(CallbackData, prefix="mydbs"):
    page: Annotated[int, Field(ge=0, le=9999)]


class Follow(CallbackData, prefix="mydb"):
    """Care about a database, or not; `key` is short for its name."""

    key: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    wanted: bool
    page: Annotated[int, Field(ge=0, le=9999)]


class FollowAll(CallbackData, prefix="mydball"):
    pass


MODES = {"every": MessageMode.EVERY, "digest": MessageMode.DIGEST, "trouble": MessageMode.TROUBLE}
_TO_MAIN: Row = [button("‹ Back", Go(place=ScreenName.MESSAGES))]


def key_of(name: str) -> str:
    """Return the short id of a database's name: the same whatever other databases come and go."""
    return sha256(name.encode()).hexdigest()[:12]


def my_messages(choice: MessageChoice) -> InlineKeyboardMarkup:
    """Return the three modes, the chosen one marked, and the ways to quiet hours and databases."""
    modes = [
        button(f"• {BUTTONS[mode]}" if choice.mode is mode else BUTTONS[mode], ChooseMode(mode=word))
        for word, mode in MODES.items()
    ]
    return keyboard(
        *([each] for each in modes),
        [button("🌙 Quiet hours", MyPage(page=Page.QUIET)), button("🗄 My databases", MyDatabases(page=0))],
        back_row("Settings", SettingsButton(section=Section.ALL)),
    )


def quiet_hours(quiet: QuietHours | None) -> InlineKeyboardMarkup:
    """Return the presets, own hours, and what can be changed of those that are set."""

    def hours_button(label: str, start: int, end: int, *, alarms: bool) -> Row:
        return [button(label, ChooseQuiet(start=start % MINUTES_A_DAY, end=end % MINUTES_A_DAY, alarms=alarms))]

    alarms = quiet is not None and quiet.alarms
    presets = [
        each
        for preset in PRESETS
        for each in hours_button(_marked(preset, quiet), preset.start, preset.end, alarms=alarms)
    ]
    rows: list[Row] = [presets, [button("🕰 Other hours", MyPage(page=Page.START))]]
    if quiet is not None:
        start, end = quiet.start, quiet.end
        rows += [
            hours_button(f"Start −{STEP} min", start - STEP, end, alarms=alarms)
            + hours_button(f"Start +{STEP} min", start + STEP, end, alarms=alarms),
            hours_button(f"End −{STEP} min", start, end - STEP, alarms=alarms)
            + hours_button(f"End +{STEP} min", start, end + STEP, alarms=alarms),
            hours_button(
                "🔔 Alarms with sound" if alarms else "🔕 Alarms without sound too", start, end, alarms=not alarms
            ),
            [button("No quiet hours", NoQuiet())],
        ]
    return keyboard(*rows, _TO_MAIN)


def _marked(preset: QuietHours, quiet: QuietHours | None) -> str:
    chosen = quiet is not None and (quiet.start, quiet.end) == (preset.start, preset.end)
    return f"• {hours(preset)}" if chosen else hours(preset)


def start_hours() -> InlineKeyboardMarkup:
    """Return the hours in which quiet can begin."""
    return keyboard(*_hours([(hour, AskEnd(start=hour * 60)) for hour in range(24)]), _to_quiet())


def end_hours(start: int, *, alarms: bool) -> InlineKeyboardMarkup:
    """Return the hours in which quiet can end."""
    ends = [(hour, ChooseQuiet(start=start, end=hour * 60, alarms=alarms)) for hour in range(24) if hour * 60 != start]
    return keyboard(*_hours(ends), _to_quiet())


def databases(preferences: MyMessages, page: int) -> InlineKeyboardMarkup:
    """Return one button per database, ticked where it is chosen, a page of them at a time."""
    page, shown, more = page_of(preferences.known, page, PER_PAGE)
    rows = []
    for name in shown:
        chosen = preferences.choice.follows({name})
        label = f"{'☑️' if chosen else '▫️'} {shortened(name, 40)}"
        rows.append([button(label, Follow(key=key_of(name), wanted=not chosen, page=page))])
    pages = turn_pages(page, lambda number: MyDatabases(page=number), more=more)
    everything = None if preferences.choice.databases is None else [button("All databases", FollowAll())]
    return keyboard(*rows, pages, everything, _TO_MAIN)


def _wall(minute: int) -> str:
    return wall(minute % MINUTES_A_DAY)


def _hours(choices: Sequence[tuple[int, CallbackData]]) -> list[Row]:
    row = [button(wall(hour * 60), data) for hour, data in choices]
    return [row[at : at + 6] for at in range(0, len(row), 6)]


def _to_quiet() -> Row:
    return [button("‹ Back", MyPage(page=Page.QUIET))]
