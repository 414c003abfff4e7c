"""Long polling, its conflicts and what waits in the queue."""

import asyncio

import pytest
from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramConflictError

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot


async def test_an_update_is_kept_until_it_is_confirmed(bot: Bot, ann: Person) -> None:
    """The same update comes again until the offset passes it."""
    await ann.send("/one")
    await ann.send("two")
    first, second = await bot.get_updates()
    assert first.message.entities[0].type == "bot_command"
    assert [update.update_id for update in await bot.get_updates()] == [first.update_id, second.update_id]
    assert [update.update_id for update in await bot.get_updates(offset=second.update_id)] == [second.update_id]
    assert await bot.get_updates(offset=second.update_id + 1) == []


async def test_a_waiting_poll_is_woken_by_a_message(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A long poll ends as soon as somebody writes."""
    polling = asyncio.create_task(bot.get_updates(timeout=50))
    await standin.polled()
    await ann.send("hello")
    (update,) = await polling
    assert update.message.text == "hello"


async def test_the_older_of_two_pollers_gets_the_conflict(
    standin: StandIn, bot: Bot, make_bot: MakeBot, ann: Person
) -> None:
    """The newer call goes on waiting, the older one is told of it."""
    older = asyncio.create_task(bot.get_updates(timeout=50))
    await standin.polled()
    newer = asyncio.create_task(make_bot(standin).get_updates(timeout=50))
    with pytest.raises(TelegramConflictError) as caught:
        await older
    assert caught.value.message == (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    await ann.send("hello")
    assert len(await newer) == 1


async def test_updates_wait_a_day_and_no_longer(standin: StandIn, bot: Bot, ann: Person) -> None:
    """After 24 hours a pending update is gone."""
    await ann.send("old")
    standin.clock.advance(24 * 3600 + 1)
    await ann.send("new")
    assert [update.message.text for update in await bot.get_updates() if update.message] == ["new"]


async def test_only_the_allowed_kinds_come(bot: Bot, ann: Person) -> None:
    """allowed_updates is remembered for what happens later."""
    await bot.get_updates(allowed_updates=["callback_query", "my_chat_member"])
    await ann.send("hello")
    ann.block_bot()
    (update,) = await bot.get_updates()
    assert update.my_chat_member


async def test_a_block_is_told_and_so_is_the_return(bot: Bot, ann: Person) -> None:
    """my_chat_member comes for a block and for the Start after it."""
    ann.block_bot()
    await ann.start()
    blocked, back, start = await bot.get_updates()
    assert blocked.my_chat_member.new_chat_member.status == "kicked"
    assert back.my_chat_member.new_chat_member.status == "member"
    assert start.message.text == "/start"


async def test_two_bots_have_separate_queues(standin: StandIn, bot: Bot, make_bot: MakeBot, ann: Person) -> None:
    """What is written to one bot never reaches another."""
    token = standin.create_bot_token("other_bot", name="Other")
    other = make_bot(standin, token)
    await ann.send("to the other", to=token)
    assert await bot.get_updates() == []
    assert len(await other.get_updates()) == 1
    assert (await other.get_me()).username == "other_bot"


async def test_a_member_bot_hears_only_what_concerns_it(standin: StandIn, bot: Bot, ann: Person) -> None:
    """In a group a member gets commands and replies, an administrator everything."""
    group = standin.add_group(-1005, members=[ann])
    await ann.send("chatter", to=group.chat)
    await ann.send("/admin", to=group.chat)
    sent = await bot.send_message(-1005, "panel")
    await ann.send("thanks", to=group.chat, reply_to=group.messages[-1])
    heard = [update.message.text for update in await bot.get_updates() if update.message]
    assert heard == ["/admin", "thanks"]
    assert sent.chat.type == "supergroup"


async def test_an_upgrade_is_announced_on_both_sides(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Service messages name the new id in the old chat, and the old id in the new one."""
    group = standin.add_group(-5, members=[ann])
    new = group.upgrade()
    old_side, new_side = [update.message for update in await bot.get_updates()]
    assert old_side.migrate_to_chat_id == new.id
    assert new_side.migrate_from_chat_id == -5


async def test_an_update_is_given_out_as_it_stands(standin: StandIn, bot: Bot, ann: Person) -> None:
    """What newer phones send: the stand-in holds no model against it, aiogram refuses the whole answer."""
    odd = await ann.send("odd", extra={"external_reply": {"story": {}}})
    await ann.send("an answer", reply_to=odd)
    standin.queue_update("message", {"anything": 1})
    with pytest.raises(ClientDecodeError) as caught:
        await bot.get_updates()
    first, second, third = caught.value.data["result"]
    assert first["message"]["external_reply"] == {"story": {}}
    assert second["message"]["reply_to_message"]["external_reply"] == {"story": {}}
    assert third["message"] == {"anything": 1}
    odd.chat.pinned.add(odd.id)
    with pytest.raises(ClientDecodeError):
        await bot.get_chat(ann.id)
