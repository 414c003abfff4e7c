"""Each answer of the Bot API, and what it means for a delivery."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiohttp import InvalidURL

from bot.demo.stand_in.calls import CallStage
from bot.models import Recipient, StoredVolume
from bot.services.contracts.destination import (
    ArchiveGone,
    DoubtfulFile,
    Migrated,
    Notice,
    Outcome,
    OutgoingVolume,
    Parked,
    Refused,
    Sent,
    StaleFile,
    TooLarge,
    Transient,
    Unfit,
    Wait,
)
from bot.services.telegram.chat import TelegramChat
from bot.services.telegram.destination import TelegramDestination
from bot.services.telegram.notices import TelegramNotices
from tests.world import faults
from tests.world.delivery import volume_of
from tests.world.faults import Fault
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession

ANN = Recipient(chat_id=11)
SIZE = 700_000  # more than two chunks, and not a whole number of them


@pytest.fixture
async def bot(standin: StandIn) -> AsyncIterator[Bot]:
    """The stand-in's bot."""
    session = LoopbackSession(api=TelegramAPIServer.from_base(standin.url), timeout=20)
    yield (bot := Bot(standin.bot().token, session=session))
    await bot.session.close()


@pytest.fixture
def destination(bot: Bot) -> TelegramDestination:
    """Telegram, as the ledger sees it."""
    return TelegramDestination(bot)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A file to send."""
    path = tmp_path / "database_backup_20260713_050000.zip"
    path.write_bytes(bytes(range(256)) * (SIZE // 256) + b"tail")
    return path


async def send(
    destination: TelegramDestination,
    archive: Path,
    recipient: Recipient = ANN,
    *,
    file_id: str = "",
    caption: str = "<b>a</b>",
    silent: bool = True,
) -> Sent:
    outgoing = OutgoingVolume(volume=volume_of(archive), caption=caption, silent=silent, file_id=file_id)
    return await destination.send_volume(recipient, outgoing)


async def outcome_of(destination: TelegramDestination, archive: Path, file_id: str = "") -> Outcome:
    with pytest.raises(Outcome) as caught:
        await send(destination, archive, file_id=file_id)
    return caught.value


STANDING = [
    (faults.forbidden("bot was blocked by the user"), "must open the bot and press Start"),
    (faults.forbidden("bot can't initiate conversation with a user"), "must open the bot and press Start"),
    (faults.bad_request("chat not found"), "must open the bot and press Start"),
    (faults.forbidden("user is deactivated"), "account was deleted"),
    (faults.forbidden("bot was kicked from the supergroup chat"), "add it again"),
    (faults.forbidden("bot is not a member of the supergroup chat"), "not in this group"),
    (faults.forbidden("something new"), "something new"),
    (faults.bad_request("not enough rights to send documents to the chat"), "an administrator must allow it"),
    (faults.bad_request("TOPIC_CLOSED"), "topic is closed"),
    (faults.bad_request("message thread not found"), "topic is gone"),
    (faults.bad_request("have no write access to the chat"), "may not write there"),
    (faults.bad_request("CHAT_ADMIN_REQUIRED"), "must be an administrator"),
    (faults.forbidden("bot can't send messages to the bot"), "bots can't write to one another"),
]


@pytest.mark.parametrize(("fault", "words"), STANDING, ids=[str(fault.error) for fault, _ in STANDING])
async def test_a_standing_refusal_says_what_the_person_must_do(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path, fault: Fault, words: str
) -> None:
    """What stays until a person acts parks the recipient, with what they have to do."""
    standin.inject(fault, "sendDocument")
    outcome = await outcome_of(destination, archive)
    assert isinstance(outcome, Parked)
    assert words in outcome.sentence


PASSING = [
    (faults.server_error(), False),
    (faults.server_error(502, html=True), False),
    (faults.server_error(500, None), False),
    (faults.server_error(504, None), False),
    (faults.bad_request("FILE_PART_0_MISSING"), False),
    (faults.refused(409, "Conflict: something"), False),
    (faults.refused(418, "I'm a teapot"), False),
    (faults.reset(CallStage.BODY), False),
    (faults.reset(CallStage.CALL), True),
    (faults.lost_answer(), True),
]


@pytest.mark.parametrize(("fault", "ambiguous"), PASSING)
async def test_a_passing_trouble_is_tried_again_and_says_whether_it_may_have_arrived(
    standin: StandIn,
    destination: TelegramDestination,
    ann: Person,
    tmp_path: Path,
    fault: Fault,
    ambiguous: bool,
) -> None:
    """5xx in all its forms, unlisted refusals and cuts are transient; only after the last byte are they ambiguous."""
    archive = tmp_path / "database_backup_20260713_050000.zip"
    archive.write_bytes(bytes(40_000_000))  # more than the sockets between here and there can hold
    standin.inject(fault, "sendDocument")
    outcome = await outcome_of(destination, archive)
    assert isinstance(outcome, Transient)
    assert outcome.ambiguous is ambiguous


async def test_no_answer_in_time_is_ambiguous(
    standin: StandIn, bot: Bot, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """A timeout after the whole file was sent may have delivered it, and here it did."""

    async def impatient(make_request: object, bot: Bot, method: object) -> object:
        return await bot.session.make_request(bot, method, timeout=1)  # type: ignore[arg-type]

    bot.session.middleware(impatient)  # type: ignore[arg-type]
    gate = standin.hold("sendDocument", stage=CallStage.ANSWER)
    archive.write_bytes(b"a few bytes")  # they are out long before the second is over
    outcome = await outcome_of(destination, archive)
    assert isinstance(outcome, Transient)
    assert outcome.ambiguous
    assert len(ann.messages) == 1
    gate.open()


@pytest.mark.parametrize("html", [False, True])
async def test_a_volume_too_large_names_the_setting(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path, html: bool
) -> None:
    """413 from the server or from the proxy before it is no network trouble: a retry would never help."""
    standin.inject(faults.too_large(html=html), "sendDocument")
    outcome = await outcome_of(destination, archive)
    assert isinstance(outcome, TooLarge)
    assert "VOLUME_SIZE_MB" in outcome.sentence


async def test_a_flood_says_how_long_to_wait(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """429 is obeyed to the second."""
    standin.inject(faults.flood(37), "sendDocument")
    outcome = await outcome_of(destination, archive)
    assert isinstance(outcome, Wait)
    assert outcome.seconds == 37


async def test_a_migrated_group_names_its_new_id(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """A group that became a supergroup is followed."""
    new = standin.add_group(-5, members=[ann]).upgrade()
    with pytest.raises(Migrated) as caught:
        await send(destination, archive, Recipient(chat_id=-5))
    assert caught.value.new_chat_id == new.id


async def test_a_stale_file_id_is_told_from_a_bad_chat(
    destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """A file_id nobody knows asks for the bytes."""
    assert isinstance(await outcome_of(destination, archive, file_id="BQACnever"), StaleFile)


@pytest.mark.parametrize("text", ["invalid file_id", "invalid remote file identifier specified", "MEDIA_EMPTY"])
async def test_the_other_words_for_a_stale_file_id(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path, text: str
) -> None:
    """Known by their words where a file_id was sent, and no more than a passing trouble where bytes were."""
    standin.inject(faults.bad_request(text), "sendDocument", times=2)
    assert type(await outcome_of(destination, archive, file_id="BQACold")) is StaleFile
    assert isinstance(await outcome_of(destination, archive), Transient)


async def test_an_unlisted_refusal_of_a_file_id_is_doubted(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """It may be the file_id, or not."""
    standin.inject(faults.bad_request("SOMETHING_NEW"), "sendDocument")
    assert isinstance(await outcome_of(destination, archive, file_id="BQACold"), DoubtfulFile)


async def test_a_text_too_long_is_not_tried_again(standin: StandIn, bot: Bot, ann: Person) -> None:
    """No wait makes it shorter."""
    for text in ("text is too long", "message is too long"):
        standin.inject(faults.bad_request(text), "sendMessage")
        with pytest.raises(Unfit):
            await TelegramNotices(bot).send(ANN, Notice(html="much"))


@pytest.mark.parametrize("token", ["7:revoked", "no-token-at-all"])
async def test_a_refused_token_is_told_apart(standin: StandIn, ann: Person, archive: Path, token: str) -> None:
    """401 is the same for everybody."""
    session = LoopbackSession(api=TelegramAPIServer.from_base(standin.url))
    bot = Bot("123:abc", session=session)
    bot._Bot__token = token  # type: ignore[attr-defined]  # aiogram itself refuses to hold the second one
    assert isinstance(await outcome_of(TelegramDestination(bot), archive), Refused)
    await session.close()


async def test_an_archive_that_ends_too_early_is_not_sent_short(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """Chunked uploads carry no length: a truncated archive must break the request, not arrive as a whole one."""
    volume = volume_of(archive, count=archive.stat().st_size + 1)
    with pytest.raises(ArchiveGone, match="1 bytes too early"):
        await destination.send_volume(ANN, OutgoingVolume(volume=volume, caption="", silent=True))
    await standin.until(lambda: all(call.done for call in standin.calls))
    assert ann.messages == []


async def test_a_missing_archive_is_gone(destination: TelegramDestination, ann: Person, archive: Path) -> None:
    """A pruned archive is no trouble of Telegram's."""
    volume = volume_of(archive)
    archive.unlink()
    with pytest.raises(ArchiveGone):
        await destination.send_volume(ANN, OutgoingVolume(volume=volume, caption="", silent=True))


async def test_a_slice_arrives_as_it_is_and_its_bytes_are_counted(
    destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """A volume is a plain slice under its own name; progress adds up to its size."""
    counts: list[int] = []
    volume = volume_of(archive, number=2, total=3, offset=1000, count=600_001)
    outgoing = OutgoingVolume(volume=volume, caption="", silent=True, on_bytes=counts.append)
    await destination.send_volume(ANN, outgoing)
    document = ann.last.document
    assert document.name == f"{archive.name}.002"
    assert document.path.read_bytes() == archive.read_bytes()[1000:601_001]
    assert sum(counts) == 600_001
    assert max(counts) < 600_001


async def test_a_message_can_be_silent_and_is_never_protected(
    destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """Archives may be saved and forwarded, whatever the bot's defaults; sound is the caller's choice."""
    await send(destination, archive, silent=True)
    await send(destination, archive, silent=False)
    assert [message.silent for message in ann.messages] == [True, False]
    assert not any(message.protected for message in ann.messages)


@pytest.mark.parametrize("caption", ["<h1>never</h1> &amp; nowhere", "<b>" + "a" * 1025 + "</b>"])
async def test_a_caption_telegram_cannot_use_costs_no_backup(
    destination: TelegramDestination, ann: Person, archive: Path, caption: str
) -> None:
    """The volume then comes with the caption's bare text."""
    await send(destination, archive, caption=caption)
    assert ann.last.document
    assert ann.last.text in ("never & nowhere", "a" * 512)


async def test_topics_are_addressed_and_general_is_not_named(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """A topic gets its files; General, which has no number for Telegram, gets them too."""
    forum = standin.add_group(-1005, members=[ann], is_forum=True)
    topic = forum.add_topic("Backups")
    await send(destination, archive, Recipient(chat_id=-1005, thread_id=topic.id))
    await send(destination, archive, Recipient(chat_id=-1005, thread_id=1))
    assert len(forum.messages_in(topic.id)) == len(forum.messages_in(None)) == 1


async def test_a_probe_names_the_chat_or_the_trouble(
    standin: StandIn, destination: TelegramDestination, ann: Person
) -> None:
    """Health shows who can be reached without sending anything."""
    assert (await destination.probe(ANN)).name == "Ann"
    assert (await destination.probe(ANN)).trouble == ""
    ann.block_bot()
    assert "press Start" in (await destination.probe(ANN)).trouble
    assert await destination.round_trip() > 0
    assert ann.messages == []


async def test_a_probe_says_what_it_cannot_check(
    standin: StandIn, destination: TelegramDestination, ann: Person
) -> None:
    """Of a topic only a message tells whether it is there: no check mark for it."""
    forum = standin.add_group(-1005, members=[ann], is_forum=True)
    topic = forum.add_topic("Backups")
    seen = await destination.probe(Recipient(chat_id=-1005, thread_id=topic.id))
    assert (seen.trouble, "only a message" in seen.unchecked) == ("", True)
    assert (await destination.probe(Recipient(chat_id=-1005))).unchecked == ""


@pytest.mark.parametrize("times", [1, None])
async def test_an_unreachable_server_is_not_ambiguous(ann: Person, archive: Path, times: int | None) -> None:
    """Where no connection was made nothing can have arrived."""
    session = LoopbackSession(api=TelegramAPIServer.from_base("http://127.0.0.1:9"), timeout=5)
    outcome = await outcome_of(TelegramDestination(Bot("1:secret", session=session)), archive)
    assert isinstance(outcome, Transient)
    assert not outcome.ambiguous
    await session.close()


async def test_the_token_is_in_no_exception(standin: StandIn, bot: Bot, ann: Person, archive: Path) -> None:
    """Neither the sentence nor anything chained to an outcome holds the token, also where the library's error did."""
    secret = bot.token.partition(":")[2]

    async def leak(make_request: object, bot: Bot, method: object) -> object:
        raise InvalidURL(f"{standin.url}/bot{bot.token}/sendDocument")

    bot.session.middleware(leak)  # type: ignore[arg-type]
    outcome = await outcome_of(TelegramDestination(bot), archive)
    assert isinstance(outcome, Transient)
    assert "<token>" in outcome.sentence
    chain: list[BaseException | None] = [outcome, outcome.__cause__, outcome.__context__]
    assert secret not in re.sub(r"\s", "", "".join(map(repr, chain)))
    assert chain[1:] == [None, None]


async def test_a_large_volume_is_given_more_time(
    standin: StandIn, bot: Bot, destination: TelegramDestination, ann: Person, tmp_path: Path
) -> None:
    """19 MiB at 256 kbit/s must fit into the time allowed; a resend by file_id needs no more than a minute."""
    allowed: list[int] = []

    async def record(make_request: object, bot: Bot, method: object) -> object:
        return await make_request(bot, method)  # type: ignore[operator]

    bot.session.middleware(record)  # type: ignore[arg-type]
    real = bot.session.make_request

    async def make_request(bot: Bot, method: object, timeout: int | None = None) -> object:
        allowed.append(timeout or 0)
        return await real(bot, method, timeout=timeout)  # type: ignore[arg-type]

    bot.session.make_request = make_request  # type: ignore[assignment]
    archive = tmp_path / "database_backup_20260713_050000.zip"
    archive.write_bytes(bytes(19 * 1024 * 1024))
    sent = await send(destination, archive)
    await send(destination, archive, file_id=sent.file_id)
    assert allowed == [60 + 608, 60]
    allowed.clear()
    into = tmp_path / "fetched"
    into.touch()
    await TelegramChat(bot).fetch(StoredVolume(file_id=sent.file_id, bytes=archive.stat().st_size), into)
    assert allowed == [60 + 608], "getFile answers when the server holds the whole file"


async def test_cancelling_an_upload_leaves_nothing_open(
    standin: StandIn, destination: TelegramDestination, ann: Person, archive: Path
) -> None:
    """An abandoned upload holds no file: the archive can be deleted at once."""
    gate = standin.hold("sendDocument", stage=CallStage.BODY)
    sending = asyncio.create_task(send(destination, archive))
    await gate.reached()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    archive.unlink()
    gate.open()
