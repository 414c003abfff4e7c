"""The buttons of the schedule. Callback data never holds an expression: one to be confirmed has a short id."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import Field

from bot.handlers.drawing.keyboards import Row, Section, SettingsButton, button, keyboard


class Every(StrEnum):
    """A schedule by one press."""

    QUARTER = "quarter"
    HOUR = "hour"
    SIX_HOURS = "sixhours"


LAST_DAY = 32
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_DAYS = {1: "1st", 5: "5th", 10: "10th", 15: "15th", 20: "20th", 25: "25th", LAST_DAY: "last"}

EXPRESSIONS = {Every.QUARTER: "*/15 * * * *", Every.HOUR: "0 * * * *", Every.SIX_HOURS: "0 */6 * * *"}


class Preset(CallbackData, prefix="cron"):
    every: Every


class Recurrence(StrEnum):
    DAILY = "day"
    WEEKLY = "week"
    MONTHLY = "month"


class Pick(CallbackData, prefix="at"):
    """Pick day and time, one after the other: what is over its bound is still to be asked.

    `day` is 1 (Monday) to 7 of a week, 1 to 28 of a month, or `LAST_DAY`.
    """

    pace: Recurrence
    day: Annotated[int, Field(ge=0, le=32)] = 0
    hour: Annotated[int, Field(ge=0, le=24)] = 24
    minute: Annotated[int, Field(ge=0, le=60)] = 60

    @property
    def expression(self) -> str:
        """What was picked, once all of it was."""
        days = {
            Recurrence.DAILY: "* * *",
            Recurrence.WEEKLY: f"* * {self.day % 7}",
            Recurrence.MONTHLY: f"{'L' if self.day == LAST_DAY else self.day} * *",
        }
        return f"{self.minute} {self.hour} {days[self.pace]}"


class TypeIt(CallbackData, prefix="crontype"):
    """Ask for an expression."""


class Confirm(CallbackData, prefix="cronset"):
    """Follow what was proposed under an id."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{1,10}$")]


class Reset(CallbackData, prefix="cronreset"):
    """Follow `.env` again; asks first."""

    sure: bool


TO_SETTINGS: Row = [button("‹ Back", SettingsButton(section=Section.ALL))]
TO_SCHEDULE: Row = [button("‹ Back", SettingsButton(section=Section.SCHEDULE))]


def schedule(followed: str, *, overridden: bool) -> InlineKeyboardMarkup:
    """Return the ways to another schedule; the preset that is followed is marked."""

    def preset(words: str, every: Every) -> InlineKeyboardButton:
        return button(f"• {words}" if EXPRESSIONS[every] == followed else words, Preset(every=every))

    return keyboard(
        [preset("Every 15 min", Every.QUARTER), preset("Every hour", Every.HOUR), preset("Every 6 h", Every.SIX_HOURS)],
        [
            button("Daily …", Pick(pace=Recurrence.DAILY)),
            button("Weekly …", Pick(pace=Recurrence.WEEKLY)),
            button("Monthly …", Pick(pace=Recurrence.MONTHLY)),
        ],
        [button("⌨️ Type it", TypeIt())],
        [button("↩️ Back to .env", Reset(sure=False))] if overridden else None,
        TO_SETTINGS,
    )


def days(pace: Recurrence) -> InlineKeyboardMarkup:
    """Return the days of a week or of a month."""
    named = dict(enumerate(_WEEKDAYS, 1)) if pace is Recurrence.WEEKLY else _MONTH_DAYS
    choices = [button(words, Pick(pace=pace, day=day)) for day, words in named.items()]
    return keyboard(choices[:4], choices[4:], TO_SCHEDULE)


def hours(picked: Pick) -> InlineKeyboardMarkup:
    """Return the hours of a day."""
    choices = [button(f"{hour:02}", Pick(pace=picked.pace, day=picked.day, hour=hour)) for hour in range(24)]
    return keyboard(*(choices[at : at + 6] for at in range(0, 24, 6)), TO_SCHEDULE)


def minutes(picked: Pick) -> InlineKeyboardMarkup:
    """Return the minutes of an hour, in steps of five."""
    choices = [
        button(f"{picked.hour:02}:{minute:02}", picked.model_copy(update={"minute": minute}))
        for minute in range(0, 60, 5)
    ]
    return keyboard(*(choices[at : at + 4] for at in range(0, 12, 4)), TO_SCHEDULE)


def confirm(proposal_id: str) -> InlineKeyboardMarkup:
    """Return the second step of a change."""
    yes = button("✅ Use this schedule", Confirm(id=proposal_id), ButtonStyle.PRIMARY)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def confirm_reset() -> InlineKeyboardMarkup:
    """Return the second step of returning to the schedule of `.env`."""
    yes = button("✅ Follow .env again", Reset(sure=True), ButtonStyle.PRIMARY)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def cancel() -> InlineKeyboardMarkup:
    """Return the way out of a question."""
    return keyboard([button("Cancel", SettingsButton(section=Section.SCHEDULE))])
