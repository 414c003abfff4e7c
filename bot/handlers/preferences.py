"""Handles “My messages”: each admin chooses what comes to the chat they press in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.errors import CourierError, NotFoundError
from bot.handlers import preference_buttons as keys
from bot.handlers.drawing.keyboards import Go, ScreenName
from bot.handlers.drawing.screen import ButtonPress, Screen
from bot.handlers.preference_buttons import (
    AskEnd,
    ChooseMode,
    ChooseQuiet,
    Follow,
    FollowAll,
    MyDatabases,
    MyPage,
    NoQuiet,
    Page,
)
from bot.models import QuietHours
from bot.texts import preferences as words

if TYPE_CHECKING:
    from bot.services.messages.preferences import Preferences


def build_preferences_router() -> Router:
    """Make the router of “My messages”; for admins, in private chats."""
    router = Router(name="preferences")
    router.callback_query.register(open_my_messages, Go.filter(F.place == ScreenName.MESSAGES))
    router.callback_query.register(open_quiet_hours, MyPage.filter(F.page == Page.QUIET))
    router.callback_query.register(ask_for_the_start, MyPage.filter(F.page == Page.START))
    router.callback_query.register(ask_for_the_end, AskEnd.filter())
    router.callback_query.register(choose_mode, ChooseMode.filter())
    router.callback_query.register(choose_quiet_hours, ChooseQuiet.filter())
    router.callback_query.register(choose_no_quiet_hours, NoQuiet.filter())
    router.callback_query.register(open_my_databases, MyDatabases.filter())
    router.callback_query.register(choose_database, Follow.filter())
    router.callback_query.register(choose_all_databases, FollowAll.filter())
    return router


async def open_my_messages(_: CallbackQuery, press: ButtonPress, preferences: Preferences) -> None:
    await press.draw(await main_screen(press, preferences))


async def choose_mode(
    _: CallbackQuery, callback_data: ChooseMode, press: ButtonPress, preferences: Preferences
) -> None:
    mode = keys.MODES[callback_data.mode]
    await preferences.choose_mode(press.chat_id, mode, actor=press.actor)
    await press.draw(await main_screen(press, preferences), words.CHOSEN[mode])


async def open_quiet_hours(_: CallbackQuery, press: ButtonPress, preferences: Preferences) -> None:
    await press.draw(await quiet_screen(press, preferences))


async def ask_for_the_start(_: CallbackQuery, press: ButtonPress) -> None:
    await press.draw(Screen(words.ask_start(), keys.start_hours()))


async def ask_for_the_end(
    _: CallbackQuery, callback_data: AskEnd, press: ButtonPress, preferences: Preferences
) -> None:
    quiet = (await preferences.of(press.chat_id)).quiet
    alarms = quiet is not None and quiet.alarms
    await press.draw(Screen(words.ask_end(callback_data.start), keys.end_hours(callback_data.start, alarms=alarms)))


async def choose_quiet_hours(
    _: CallbackQuery, callback_data: ChooseQuiet, press: ButtonPress, preferences: Preferences
) -> None:
    """Set the hours; moving one end onto the other is refused."""
    start, end = callback_data.start, callback_data.end
    if start == end:
        await press.answer(words.SAME_MINUTE, alert=True)
        await press.draw(await quiet_screen(press, preferences))
        return
    quiet = QuietHours(start=start, end=end, alarms=callback_data.alarms)
    await preferences.choose_quiet(press.chat_id, quiet, actor=press.actor)
    await press.draw(await quiet_screen(press, preferences), words.QUIET_SET)


async def choose_no_quiet_hours(_: CallbackQuery, press: ButtonPress, preferences: Preferences) -> None:
    await preferences.choose_quiet(press.chat_id, None, actor=press.actor)
    await press.draw(await quiet_screen(press, preferences), words.QUIET_OFF)


async def open_my_databases(
    _: CallbackQuery, callback_data: MyDatabases, press: ButtonPress, preferences: Preferences
) -> None:
    await press.draw(await databases_screen(press, preferences, callback_data.page))


async def choose_database(
    _: CallbackQuery, callback_data: Follow, press: ButtonPress, preferences: Preferences
) -> None:
    """Tick a database or take the tick away; one that is gone, and the last tick, are answered with why not."""
    known = await preferences.known()
    name = next((name for name in known if keys.key_of(name) == callback_data.key), "")
    try:
        if not name:
            raise NotFoundError(words.DATABASE_GONE)
        await preferences.follow(press.chat_id, name, callback_data.wanted, actor=press.actor)
    except CourierError as error:
        await press.answer(f"{error.sentence} {error.hint}".strip(), alert=True)
    await press.draw(await databases_screen(press, preferences, callback_data.page))


async def choose_all_databases(_: CallbackQuery, press: ButtonPress, preferences: Preferences) -> None:
    await preferences.follow_all(press.chat_id, actor=press.actor)
    await press.draw(await databases_screen(press, preferences, 0), words.ALL_DATABASES)


async def main_screen(press: ButtonPress, preferences: Preferences) -> Screen:
    """Draw what is chosen, and what follows from it."""
    seen = await preferences.my_messages(press.chat_id)
    return Screen(words.my_messages(seen, preferences.timezone), keys.my_messages(seen.choice))


async def quiet_screen(press: ButtonPress, preferences: Preferences) -> Screen:
    """Draw the quiet hours."""
    seen = await preferences.my_messages(press.chat_id)
    return Screen(words.quiet_hours(seen, preferences.timezone), keys.quiet_hours(seen.choice.quiet))


async def databases_screen(press: ButtonPress, preferences: Preferences, page: int) -> Screen:
    """Draw which databases are chosen."""
    seen = await preferences.my_messages(press.chat_id)
    return Screen(words.databases(seen), keys.databases(seen, page))
