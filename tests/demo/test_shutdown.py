"""What is left when connections break and the stand-in closes: nothing."""

import asyncio

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError
from aiogram.types import BufferedInputFile

from bot.demo.stand_in.calls import CallStage
from tests.world import faults
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot


async def test_no_task_outlives_the_stand_in(make_bot: MakeBot) -> None:
    """Neither an abandoned long poll nor a held call stays behind."""
    before = asyncio.all_tasks()
    async with StandIn() as api:
        api.create_bot_token()
        api.add_user(11)
        bot = make_bot(api)
        polling = asyncio.create_task(bot.get_updates(timeout=50))
        await api.polled()
        gate = api.hold("sendMessage")
        sending = asyncio.create_task(bot.send_message(11, "x"))
        await gate.reached()
        polling.cancel()
        sending.cancel()
        await asyncio.wait([polling, sending])
        await bot.session.close()
    assert asyncio.all_tasks() == before


async def test_a_client_that_vanishes_leaves_no_file(standin: StandIn, ann: Person) -> None:
    """Half an upload is dropped with its connection, and is not a violation."""
    host, port = standin.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /bot{standin.bot().token}/sendDocument HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n11\r\n'
        '--b\r\nContent-Disposition: form-data; name="document"; filename="a.zip"\r\n\r\n'
    )
    writer.write(head.encode() + bytes(500_000))
    await writer.drain()
    await standin.until(lambda: any(call.uploaded_bytes for call in standin.calls))
    writer.close()
    await writer.wait_closed()
    await standin.until(lambda: all(call.done for call in standin.calls))
    assert list(standin.storage.iterdir()) == []
    assert ann.messages == []


async def test_a_reset_in_the_body_comes_in_the_middle(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The connection breaks before the whole file was received, with the parameters already known."""
    standin.inject(faults.reset(CallStage.BODY, after_bytes=1_000_000), "sendDocument", chat_id=11)
    with pytest.raises(TelegramNetworkError):
        await bot.send_document(11, BufferedInputFile(bytes(20_000_000), "a.zip"))
    (call,) = standin.calls_of("sendDocument")
    await standin.until(lambda: call.done)
    assert 1_000_000 <= call.uploaded_bytes < 20_000_000


async def test_a_body_that_makes_no_sense_is_refused(standin: StandIn, ann: Person) -> None:
    """Broken JSON answers 400 and is recorded."""
    host, port = standin.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /bot{standin.bot().token}/getMe HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n"
        "Content-Type: application/json\r\n\r\n{".encode()
    )
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()
    assert len(standin.violations) == 1
    standin.violations.clear()


async def test_a_file_name_in_any_script_survives(bot: Bot, ann: Person) -> None:
    """Names of documents are not only ASCII."""
    sent = await bot.send_document(11, BufferedInputFile(b"zip", "резервная копия “1”.zip"))
    assert sent.document.file_name == "резервная копия “1”.zip"


async def test_people_need_a_bot_to_talk_to() -> None:
    """Without a bot the error says what comes first."""
    async with StandIn() as api:
        ann = api.add_user(11)
        with pytest.raises(LookupError, match="create_bot_token"):
            await ann.send("hello")


async def test_get_chat_does_not_know_who_never_pressed_start(standin: StandIn, bot: Bot) -> None:
    """Looking at such a chat is a 400, writing to it a 403."""
    standin.add_user(12, "Bob", started=False)
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.get_chat(12)


async def test_a_taken_port_is_an_error_that_leaves_nothing(standin: StandIn) -> None:
    """The second stand-in on a port says so and removes its folder."""
    second = StandIn(port=int(standin.url.rsplit(":", 1)[1]))
    with pytest.raises(OSError, match="address"):
        await second.__aenter__()
    assert not second.storage.exists()
