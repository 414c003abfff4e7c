"""Handles Databases: the list of them, and one with its last backups and its restore."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardMarkup

from bot.errors import NotFoundError
from bot.handlers.alarm_buttons import OfAlarm, acceptance
from bot.handlers.concern_buttons import invitation_row
from bot.handlers.drawing.keyboards import (
    TO_MENU,
    BackupId,
    DatabaseKey,
    Databases,
    Mark,
    OfDatabase,
    Run,
    back_row,
    button,
    keyboard,
    page_of,
    turn_pages,
)
from bot.handlers.drawing.named import FindBackup
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.handlers.picture_buttons import database_key, picture_of
from bot.handlers.restore import begin_choice
from bot.models import AlarmAct, AlarmKind, Backup, DatabaseStatus, Status
from bot.services.status.verdict import ConcernKind, DatabaseStanding, concerns_of, is_out_of_space, standing
from bot.texts import databases as texts
from bot.texts.alarms import BACK_UP

if TYPE_CHECKING:
    from bot.handlers.restore import LiveRestores
    from bot.services.manager import Manager

ON_A_PAGE = 8
BACKUPS_SHOWN = 5


class RestoreDatabase(CallbackData, prefix="dbback"):
    """Restore this database alone from a backup."""

    key: DatabaseKey
    id: BackupId
    mark: Mark


def build_databases_router() -> Router:
    """Make the router of the databases."""
    router = Router(name="databases")
    router.callback_query.middleware(FindBackup())
    router.callback_query.register(open_databases, Databases.filter())
    router.callback_query.register(open_database, OfDatabase.filter())
    router.callback_query.register(restore_database, RestoreDatabase.filter())
    return router


async def open_databases(_: CallbackQuery, callback_data: Databases, press: ButtonPress, manager: Manager) -> None:
    screen = databases_screen(await manager.status(), callback_data.page, manager.timezone)
    await press.draw(screen)


async def open_database(_: CallbackQuery, callback_data: OfDatabase, press: ButtonPress, manager: Manager) -> None:
    status = await manager.status()
    database = _require(status, callback_data.key)
    backups = await manager.catalogue.backups.of_database(database.name, limit=BACKUPS_SHOWN)
    alarm = texts.alarm_of(database, status)
    # Those since an alarm that it has shrunk lack what is missing.
    shrunken = alarm is not None and alarm.kind == AlarmKind.SHRUNKEN
    wanted = [alarm.number("backup")] if alarm is not None and shrunken else [backup.id for backup in backups]
    newest = await _newest_restorable(wanted, manager)
    buttons = _database_buttons(database, status, newest, callback_data.page, manager.timezone)
    await press.draw(Screen(texts.database(database, status, backups, manager.timezone), buttons))


async def _newest_restorable(wanted: Sequence[int], manager: Manager) -> Backup | None:
    for backup_id in wanted:
        with suppress(NotFoundError):
            seen = await manager.details(backup_id)
            if seen.restorable:
                return seen.backup
    return None


async def restore_database(
    _: CallbackQuery,
    callback_data: RestoreDatabase,
    press: ButtonPress,
    *,
    manager: Manager,
    live_restores: LiveRestores,
) -> None:
    """Make the plan that brings back this database alone."""
    name = _require(await manager.status(), callback_data.key).name
    await begin_choice(press, f"b{callback_data.id}", live_restores, only=name)


def databases_screen(status: Status, page: int, timezone: ZoneInfo) -> Screen:
    """Draw a page of the list, trouble first; a page past the end is the last one."""
    ranked = sorted(status.databases, key=lambda one: standing(one, status))
    page, shown, more = page_of(ranked, page, ON_A_PAGE)
    rows = [
        [button(texts.database_label(one, status), OfDatabase(key=database_key(one.name), page=page))] for one in shown
    ]
    pages = turn_pages(page, lambda number: Databases(page=number), more=more)
    old = texts.all_too_old(status) and not status.is_paused
    run = old or is_out_of_space(status) or status.none_left
    mend = [button(BACK_UP, Run(), ButtonStyle.PRIMARY)] if run else []
    if [one.kind for one in concerns_of(status)[:1]] == [ConcernKind.DELIVERY]:  # the headline, then
        mend = invitation_row((one.recipient, one.parked_reason) for one in status.recipients)
    return Screen(texts.databases(status, timezone), keyboard(mend, *rows, pages, TO_MENU))


def _require(status: Status, key: str) -> DatabaseStatus:
    """Return the database of a button; raises `NotFoundError` where it is none any more."""
    for database in status.databases:
        if database_key(database.name) == key:
            return database
    raise NotFoundError("This database is no longer known.", hint="Open Databases again.")


def _database_buttons(
    database: DatabaseStatus, status: Status, newest: Backup | None, page: int, timezone: ZoneInfo
) -> InlineKeyboardMarkup:
    """Return what can be done with a database: what its alarm offers, too."""
    key, restore, mends = database_key(database.name), [], []
    if newest is not None:
        words = texts.restore_words(newest, status, timezone)
        restore = [button(words, RestoreDatabase(key=key, id=newest.id, mark=newest.mark), ButtonStyle.PRIMARY)]
    if (alarm := texts.alarm_of(database, status)) is not None and (accept := acceptance(alarm)):
        mends.append(button(accept, OfAlarm(answer=AlarmAct.ACCEPT, id=alarm.id)))
    if standing(database, status) in (DatabaseStanding.TROUBLE, DatabaseStanding.OLD):
        mends.append(button(BACK_UP, Run()))
    pictures = picture_of(database.name) if database.last is not None else []
    return keyboard(restore, mends, pictures, back_row("Databases", Databases(page=page)))
