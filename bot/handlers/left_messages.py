"""Writes the end of messages that showed work under way when the program ended, and what can be pressed there now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from aiogram.filters.callback_data import CallbackData

from bot.handlers.drawing.keyboards import BackupAct, DrillNow, Go, History, LogLevel, Logs, Run, ScreenName, of_backup
from bot.models import BackupState, Delivery, DeliveryState
from bot.services.catalogue import KeptMessage
from bot.services.contracts.destination import Notice, NoticeButton
from bot.services.messages.live import LiveKind
from bot.services.restore.unannounced import CUT_OFF
from bot.services.restore_chat.confirmed import CONFIRMED
from bot.texts import inbox as inbox_texts
from bot.texts import left_messages as words
from bot.texts import runs as run_texts
from bot.texts.backups import names_of

if TYPE_CHECKING:
    from bot.services.catalogue import Catalogue
    from bot.services.status.inventory import Inventory


async def left_notice(kept: KeptMessage, inventory: Inventory) -> Notice | None:
    """Return what a message says at last; None while that is not known yet. Raises `CatalogueError`."""
    match LiveKind(kept.kind):
        case LiveKind.BACKUP:
            return await _of_backup(kept.shown, inventory)
        case LiveKind.PLAN:
            return _notice(words.PLAN, (words.HISTORY, History(page=0)))
        case LiveKind.RESTORE:
            return await _of_restore(inventory.catalogue)
        case LiveKind.DRILL:
            return _notice(words.DRILL, (words.DRILL_AGAIN, DrillNow()))
        case LiveKind.EXAMINATION:
            return _notice(words.EXAMINATION, (words.CHECK_AGAIN, Go(place=ScreenName.FULL_CHECK)))
        case LiveKind.HEALTH:
            return _notice(words.HEALTH, (words.TO_HEALTH, Go(place=ScreenName.HEALTH)))
        case LiveKind.UPLOAD:
            return _notice(inbox_texts.gone())


async def _of_backup(began: str, inventory: Inventory) -> Notice | None:
    """Return what the run came to; None while it goes on in another process, or is just being sent."""
    timezone, now, again = inventory.timezone, inventory.clock(), (words.BACK_UP, Run())
    bounds = [datetime.fromisoformat(bound) for bound in began.split("/") if bound]
    run = await inventory.catalogue.events.begun(*bounds) if bounds else None
    if run is None:
        return _notice(words.unknown_backup(bounds[-1] if bounds else None, now, timezone), again)
    seen, status = await inventory.details(run.id), await inventory.status()
    if run.state is BackupState.RUNNING or any(map(_is_being_sent, seen.deliveries)):
        return None
    html = run_texts.result(seen.backup, seen.deliveries, now, timezone, names_of(status.recipients))
    if run.proven:
        return _notice(html, (words.THIS_BACKUP, of_backup(BackupAct.OPEN, run)))
    newer = status.latest_proven
    if newer is not None and newer.started_at > run.started_at:
        return _notice(
            f"{html}\n{words.made_up_by(newer.started_at, now, timezone)}",
            (words.THIS_BACKUP, of_backup(BackupAct.OPEN, newer)),
        )
    if status.running is not None and not status.running.is_restore:
        return _notice(f"{html}\n{words.MADE_UP}", again)
    return _notice(html, again)


async def _of_restore(catalogue: Catalogue) -> Notice | None:
    """Return where the end of a restore is told; None while that is yet to be told, there too."""
    if await CUT_OFF.get(catalogue) is not None or await CONFIRMED.get(catalogue) is not None:
        return None
    return _notice(words.RESTORE, (words.ACTIONS, Logs(level=LogLevel.ACTIONS, page=0)))


def _is_being_sent(delivery: Delivery) -> bool:
    """Tell whether a delivery was not tried yet by this process: after a start that is done at once."""
    return delivery.state is DeliveryState.SENDING or (delivery.state is DeliveryState.PENDING and not delivery.reason)


def _notice(html: str, *buttons: tuple[str, CallbackData]) -> Notice:
    ways = (*buttons, (words.BACK, Go(place=ScreenName.MENU)))
    return Notice(html=html, buttons=tuple(NoticeButton(text=text, data=data.pack()) for text, data in ways))
