"""The buttons of the schedule. Callback data never holds an expression: one to be confirmed has a short id."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup
from pydantic import Field

from bot.handlers.drawing.keyboards import Row, Section, SettingsButton, button, keyboard


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
    """Follow what was proposed under an id."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{1,10}$")]


class Reset(CallbackData, prefix="cronreset"):
    """Follow `.env` again; asks first."""

    sure: bool


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


def confirm(proposal_id: str) -> InlineKeyboardMarkup:
    """Return the second step of a change."""
    yes = button("✅ Follow this schedule", Confirm(id=proposal_id), ButtonStyle.SUCCESS)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def confirm_reset() -> InlineKeyboardMarkup:
    """Return the second step of returning to the schedule of `.env`."""
    yes = button("✅ Follow .env again", Reset(sure=True), ButtonStyle.SUCCESS)
    return keyboard([yes], [button("Cancel", SettingsButton(section=Section.SCHEDULE))])


def cancel() -> InlineKeyboardMarkup:
    """Return the way out of a question."""
    return keyboard([button("Cancel", SettingsButton(section=Section.SCHEDULE))])
