"""Chats, members, commands, phones and what they wait for."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import keyboard


async def test_the_narrowest_commands_are_shown(bot: Bot, ann: Person) -> None:
    """A chat's own commands come before the default ones, and go when they are deleted."""
    await bot.set_my_commands([BotCommand(command="start", description="Start")])
    scope = BotCommandScopeChat(chat_id=11)
    await bot.set_my_commands([BotCommand(command="admin", description="Dashboard")], scope=scope)
    assert ann.commands() == [("admin", "Dashboard")]
    await bot.delete_my_commands(scope=scope)
    assert ann.commands() == [("start", "Start")]
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="Admin!", description="x")])


async def test_an_action_looks_at_the_chat_alone(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A topic that is gone takes no message, and an action all the same."""
    assert await bot.send_chat_action(11, "upload_document")
    forum = standin.add_group(-1005, members=[ann], is_forum=True)
    topic = forum.add_topic("Backups")
    topic.deleted = True
    assert await bot.send_chat_action(-1005, "upload_document", message_thread_id=topic.id), (
        "only the chat is looked at"
    )
    with pytest.raises(TelegramBadRequest, match="message thread not found"):
        await bot.send_message(-1005, "never", message_thread_id=topic.id)


async def test_a_phone_waits_for_what_is_new_since_its_last_act(bot: Bot, ann: Person) -> None:
    """An answer that came before the wait counts, one from before the act doesn't."""
    await bot.send_message(11, "<b>panel</b> &amp; co")
    assert (ann.last.text, ann.last.html) == ("panel & co", "<b>panel</b> &amp; co")
    await bot.send_message(11, "panel")
    await ann.send("/admin")
    with pytest.raises(TimeoutError, match="shows"):
        await ann.wait_for(lambda m: m.text == "panel", within=0)
    assert (await ann.wait_for(lambda m: m.text == "panel", since=0)).text == "panel"
    await bot.send_message(11, "panel")
    assert (await ann.wait_for(lambda m: m.text == "panel")).id == ann.last.id


async def test_a_press_needs_a_button_that_is_there(bot: Bot, ann: Person) -> None:
    """A wrong caption names the right ones; an old version can be pressed on purpose."""
    sent = await bot.send_message(11, "panel", reply_markup=keyboard("Back up", "run", style="primary"))
    assert ann.last.buttons[0][0].style == "primary"
    shown = ann.last
    with pytest.raises(LookupError, match="Back up"):
        await ann.press("Restore")
    await bot.edit_message_text("done", chat_id=11, message_id=sent.message_id)
    with pytest.raises(LookupError):
        await ann.press("Back up", message=shown)
    await ann.press("Back up", message=shown, stale=True)
    await bot.delete_message(11, sent.message_id)
    ann.press_data("forged", shown)
    stale, forged = [update.callback_query for update in await bot.get_updates()]
    assert stale.data == "run"
    assert forged.data == "forged"
    assert isinstance(forged.message, InaccessibleMessage)


async def test_a_button_must_do_something(bot: Bot, ann: Person) -> None:
    """A button without an action is refused."""
    markup = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Nothing")]])
    with pytest.raises(TelegramBadRequest, match="Text buttons are unallowed in the inline keyboard"):
        await bot.send_message(11, "x", reply_markup=markup)


async def test_people_in_a_group_press_the_same_buttons(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A press in a group says who pressed it, and only they see the answer."""
    bob = standin.add_user(12, "Bob")
    group = standin.add_group(-1005, members=[ann, bob])
    await bot.send_message(-1005, "panel", reply_markup=keyboard())
    press = await bob.press("Go", where=group.chat)
    (update,) = await bot.get_updates()
    assert update.callback_query.from_user.id == 12
    await update.callback_query.answer("fine")
    assert (await press.answered()).text == "fine"
    assert ann.alerts == []
    assert [alert.text for alert in bob.alerts] == ["fine"]


async def test_a_condition_on_anything_can_be_awaited(standin: StandIn, bot: Bot, ann: Person) -> None:
    """What doesn't come true says which calls there were."""
    await bot.send_message(11, "x")
    await standin.until(lambda: len(standin.calls_of("sendMessage")) == 1)
    with pytest.raises(TimeoutError, match="sendMessage"):
        await standin.until(lambda: False, within=0)


async def test_a_timer_is_told_and_asked_for(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A service message in private chats and in groups, a plain member hears it too; getChat names the seconds."""
    group = standin.add_group(-1005, members=[ann])
    for where, chat_id in ((None, ann.id), (group.chat, -1005)):
        assert (await bot.get_chat(chat_id)).message_auto_delete_time is None
        await ann.set_timer(86_400, where=where)
        assert (await bot.get_chat(chat_id)).message_auto_delete_time == 86_400
    changes = [update.message.message_auto_delete_timer_changed for update in await bot.get_updates() if update.message]
    assert [change.message_auto_delete_time for change in changes if change] == [86_400, 86_400]
