"""The buttons under an alarm: what mends it, what accepts it, and no reminder for a day."""

from __future__ import annotations

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.handlers.picture_buttons import picture_of
from bot.models import Alarm, AlarmAct, AlarmKind, SkipReason
from bot.services.contracts.destination import NoticeButton
from bot.texts import alarms as words
from bot.texts.alarm_words import REMOVABLE, is_to_press_start
from bot.texts.skips import SPOILED

_RESTORABLE = (SkipReason.MISSING, SkipReason.GONE, SkipReason.DAMAGED, SkipReason.EMPTY, SkipReason.NOT_A_DATABASE)


class OfAlarm(CallbackData, prefix="alarm"):
    """An answer to one alarm."""

    answer: AlarmAct
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


def alarm_buttons(alarm: Alarm, hushed: bool = False) -> tuple[NoticeButton, ...]:
    """Return what an admin can do about an open alarm, the mend first."""

    def button(text: str, act: AlarmAct, style: str = "") -> NoticeButton:
        return NoticeButton(text=text, data=OfAlarm(answer=act, id=alarm.id).pack(), style=style)

    drawn = alarm.kind == AlarmKind.SHRUNKEN and not alarm.is_of_many
    pictures = tuple(
        NoticeButton(text=each.text, data=each.callback_data or "") for each in picture_of(alarm.subject) if drawn
    )
    later = () if hushed else (button(words.LATER, AlarmAct.LATER),)
    return (*(button(*each) for each in _mends(alarm)), *pictures, *later)


def no_buttons(_alarm: Alarm, _hushed: bool) -> tuple[NoticeButton, ...]:
    """Return what somebody gets whose presses nobody hears."""
    return ()


def _mends(alarm: Alarm) -> tuple[tuple[str, AlarmAct, str] | tuple[str, AlarmAct], ...]:
    again, restore = (words.AGAIN, AlarmAct.AGAIN, "primary"), (words.RESTORE, AlarmAct.RESTORE, "primary")
    match alarm.kind:
        case AlarmKind.SKIPPED | AlarmKind.GONE if alarm.is_of_many:
            removable = {*alarm.all("reason")} <= REMOVABLE
            show = (words.SHOW, AlarmAct.SHOW, "primary")
            return (show, (words.ALL_REMOVED, AlarmAct.ACCEPT)) if removable else (show, again[:2])
        case AlarmKind.SKIPPED | AlarmKind.GONE:
            back = (restore,) if alarm.fact("reason") in _RESTORABLE and alarm.number("backup") else ()
            if removed := acceptance(alarm):
                return (*back, (removed, AlarmAct.ACCEPT))
            if back:
                return back if alarm.fact("reason") in SPOILED else (*back, again[:2])
            return (again,)
        case AlarmKind.SHRUNKEN:
            back = (restore,) if alarm.number("backup") else ()
            return ((acceptance(alarm), AlarmAct.ACCEPT), *back)
        case AlarmKind.STALE:
            return ((words.RESUME, AlarmAct.RESUME, "primary") if alarm.fact("paused by") else _back_up(),)
        case AlarmKind.RUN if alarm.all("name"):
            show = (words.SHOW, AlarmAct.SHOW, "primary")
            return (show, again[:2]) if {*alarm.all("reason")} <= SPOILED else (again, show[:2])
        case AlarmKind.RUN:
            return (again,)
        case AlarmKind.LOST:
            new = (_back_up(),) if alarm.number("alone") else ()
            look = ((words.OPEN, AlarmAct.OPEN),) if alarm.number("backup") else ()
            return (*new, *look, *(((words.REMOVED, AlarmAct.ACCEPT),) if alarm.all("gone") else ()))
        case AlarmKind.UNREACHABLE if is_to_press_start(alarm):
            return ((words.INVITE, AlarmAct.INVITE, "primary"),)
        case AlarmKind.DRILL:
            return (_back_up(), (words.OPEN, AlarmAct.OPEN)) if alarm.number("backup") else (_back_up(),)
        case _:
            return ()


def acceptance(alarm: Alarm) -> str:
    """Return the button that says of one database that all is as it should be; empty where nobody could say so."""
    if alarm.kind == AlarmKind.SHRUNKEN:
        return words.FINE
    return words.REMOVED if alarm.fact("reason") in REMOVABLE else ""


def _back_up() -> tuple[str, AlarmAct, str]:
    return (words.BACK_UP, AlarmAct.AGAIN, "primary")
