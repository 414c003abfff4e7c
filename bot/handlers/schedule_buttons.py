"""The buttons of the schedule. Callback data never holds an expression: one to be confirmed has a short id."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup
from pydantic import Field

from bot.clock import Clock
from bot.handlers.drawing.keyboards import Row, Section, SettingsButton, button, keyboard

VALID_FOR = timedelta(minutes=10)
_REMEMBERED = 100


class Every(StrEnum):
    """A schedule by one press."""

    QUARTER = "quarter"
    HOUR = "hour"
    SIX_HOURS = "sixhours"


EXPRESSIONS = {Every.QUARTER: "*/15 * * * *", Every.HOUR: "0 * * * *", Every.SIX_HOURS: "0 */6 * * *"}


class Preset(CallbackData, prefix="cron"):
    every: Every


class Daily(CallbackData, prefix="daily"):
    """Pick the time of day: 24 asks for the hour, 60 for the minute."""

    hour: Annotated[int, Field(ge=0, le=24)]
    minute: Annotated[int, Field(ge=0, le=60)]


class TypeIt(CallbackData, prefix="crontype"):
    """Ask for an expression."""


class Confirm(CallbackData, prefix="cronset"):
    id: Annotated[int, Field(ge=1, lt=2**31)]


class Reset(CallbackData, prefix="cronreset"):
    """Follow `.env` again; asks first."""

    sure: bool


class Proposals:
    """Schedules that were shown and wait for a yes, each for the admin who asked; bounded in number and time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._open: OrderedDict[int, tuple[str, int, datetime]] = OrderedDict()

    def offer(self, expression: str, admin_id: int) -> int:
        """Keep an expression; return its id."""
        self._last += 1
        self._open[self._last] = (expression, admin_id, self._clock())
        while len(self._open) > _REMEMBERED:
            self._open.popitem(last=False)
        return self._last

    def take(self, number: int, admin_id: int) -> str | None:
        """Return what that admin was offered under that id, once and for ten minutes."""
        expression, admin, at = self._open.get(number, ("", 0, self._clock()))
        if admin != admin_id or not timedelta() <= self._clock() - at <= VALID_FOR:
            return None
        del self._open[number]
        return expression


TO_SETTINGS: Row = [button("‹ Back", SettingsButton(section=Section.ALL))]
TO_SCHEDULE: Row = [button("‹ Back", SettingsButton(section=Section.SCHEDULE))]


def schedule(*, overridden: bool) -> InlineKeyboardMarkup:
    """Return the ways to another schedule."""
    return keyboard(
        [button("Every 15 min", Preset(every=Every.QUARTER)), button("Hourly", Preset(every=Every.HOUR))],
        [button("Every 6 h", Preset(every=Every.SIX_HOURS)), button("Daily at …", Daily(hour=24, minute=60))],
        [button("⌨️ Cron expression", TypeIt())],
        [button("↩️ Back to .env", Reset(sure=False))] if overridden else None,
        TO_SETTINGS,
    )


def hours() -> InlineKeyboardMarkup:
    """Return the hours of a day."""
    choices = [button(f"{hour:02}", Daily(hour=hour, minute=60)) for hour in range(24)]
    return keyboard(*(choices[at : at + 6] for at in range(0, 24, 6)), TO_SCHEDULE)


def minutes(hour: int) -> InlineKeyboardMarkup:
    """Return the minutes of an hour, in steps of five."""
    choices = [button(f"{hour:02}:{minute:02}", Daily(hour=hour, minute=minute)) for minute in range(0, 60, 5)]
    return keyboard(*(choices[at : at + 4] for at in range(0, 12, 4)), TO_SCHEDULE)


def confirm(number: int) -> InlineKeyboardMarkup:
    """Return the second step of a change."""
    yes = button("✅ Follow this schedule", Confirm(id=number), ButtonStyle.SUCCESS)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def confirm_reset() -> InlineKeyboardMarkup:
    """Return the second step of returning to the schedule of `.env`."""
    yes = button("✅ Follow .env again", Reset(sure=True), ButtonStyle.SUCCESS)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def cancel() -> InlineKeyboardMarkup:
    """Return the way out of a question."""
    return keyboard([button("Cancel", SettingsButton(section=Section.SCHEDULE))])
