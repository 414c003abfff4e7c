"""The refusals of the official server, word for word, as aiogram raises them."""

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.methods import SendDice
from aiogram.types import (
    BufferedInputFile,
    KeyboardButton,
    KeyboardButtonRequestUsers,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot, keyboard


async def test_a_blocked_bot_is_forbidden_to_write(bot: Bot, ann: Person) -> None:
    """Blocking answers 403 until the person presses Start again."""
    ann.block_bot()
    with pytest.raises(
        TelegramForbiddenError, match=r"^Telegram server says - Forbidden: bot was blocked by the user$"
    ):
        await bot.send_message(11, "hello")
    await ann.start()
    await bot.send_message(11, "hello")
    assert ann.last.text == "hello"


async def test_who_never_pressed_start_cannot_be_written_to(standin: StandIn, bot: Bot) -> None:
    """A known person who has not pressed Start answers 403, and is written to after Start."""
    bob = standin.add_user(12, "Bob", started=False)
    with pytest.raises(TelegramForbiddenError, match=r"Forbidden: bot can't initiate conversation with a user$"):
        await bot.send_message(12, "hello")
    await bob.start()
    await bot.send_message(12, "hello")
    assert [m.text for m in bob.messages] == ["/start", "hello"]


@pytest.mark.parametrize("chat_id", [404, -404, -100404])
async def test_an_unknown_chat_is_not_found(bot: Bot, chat_id: int) -> None:
    """An id nobody has answers 400."""
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: chat not found$"):
        await bot.send_message(chat_id, "hello")


@pytest.mark.parametrize(("chat_id", "kind"), [(-5, "group"), (-1005, "supergroup")])
async def test_a_group_says_why_the_bot_is_out(
    standin: StandIn, bot: Bot, ann: Person, chat_id: int, kind: str
) -> None:
    """Kicked and not a member are different 403s, and name the kind of group."""
    group = standin.add_group(chat_id, members=[ann])
    group.kick_bot(standin.bot())
    with pytest.raises(TelegramForbiddenError, match=rf"- Forbidden: bot was kicked from the {kind} chat$"):
        await bot.send_message(chat_id, "hello")
    group.add_bot(standin.bot(), "left")
    with pytest.raises(TelegramForbiddenError, match=rf"- Forbidden: bot is not a member of the {kind} chat$"):
        await bot.send_message(chat_id, "hello")


async def test_an_upgraded_group_names_its_supergroup(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The old id answers where the group went, and the new id works."""
    group = standin.add_group(-5, members=[ann])
    supergroup = group.upgrade()
    with pytest.raises(TelegramMigrateToChat, match="group chat was upgraded to a supergroup chat") as caught:
        await bot.send_message(-5, "hello")
    assert caught.value.migrate_to_chat_id == supergroup.id
    await bot.send_message(supergroup.id, "hello")
    assert [m.text for m in supergroup.messages] == ["hello"]


async def test_topics_can_be_closed_or_gone(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A closed topic, a deleted one, General by number and one that never was each refuse."""
    forum = standin.add_group(-1005, members=[ann], is_forum=True)
    topic = forum.add_topic("Backups")
    sent = await bot.send_message(-1005, "hello", message_thread_id=topic.id)
    assert (sent.message_thread_id, sent.is_topic_message) == (topic.id, True)
    assert [m.text for m in forum.messages_in(topic.id)] == ["hello"]
    topic.closed = True
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: TOPIC_CLOSED$"):
        await bot.send_message(-1005, "hello", message_thread_id=topic.id)
    topic.deleted = True
    for thread in (topic.id, 1, 999):
        with pytest.raises(TelegramBadRequest, match=r"- Bad Request: message thread not found$"):
            await bot.send_message(-1005, "hello", message_thread_id=thread)


async def test_a_wrong_token_is_unauthorized(standin: StandIn, make_bot: MakeBot) -> None:
    """A token nobody has answers 401."""
    with pytest.raises(TelegramUnauthorizedError, match=r"- Unauthorized$"):
        await make_bot(standin, "123:wrong").get_me()


async def test_text_and_caption_have_limits_after_parsing(bot: Bot, ann: Person) -> None:
    """4096 and 1024 characters fit, tags not counted; one more doesn't."""
    file = BufferedInputFile(b"x", "x.zip")
    await bot.send_message(11, f"<b>{'a' * 4096}</b>")
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: message is too long$"):
        await bot.send_message(11, "a" * 4097)
    await bot.send_document(11, file, caption=f"<b>{'a' * 1024}</b>")
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: message caption is too long$"):
        await bot.send_document(11, file, caption="a" * 1025)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (" <b> </b> ", "message text is empty"),
        ("é <h1>x</h1>", 'can\'t parse entities: Unsupported start tag "h1" at byte offset 3'),
    ],
)
async def test_a_text_that_is_blank_or_cannot_be_parsed_is_refused(
    bot: Bot, ann: Person, text: str, error: str
) -> None:
    """Blanks and empty tags make no message; of bad markup the server names the tag and the byte."""
    with pytest.raises(TelegramBadRequest) as caught:
        await bot.send_message(11, text)
    assert caught.value.message == f"Bad Request: {error}"


async def test_callback_data_is_measured_in_bytes(bot: Bot, ann: Person) -> None:
    """64 bytes fit; 33 two-byte letters don't."""
    await bot.send_message(11, "x", reply_markup=keyboard(data="é" * 32))
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: BUTTON_DATA_INVALID$"):
        await bot.send_message(11, "x", reply_markup=keyboard(data="é" * 33))


async def test_a_press_is_answered_in_time_and_briefly(standin: StandIn, bot: Bot, ann: Person) -> None:
    """More than 200 characters are refused, and so is an answer that comes too late."""
    message = await bot.send_message(11, "x", reply_markup=keyboard(data="go"))
    press = await ann.press("Go")
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await bot.answer_callback_query(press.query.id, "a" * 201)
    await bot.answer_callback_query(press.query.id, "a" * 200, show_alert=True)
    assert (await press.answered()).show_alert
    late = await ann.press("Go", message=ann.messages[0])
    standin.clock.advance(3600)
    with pytest.raises(
        TelegramBadRequest,
        match=r"- Bad Request: query is too old and response timeout expired or query ID is invalid$",
    ):
        await bot.answer_callback_query(late.query.id)
    assert message.reply_markup


async def test_an_unknown_method_is_not_found(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A method the stand-in doesn't play answers 404 and is recorded as a violation."""
    with pytest.raises(TelegramNotFound, match="Not Found: method not found"):
        await bot(SendDice(chat_id=11))
    assert standin.violations == ["sendDice: the stand-in has no such method"]
    standin.violations.clear()


async def test_people_and_groups_are_picked_in_private_chats_only(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A keyboard with such a button is refused in a group; in a private chat it stays until one takes it away."""
    request = KeyboardButtonRequestUsers(request_id=1)
    picker = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Choose", request_users=request)]])
    group = standin.add_group(-500, members=[ann])
    with pytest.raises(TelegramBadRequest, match="users can be requested in private chats only"):
        await bot.send_message(group.id, "Whom?", reply_markup=picker)
    await bot.send_message(ann.id, "Whom?", reply_markup=picker)
    assert ann.keyboard == [["Choose"]]
    await bot.send_message(ann.id, "Gone", reply_markup=ReplyKeyboardRemove())
    assert ann.keyboard == []
