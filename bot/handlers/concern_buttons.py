"""The button that does something about what a screen is headed with, on the menu, Backup Status and System Health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiogram.enums import ButtonStyle

from bot.handlers.drawing.keyboards import (
    HISTORY,
    Databases,
    Go,
    History,
    OfDatabase,
    Resume,
    Row,
    Run,
    ScreenName,
    button,
)
from bot.handlers.forget_buttons import LetGo, gone_ids, key_of
from bot.handlers.picture_buttons import database_key
from bot.models import Backup, Condition, Reachability, Reason, Recipient, Status
from bot.services.status.verdict import Concern, ConcernKind
from bot.texts.alarm_words import TO_START
from bot.texts.alarms import BACK_UP, INVITE, REMOVED, RESUME, SHOW
from bot.texts.markup import shortened
from bot.texts.skips import SPOILED


def concern_row(
    concerns: Sequence[Concern], status: Status, screen: ScreenName, reached: Sequence[Reachability] = ()
) -> Row:
    """Return what can be done about the worst of the concerns, about a pause and about who has to press Start, but what
    the screen offers anyway.

    `reached` is who can be reached, where that was asked just now.
    """
    said = [(one.recipient, one.parked_reason) for one in status.recipients]
    said += [(one.recipient, one.trouble) for one in reached]
    row = _mend(concerns[0], status, screen) if concerns else []
    if status.is_paused and screen is not ScreenName.MENU:
        row.append(button(RESUME, Resume(), None if row else ButtonStyle.PRIMARY))
    return [*row, *invitation_row(said, None if row else ButtonStyle.PRIMARY)]


def database_row(names: Sequence[str]) -> Row:
    """Return the button that leads to the database in trouble, or to all where there are several."""
    if len(names) != 1:
        return [button(SHOW, Databases(page=0), ButtonStyle.PRIMARY)]
    one = OfDatabase(key=database_key(names[0]), page=0)
    return [button(f"🗄 {shortened(names[0], 30)} ›", one, ButtonStyle.PRIMARY)]


def invitation_row(said: Iterable[tuple[Recipient, Reason]], style: ButtonStyle | None = ButtonStyle.PRIMARY) -> Row:
    """Return the button that makes an invitation, where by what is said of them a person has to open the bot."""
    has_to_start = any(recipient.is_private and reason.code in TO_START for recipient, reason in said)
    return [button(INVITE, Go(place=ScreenName.INVITATION), style)] if has_to_start else []


def _spoiled_names(backup: Backup) -> tuple[str, ...]:
    """Return what a run that came to nothing found, where no other run mends that: files that are damaged or empty."""
    spoiled = bool(backup.skipped) and {record.reason for record in backup.skipped} <= SPOILED
    return tuple(record.name for record in backup.skipped) if spoiled else ()


def _databases(wanted: Sequence[str], screen: ScreenName) -> Row:
    """Return the way to databases in trouble; the menu and Backup Status lead to all of them anyway."""
    return database_row(wanted) if len(wanted) == 1 or screen is ScreenName.HEALTH else []


def _lost(concern: Concern, status: Status, screen: ScreenName) -> Row:
    """Return a new backup where nobody else has what is lost, that it is fine if it is gone, or the way to it."""
    row: Row = []
    if status.none_left and screen is ScreenName.MENU:
        return [button(BACK_UP, Run(), ButtonStyle.PRIMARY)]
    if concern.condition is Condition.WRONG and screen is not ScreenName.MENU:
        row.append(button(BACK_UP, Run(), ButtonStyle.PRIMARY))
    if gone := gone_ids(status):
        row.append(button(REMOVED, LetGo(key=key_of(gone))))
    elif screen is not ScreenName.MENU:
        row.append(button(HISTORY, History(page=0)))
    return row


def _mend(concern: Concern, status: Status, screen: ScreenName) -> Row:
    known = [name for name in concern.names if any(one.name == name for one in status.databases)]
    match concern.kind:
        case ConcernKind.DATABASES | ConcernKind.UNCHECKED | ConcernKind.NEW | ConcernKind.SHRUNKEN:
            return _databases(known, screen)
        case ConcernKind.FAILED if status.latest is not None and (lost := _spoiled_names(status.latest)):
            return database_row(lost)
        case ConcernKind.LOST:
            return _lost(concern, status, screen)
        case ConcernKind.FAILED | ConcernKind.INTERRUPTED | ConcernKind.STALE if screen is not ScreenName.MENU:
            return [button(BACK_UP, Run(), ButtonStyle.PRIMARY)]
        case _:
            return []
