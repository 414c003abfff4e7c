"""Handles /start, the menus, Backup Status, the list of settings, pause and resume."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message, User

from bot.errors import CourierError
from bot.handlers.commands import offer_commands
from bot.handlers.concern_buttons import concern_row
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import Go, Pause, PauseTill, Resume, ScreenName, Section, SettingsButton
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen
from bot.handlers.forget_buttons import Forget, LetGo, forget_row, gone_ids, key_of, retired_names
from bot.handlers.picture_buttons import picture_buttons
from bot.models import Action, AlarmKind, Status
from bot.services.schedule.timetable import next_at
from bot.services.status.verdict import concerns_of
from bot.texts import answers
from bot.texts import schedule as schedule_texts
from bot.texts import status as status_texts
from bot.texts.people import invitation_again
from bot.texts.status import admin_menu, welcome
from bot.words.warnings import warning_words

if TYPE_CHECKING:
    from bot.services.alarms.alarms import Alarms
    from bot.services.manager import Manager
    from bot.services.messages.timers import Timers
    from bot.services.schedule.timetable import Timetable


def build_dashboard_router() -> Router:
    """Make the router of the menus; for admins, in private chats."""
    router = Router(name="dashboard")
    router.message.register(press_start, CommandStart())
    router.message.register(ask_for_admin_menu, Command("admin", "help", "menu"))
    router.message.register(ask_for_status, Command("status"))
    router.callback_query.register(open_admin_menu, Go.filter(F.place == ScreenName.ADMIN))
    router.callback_query.register(open_backup_menu, Go.filter(F.place == ScreenName.MENU))
    router.callback_query.register(open_status, Go.filter(F.place == ScreenName.STATUS))
    router.callback_query.register(open_settings, SettingsButton.filter(F.section == Section.ALL))
    router.callback_query.register(invite_again, Go.filter(F.place == ScreenName.INVITATION))
    router.callback_query.register(ask_how_long_to_pause, Go.filter(F.place == ScreenName.PAUSE))
    router.callback_query.register(pause_schedule, Pause.filter())
    router.callback_query.register(pause_schedule, PauseTill.filter())
    router.callback_query.register(resume_schedule, Resume.filter())
    router.callback_query.register(forget_databases, Forget.filter())
    router.callback_query.register(let_archives_go, LetGo.filter())
    return router


async def press_start(
    _: Message, command: CommandObject, person: User, slot: MessageSlot, *, manager: Manager, timers: Timers
) -> None:
    """Welcome an admin, and let what is owed to them come; from a group's pointer, open the menu."""
    status, timezone = await _known_status(manager), manager.timezone
    words = (
        admin_menu(status, timezone)
        if command.args
        else welcome(person.first_name, status, timezone, warning_words(await timers.ask(slot.chat_id), timezone))
    )
    await slot.draw(Screen(words, keyboards.admin_menu()))
    await manager.recipient_started(slot.chat_id, person.full_name)
    await offer_commands(slot.bot, slot.chat_id)  # an admin who had never come in could not be given them before


async def ask_for_admin_menu(_: Message, slot: MessageSlot, manager: Manager) -> None:
    await slot.draw(Screen(admin_menu(await _known_status(manager), manager.timezone), keyboards.admin_menu()))


async def ask_for_status(_: Message, slot: MessageSlot, manager: Manager) -> None:
    await slot.draw(await status_screen(manager))


async def open_admin_menu(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.draw(Screen(admin_menu(await _known_status(manager), manager.timezone), keyboards.admin_menu()))


async def _known_status(manager: Manager) -> Status | None:
    """Return how all stands; None where that can't be read, which keeps nobody from the menu."""
    try:
        return await manager.status()
    except CourierError:
        return None


async def open_backup_menu(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.draw(await menu_screen(manager))


async def open_status(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.draw(await status_screen(manager))


async def open_settings(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    await press.draw(Screen(schedule_texts.settings(await manager.status(), manager.timezone), keyboards.settings()))


async def invite_again(_: CallbackQuery, press: ButtonPress) -> None:
    """Write a message below that is to be forwarded to who has to press Start."""
    username = (await press.slot.bot.me()).username or ""
    await press.below().draw(Screen(invitation_again(username)))


async def ask_how_long_to_pause(_: CallbackQuery, press: ButtonPress) -> None:
    await press.draw(Screen(answers.ASK_PAUSE, keyboards.pause_choices()))


async def pause_schedule(
    _: CallbackQuery, callback_data: Pause | PauseTill, press: ButtonPress, manager: Manager, timetable: Timetable
) -> None:
    now = manager.clock()
    if isinstance(callback_data, PauseTill):
        until: datetime | None = next_at(callback_data.hour, now, timetable.timezone)
    else:
        until = now + timedelta(hours=callback_data.hours) if callback_data.hours else None
    await timetable.pause(actor=press.actor, until=until, admin_id=press.admin_id)
    await press.draw(await menu_screen(manager), answers.PAUSED)


async def resume_schedule(_: CallbackQuery, press: ButtonPress, manager: Manager, timetable: Timetable) -> None:
    await timetable.resume(actor=press.actor, admin_id=press.admin_id)
    await press.draw(await menu_screen(manager), answers.RESUMED)


async def menu_screen(manager: Manager) -> Screen:
    """Draw the backup menu with the state over it."""
    status = await manager.status()
    mend = concern_row(concerns_of(status), status, ScreenName.MENU)
    text = status_texts.backup_menu(status, manager.timezone)
    return Screen(text, keyboards.backup_menu(mend, paused=status.paused is not None))


async def status_screen(manager: Manager) -> Screen:
    """Draw Backup Status."""
    status = await manager.status()
    mend = concern_row(concerns_of(status), status, ScreenName.STATUS)
    pictures = picture_buttons() if status.latest_proven is not None else []
    return Screen(status_texts.status(status, manager.timezone), keyboards.status(mend, pictures, forget_row(status)))


async def forget_databases(_: CallbackQuery, callback_data: Forget, press: ButtonPress, manager: Manager) -> None:
    """Expect what DATABASES names no more no longer, until it is found again; its backups stay."""
    names = retired_names(await manager.status())
    if key_of(names) != callback_data.key:
        await press.draw(await status_screen(manager), answers.ANOTHER_BY_NOW)
        return
    await manager.catalogue.databases.let_go(names)
    await manager.catalogue.service.audit(press.actor, Action.FORGOT, *(("database", name) for name in names))
    await press.draw(await status_screen(manager), answers.FORGOTTEN)


async def let_archives_go(
    _: CallbackQuery, callback_data: LetGo, press: ButtonPress, manager: Manager, alarms: Alarms
) -> None:
    """Miss the archives that are gone from the disk no longer, if they are those that the button was about."""
    ids = gone_ids(await manager.status())
    if key_of(ids) != callback_data.key:
        await press.draw(await status_screen(manager), answers.ANOTHER_BY_NOW)
        return
    await manager.housekeeping.let_go(map(int, ids), actor=press.actor)
    if not (await manager.status()).lost:
        await alarms.clear(AlarmKind.LOST, accepted_by=press.actor)
    await press.draw(await status_screen(manager), answers.NOT_MISSED)
