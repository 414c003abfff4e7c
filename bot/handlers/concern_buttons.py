"""The button that does something about what a screen is headed with, on the menu, Backup Status and System Health."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.enums import ButtonStyle

from bot.handlers.databases import OfDatabase
from bot.handlers.drawing.keyboards import Databases, Go, Resume, Row, Run, ScreenName, button
from bot.handlers.picture_buttons import database_key
from bot.models import Reachability, Status
from bot.services.status.verdict import Concern, ConcernKind
from bot.texts.alarm_words import TO_START
from bot.texts.alarms import BACK_UP, INVITE, RESUME, SHOW
from bot.texts.markup import shortened


def concern_row(
    concerns: Sequence[Concern], status: Status, screen: ScreenName, reached: Sequence[Reachability] = ()
) -> Row:
    """Return what can be done about the worst of the concerns, and about a pause, but what the screen offers anyway.

    `reached` is who can be reached, where that was asked just now.
    """
    said = [(one.recipient, one.parked_reason) for one in status.recipients]
    said += [(one.recipient, one.trouble) for one in reached]
    to_start = any(recipient.is_private and reason.code in TO_START for recipient, reason in said)
    row = _mend(concerns[0], status, screen, to_start=to_start) if concerns else []
    if status.is_paused and screen is not ScreenName.MENU:
        row.append(button(RESUME, Resume(), None if row else ButtonStyle.PRIMARY))
    return row


def _mend(concern: Concern, status: Status, screen: ScreenName, *, to_start: bool) -> Row:
    known = [name for name in concern.names if any(one.name == name for one in status.databases)]
    match concern.kind:
        case ConcernKind.DATABASES | ConcernKind.UNCHECKED | ConcernKind.NEW | ConcernKind.SHRUNKEN:
            if len(known) == 1:
                one = OfDatabase(key=database_key(known[0]), page=0)
                return [button(f"🗄 {shortened(known[0], 30)} ›", one, ButtonStyle.PRIMARY)]
            return [button(SHOW, Databases(page=0), ButtonStyle.PRIMARY)] if screen is ScreenName.HEALTH else []
        case ConcernKind.FAILED | ConcernKind.INTERRUPTED | ConcernKind.STALE if screen is not ScreenName.MENU:
            return [button(BACK_UP, Run(), ButtonStyle.PRIMARY)]
        case ConcernKind.DELIVERY | ConcernKind.FIRST if to_start:
            return [button(INVITE, Go(place=ScreenName.INVITATION), ButtonStyle.PRIMARY)]
        case _:
            return []
