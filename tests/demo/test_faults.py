"""Every fault on demand, as aiogram meets it."""

import asyncio

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    RestartingTelegram,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import BufferedInputFile

from bot.demo.stand_in.calls import CallStage
from tests.world import faults
from tests.world.faults import Fault
from tests.world.phones import Person
from tests.world.stand_in import StandIn

FILE = BufferedInputFile(bytes(2_000_000), "a.zip")


async def test_a_flood_carries_its_seconds_twice(standin: StandIn, bot: Bot, ann: Person) -> None:
    """429 has the header and the parameter; the next call passes."""
    standin.inject(faults.flood(7), "sendMessage", times=2)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{standin.url}/bot{bot.token}/sendMessage", data={"chat_id": "11", "text": "x"}) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert await answer.json() == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 7",
            "parameters": {"retry_after": 7},
        }
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(11, "x")
    assert caught.value.retry_after == 7
    await bot.send_message(11, "x")


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (faults.forbidden("user is deactivated"), TelegramForbiddenError, "Forbidden: user is deactivated"),
        (faults.bad_request("TOPIC_CLOSED"), TelegramBadRequest, "Bad Request: TOPIC_CLOSED"),
        (faults.migrated(-1007), TelegramMigrateToChat, "upgraded to a supergroup chat"),
        (faults.refused(409, "Conflict: x"), TelegramConflictError, "Conflict: x"),
        (faults.too_large(), TelegramEntityTooLarge, "Request Entity Too Large"),
        (faults.too_large(html=True), ClientDecodeError, "413 Request Entity Too Large"),
        (faults.server_error(), RestartingTelegram, "Internal Server Error: restart"),
        (faults.server_error(502, "Bad Gateway"), TelegramServerError, "Bad Gateway"),
        (faults.server_error(502, html=True), ClientDecodeError, "502 Bad Gateway"),
        (faults.server_error(500, None), TypeError, ""),
        (faults.reset(CallStage.ARRIVAL), TelegramNetworkError, ""),
        (faults.reset(CallStage.BODY, after_bytes=100_000), TelegramNetworkError, ""),
        (faults.reset(), TelegramNetworkError, ""),
    ],
)
async def test_a_fault_strikes_and_nothing_is_sent(
    standin: StandIn, bot: Bot, ann: Person, fault: Fault, error: type[Exception], text: str
) -> None:
    """The call fails in the way asked for, nothing arrives, and the next call succeeds."""
    rule = standin.inject(fault, "sendDocument")
    with pytest.raises(error, match=text or None):
        await bot.send_document(11, FILE)
    assert ann.messages == []
    await rule.struck()
    await bot.send_document(11, FILE)
    await standin.until(lambda: all(call.done for call in standin.calls))
    assert [call.ok for call in standin.calls_of("sendDocument")] == [False, True]
    assert len(list(standin.storage.iterdir())) == 1


async def test_an_answer_can_be_lost_after_delivery(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The bot sees a broken connection although the phone has the message."""
    standin.inject(faults.lost_answer(), "sendDocument")
    with pytest.raises(TelegramNetworkError):
        await bot.send_document(11, FILE)
    assert ann.last.document


async def test_an_answer_can_come_too_late(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Held at the answer, a call times out for the bot and has arrived all the same."""
    gate = standin.hold("sendMessage", stage=CallStage.ANSWER)
    sending = asyncio.create_task(bot.send_message(11, "x"))
    await gate.reached()
    assert ann.last.text == "x"
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_gate_holds_calls_until_it_opens(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Nothing happens while a call is held; others pass."""
    gate = standin.hold("sendMessage", chat_id=11)
    standin.add_user(12)
    sending = asyncio.create_task(bot.send_message(11, "held"))
    await gate.reached()
    await bot.send_message(12, "not held")
    assert ann.messages == []
    gate.open()
    await sending
    assert ann.last.text == "held"


async def test_a_held_call_does_not_keep_the_stand_in_from_closing(bot: Bot, standin: StandIn, ann: Person) -> None:
    """Closing lets everything go that was held."""
    gate = standin.hold("sendMessage")
    sending = asyncio.create_task(bot.send_message(11, "held"))
    await gate.reached()
    await standin.close()
    await asyncio.wait([sending])
    assert sending.done()
    sending.exception()


async def test_rules_choose_their_calls(standin: StandIn, bot: Bot, ann: Person) -> None:
    """By chat, by predicate and by number: the second document to one person fails, twice."""
    standin.add_user(12)
    rule = standin.inject(
        faults.flood(1), "sendDocument", chat_id=11, when=lambda call: call.params.get("caption") == "x", nth=2, times=2
    )
    outcomes = []
    for chat_id, caption in ((12, "x"), (11, "y"), (11, "x"), (11, "x"), (11, "x"), (11, "x")):
        try:
            await bot.send_document(chat_id, BufferedInputFile(b"zip", "a.zip"), caption=caption)
            outcomes.append(True)
        except TelegramRetryAfter:
            outcomes.append(False)
    assert outcomes == [True, True, True, False, False, True]
    assert rule.hits == 2


async def test_an_upload_of_many_chunks_is_one_call(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The second upload is cut in its body, not the second chunk of the first."""
    standin.inject(faults.reset(CallStage.BODY), "sendDocument", nth=2)
    await bot.send_document(11, FILE)
    with pytest.raises(TelegramNetworkError):
        await bot.send_document(11, FILE)


async def test_a_rule_can_be_for_ever_and_be_cancelled(standin: StandIn, bot: Bot, ann: Person) -> None:
    """times=None strikes until it is cancelled."""
    rule = standin.inject(faults.forbidden(), "sendMessage", times=None)
    for _ in range(3):
        with pytest.raises(TelegramForbiddenError):
            await bot.send_message(11, "x")
    rule.cancel()
    await bot.send_message(11, "x")


async def test_nothing_but_the_method_is_known_on_arrival(standin: StandIn) -> None:
    """A rule that could never match is refused when it is made."""
    with pytest.raises(ValueError, match="nothing but the method"):
        standin.inject(faults.reset(CallStage.ARRIVAL), "sendMessage", chat_id=11)


async def test_a_download_can_be_truncated(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The connection ends before the promised length, once."""
    sent = await bot.send_document(11, FILE)
    standin.inject(faults.truncated(1_000_000), "download")
    with pytest.raises(aiohttp.ClientPayloadError):
        await bot.download(sent.document)
    data = await bot.download(sent.document)
    assert len(data.read()) == 2_000_000


async def test_downloads_and_polling_can_fail_as_well(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A fault for `download` answers a status, one for getUpdates cuts the poll."""
    sent = await bot.send_document(11, FILE)
    standin.inject(faults.server_error(502, html=True), "download")
    with pytest.raises(aiohttp.ClientResponseError):
        await bot.download(sent.document)
    standin.inject(faults.reset(), "getUpdates")
    with pytest.raises(TelegramNetworkError):
        await bot.get_updates()
