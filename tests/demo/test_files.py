"""Uploads, file ids, downloads and their limits; albums; the local mode."""

import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge, TelegramRetryAfter
from aiogram.types import BufferedInputFile, FSInputFile, InputFile

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot

MIB = 1024 * 1024


class Zeros(InputFile):
    """A file of zeros that exists nowhere."""

    def __init__(self, size: int, filename: str = "zeros.zip") -> None:
        super().__init__(filename=filename)
        self.size = size

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        for start in range(0, self.size, 256 * 1024):
            yield bytes(min(256 * 1024, self.size - start))


async def test_a_document_comes_back_as_it_was(standin: StandIn, bot: Bot, ann: Person, tmp_path: Path) -> None:
    """The phone, the disk and a download all hold the bytes that were sent."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"zip" * 100_000)
    sent = await bot.send_document(11, FSInputFile(path), caption="<b>a</b>", disable_notification=True)
    assert (sent.document.file_name, sent.document.file_size) == ("a.zip", 300_000)
    shown = ann.last
    assert await shown.document.read() == path.read_bytes()
    assert (shown.text, shown.silent) == ("a", True)
    data = await bot.download(sent.document)
    assert data.read() == path.read_bytes()
    (call,) = standin.calls_of("sendDocument", chat_id=11, ok=True)
    assert call.uploaded_bytes == standin.uploaded_bytes == 300_000
    assert standin.calls_of("download")[0].downloaded_bytes == 300_000


async def test_a_file_id_uploads_nothing(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The same file goes to somebody else without its bytes."""
    bob = standin.add_user(12, "Bob")
    sent = await bot.send_document(11, BufferedInputFile(b"zip", "a.zip"))
    again = await bot.send_document(12, sent.document.file_id)
    assert again.document.file_unique_id == sent.document.file_unique_id
    assert bob.last.document == ann.last.document
    assert standin.uploaded_bytes == 3


async def test_file_ids_are_per_bot_and_go_stale(standin: StandIn, bot: Bot, make_bot: MakeBot, ann: Person) -> None:
    """Another bot's id, an unknown one and a forgotten one each refuse, at sending and at getFile."""
    other = make_bot(standin, standin.create_bot_token("other_bot"))
    await ann.start(to=standin.bot(other.token))
    sent = await bot.send_document(11, BufferedInputFile(b"zip", "a.zip"))
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: wrong file identifier/HTTP URL specified$"):
        await other.send_document(11, sent.document.file_id)
    standin.forget_files()
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: wrong file identifier/HTTP URL specified$"):
        await bot.send_document(11, sent.document.file_id)
    with pytest.raises(
        TelegramBadRequest, match=r"- Bad Request: wrong file_id or the file is temporarily unavailable$"
    ):
        await bot.get_file(sent.document.file_id)


async def test_50_mb_go_up_flat_and_not_a_byte_more(standin: StandIn, bot: Bot, ann: Person) -> None:
    """The limit itself passes in constant memory; a byte more answers 413 and leaves nothing behind."""
    tracemalloc.start()
    try:
        await bot.send_document(11, Zeros(50 * MIB))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    with pytest.raises(TelegramEntityTooLarge, match="Request Entity Too Large"):
        await bot.send_document(11, Zeros(50 * MIB + 1))
    assert [path.stat().st_size for path in standin.storage.iterdir()] == [50 * MIB]


async def test_the_bot_downloads_up_to_20_mib(bot: Bot, ann: Person) -> None:
    """20,971,520 bytes can be fetched, one more is too big."""
    fits = await bot.send_document(11, Zeros(20_971_520))
    too_big = await bot.send_document(11, Zeros(20_971_521))
    assert (await bot.get_file(fits.document.file_id)).file_path
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: file is too big$"):
        await bot.get_file(too_big.document.file_id)


async def test_an_empty_file_is_refused(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Nothing can't be sent, and nothing of it is kept."""
    with pytest.raises(TelegramBadRequest, match=r"- Bad Request: file must be non-empty$"):
        await bot.send_document(11, BufferedInputFile(b"", "a.zip"))
    assert ann.messages == []
    assert list(standin.storage.iterdir()) == []


async def test_a_person_sends_files_and_albums(bot: Bot, ann: Person, tmp_path: Path) -> None:
    """What a phone sends or forwards reaches the bot as documents it can download."""
    paths = [tmp_path / name for name in ("a.zip.001", "a.zip.002")]
    for path in paths:
        path.write_bytes(path.name.encode())
    await ann.send_document(paths[0], caption="restore", name="renamed.zip")
    album = await ann.send_album(paths)
    await ann.forward(*album)
    updates = [update.message for update in await bot.get_updates() if update.message]
    names = [message.document.file_name for message in updates if message.document]
    assert names == ["renamed.zip", "a.zip.001", "a.zip.002", "a.zip.001", "a.zip.002"]
    groups = [message.media_group_id for message in updates]
    assert groups[0] is None
    assert groups[1] == groups[2] != groups[3] == groups[4]
    assert updates[3].forward_origin
    assert updates[4].document
    data = await bot.download(updates[4].document)
    assert data.read() == b"a.zip.002"


async def test_one_message_per_second_on_request(make_bot: MakeBot) -> None:
    """With rate limits on, the second message within a second answers 429."""
    async with StandIn(rate_limits=True) as api:
        api.create_bot_token()
        api.add_user(11)
        bot = make_bot(api)
        await bot.send_message(11, "one")
        with pytest.raises(TelegramRetryAfter):
            await bot.send_message(11, "two")
        api.clock.advance(1)
        panel = await bot.send_message(11, "two")
        for count in range(18):
            await bot.edit_message_text(f"{count} %", chat_id=11, message_id=panel.message_id)
        api.clock.advance(2)
        with pytest.raises(TelegramRetryAfter) as caught:  # edits are in the same account: the archive has to wait
            await bot.send_document(11, Zeros(1))
        assert 50 <= caught.value.retry_after <= 57
        api.clock.advance(caught.value.retry_after)
        await bot.send_document(11, Zeros(1))


async def test_a_local_server_lifts_the_limits(make_bot: MakeBot, tmp_path: Path) -> None:
    """No 50 MB, no 20 MiB, absolute paths from getFile, and files named by file://."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"zip")
    async with StandIn(local=True) as api:
        api.create_bot_token()
        ann = api.add_user(11)
        bot = make_bot(api, is_local=True)
        sent = await bot.send_document(11, Zeros(51 * MIB))
        assert Path((await bot.get_file(sent.document.file_id)).file_path or "").is_absolute()
        named = await bot.send_document(11, path.as_uri())
        data = await bot.download(named.document)
        assert data.read() == b"zip"
        assert ann.last.document.name == "a.zip"
        assert api.violations == []


async def test_its_folder_is_gone_at_the_end() -> None:
    """Files do not outlive the stand-in."""
    async with StandIn() as other:
        private = other.storage
        assert private.is_dir()
    assert not private.exists()
