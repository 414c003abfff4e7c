"""Each answer of the Bot API, and what it means for a delivery."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiohttp import InvalidURL

from bot.demo.stand_in.calls import CallStage
from bot.models import NO_REASON, OutcomeCode, Reason, Recipient, StoredVolume
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

ANN = Recipient(chat_id=11)
SIZE = 700_000  # more than two chunks, and not a whole number of them


@dataclass
class Scene:
    """Telegram as the ledger sees it, Ann, and an archive for her."""

    standin: StandIn
    bot: Bot
    ann: Person
    archive: Path

    @property
    def destination(self) -> TelegramDestination:
        return TelegramDestination(self.bot)

    async def send(
        self, recipient: Recipient = ANN, *, file_id: str = "", caption: str = "<b>a</b>", silent: bool = True
    ) -> Sent:
        volume = volume_of(self.archive)
        outgoing = OutgoingVolume(volume=volume, caption=caption, silent=silent, file_id=file_id)
        return await self.destination.send_volume(recipient, outgoing)

    async def outcome(self, fault: Fault | None = None, *, file_id: str = "") -> Outcome:
        if fault is not None:
            self.standin.inject(fault, "sendDocument")
        with pytest.raises(Outcome) as caught:
            await self.send(file_id=file_id)
        return caught.value


@pytest.fixture
def scene(standin: StandIn, bot: Bot, ann: Person, tmp_path: Path) -> Scene:
    path = tmp_path / "database_backup_20260713_050000.zip"
    path.write_bytes(bytes(range(256)) * (SIZE // 256) + b"tail")
    return Scene(standin, bot, ann, path)


STANDING = [
    (faults.forbidden("bot was blocked by the user"), "must open it again and press Start"),
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
async def test_a_standing_refusal_says_what_the_person_must_do(scene: Scene, fault: Fault, words: str) -> None:
    """What stays until a person acts parks the recipient, with what they have to do."""
    outcome = await scene.outcome(fault)
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
async def test_a_passing_trouble_says_whether_it_may_have_arrived(scene: Scene, fault: Fault, ambiguous: bool) -> None:
    """5xx in all its forms, unlisted refusals and cuts are transient; only after the last byte are they ambiguous."""
    scene.archive.write_bytes(bytes(40_000_000))  # more than the sockets between here and there can hold
    outcome = await scene.outcome(fault)
    assert isinstance(outcome, Transient)
    assert outcome.ambiguous is ambiguous


async def test_no_answer_in_time_is_ambiguous(scene: Scene) -> None:
    """A timeout after the whole file was sent may have delivered it, and here it did."""

    async def impatient(make_request: object, bot: Bot, method: object) -> object:
        return await bot.session.make_request(bot, method, timeout=1)  # type: ignore[arg-type]

    scene.bot.session.middleware(impatient)  # type: ignore[arg-type]
    gate = scene.standin.hold("sendDocument", stage=CallStage.ANSWER)
    scene.archive.write_bytes(b"a few bytes")  # they are out long before the second is over
    outcome = await scene.outcome()
    assert isinstance(outcome, Transient)
    assert outcome.ambiguous
    assert len(scene.ann.messages) == 1
    gate.open()


@pytest.mark.parametrize("html", [False, True])
async def test_a_volume_too_large_names_the_setting(scene: Scene, html: bool) -> None:
    """413 from the server or from the proxy before it is no network trouble: a retry would never help."""
    outcome = await scene.outcome(faults.too_large(html=html))
    assert isinstance(outcome, TooLarge)
    assert "VOLUME_SIZE_MB" in outcome.sentence


async def test_a_flood_says_how_long_to_wait(scene: Scene) -> None:
    """429 is obeyed to the second."""
    outcome = await scene.outcome(faults.flood(37))
    assert isinstance(outcome, Wait)
    assert outcome.seconds == 37


async def test_a_migrated_group_names_its_new_id(scene: Scene) -> None:
    """A group that became a supergroup is followed."""
    new = scene.standin.add_group(-5, members=[scene.ann]).upgrade()
    with pytest.raises(Migrated) as caught:
        await scene.send(Recipient(chat_id=-5))
    assert caught.value.new_chat_id == new.id


async def test_a_stale_file_id_is_told_from_a_bad_chat(scene: Scene) -> None:
    """A file_id nobody knows asks for the bytes."""
    assert isinstance(await scene.outcome(file_id="BQACnever"), StaleFile)


@pytest.mark.parametrize("text", ["invalid file_id", "invalid remote file identifier specified", "MEDIA_EMPTY"])
async def test_the_other_words_for_a_stale_file_id(scene: Scene, text: str) -> None:
    """Known by their words where a file_id was sent, and no more than a passing trouble where bytes were."""
    scene.standin.inject(faults.bad_request(text), "sendDocument", times=2)
    assert type(await scene.outcome(file_id="BQACold")) is StaleFile
    assert isinstance(await scene.outcome(), Transient)


async def test_an_unlisted_refusal_of_a_file_id_is_doubted(scene: Scene) -> None:
    """It may be the file_id, or not."""
    scene.standin.inject(faults.bad_request("SOMETHING_NEW"), "sendDocument")
    assert isinstance(await scene.outcome(file_id="BQACold"), DoubtfulFile)


async def test_a_text_too_long_is_not_tried_again(scene: Scene) -> None:
    """No wait makes it shorter."""
    for text in ("text is too long", "message is too long"):
        scene.standin.inject(faults.bad_request(text), "sendMessage")
        with pytest.raises(Unfit):
            await TelegramNotices(scene.bot).send(ANN, Notice(html="much"))


@pytest.mark.parametrize("token", ["7:revoked", "no-token-at-all"])
async def test_a_refused_token_is_told_apart(scene: Scene, token: str) -> None:
    """401 is the same for everybody."""
    scene.bot._Bot__token = token  # type: ignore[attr-defined]  # aiogram itself refuses to hold the second one
    assert isinstance(await scene.outcome(), Refused)


async def test_an_archive_that_ends_too_early_is_not_sent_short(scene: Scene) -> None:
    """Chunked uploads carry no length: a truncated archive must break the request, not arrive as a whole one."""
    volume = volume_of(scene.archive, count=scene.archive.stat().st_size + 1)
    with pytest.raises(ArchiveGone, match="1 bytes too early"):
        await scene.destination.send_volume(ANN, OutgoingVolume(volume=volume, caption="", silent=True))
    await scene.standin.until(lambda: all(call.done for call in scene.standin.calls))
    assert scene.ann.messages == []


async def test_a_missing_archive_is_gone(scene: Scene) -> None:
    """A pruned archive is no trouble of Telegram's."""
    volume = volume_of(scene.archive)
    scene.archive.unlink()
    with pytest.raises(ArchiveGone):
        await scene.destination.send_volume(ANN, OutgoingVolume(volume=volume, caption="", silent=True))


async def test_a_slice_arrives_as_it_is_and_its_bytes_are_counted(scene: Scene) -> None:
    """A volume is a plain slice under its own name; progress adds up to its size."""
    counts: list[int] = []
    volume = volume_of(scene.archive, number=2, total=3, offset=1000, count=600_001)
    outgoing = OutgoingVolume(volume=volume, caption="", silent=True, on_bytes=counts.append)
    await scene.destination.send_volume(ANN, outgoing)
    document = scene.ann.last.document
    assert document.name == f"{scene.archive.name}.002"
    assert document.path.read_bytes() == scene.archive.read_bytes()[1000:601_001]
    assert sum(counts) == 600_001
    assert max(counts) < 600_001


async def test_a_message_can_be_silent_and_is_never_protected(scene: Scene) -> None:
    """Archives may be saved and forwarded, whatever the bot's defaults; sound is the caller's choice."""
    await scene.send(silent=True)
    await scene.send(silent=False)
    assert [message.silent for message in scene.ann.messages] == [True, False]
    assert not any(message.protected for message in scene.ann.messages)


@pytest.mark.parametrize("caption", ["<h1>never</h1> &amp; nowhere", "<b>" + "a" * 1025 + "</b>"])
async def test_a_caption_telegram_cannot_use_costs_no_backup(scene: Scene, caption: str) -> None:
    """The volume then comes with the caption's bare text."""
    await scene.send(caption=caption)
    assert scene.ann.last.document
    assert scene.ann.last.text in ("never & nowhere", "a" * 512)


async def test_topics_are_addressed_and_general_is_not_named(scene: Scene) -> None:
    """A topic gets its files; General, which has no number for Telegram, gets them too."""
    forum = scene.standin.add_group(-1005, members=[scene.ann], is_forum=True)
    topic = forum.add_topic("Backups")
    await scene.send(Recipient(chat_id=-1005, thread_id=topic.id))
    await scene.send(Recipient(chat_id=-1005, thread_id=1))
    assert len(forum.messages_in(topic.id)) == len(forum.messages_in(None)) == 1


async def test_a_probe_names_the_chat_or_the_trouble(scene: Scene) -> None:
    """Health shows who can be reached without sending anything."""
    assert (await scene.destination.probe(ANN)).name == "Ann"
    assert (await scene.destination.probe(ANN)).trouble == NO_REASON
    scene.ann.block_bot()
    assert (await scene.destination.probe(ANN)).trouble == Reason(OutcomeCode.BLOCKED)
    assert await scene.destination.round_trip() > 0
    assert scene.ann.messages == []


async def test_a_probe_says_what_it_cannot_check(scene: Scene) -> None:
    """Of a topic only a message tells whether it is there: no check mark for it."""
    forum = scene.standin.add_group(-1005, members=[scene.ann], is_forum=True)
    topic = forum.add_topic("Backups")
    seen = await scene.destination.probe(Recipient(chat_id=-1005, thread_id=topic.id))
    assert (seen.trouble, seen.unchecked) == (NO_REASON, Reason(OutcomeCode.TOPIC_UNCHECKED))
    assert (await scene.destination.probe(Recipient(chat_id=-1005))).unchecked == NO_REASON


async def test_an_unreachable_server_is_not_ambiguous(scene: Scene) -> None:
    """Where no connection was made nothing can have arrived."""
    scene.bot.session.api = TelegramAPIServer.from_base("http://127.0.0.1:9")
    outcome = await scene.outcome()
    assert isinstance(outcome, Transient)
    assert not outcome.ambiguous


async def test_the_token_is_in_no_exception(scene: Scene) -> None:
    """Neither the sentence nor anything chained to an outcome holds the token, also where the library's error did."""
    bot, secret = scene.bot, scene.bot.token.partition(":")[2]

    async def leak(make_request: object, bot: Bot, method: object) -> object:
        raise InvalidURL(f"{scene.standin.url}/bot{bot.token}/sendDocument")

    bot.session.middleware(leak)  # type: ignore[arg-type]
    outcome = await scene.outcome()
    assert isinstance(outcome, Transient)
    assert "<token>" in outcome.sentence
    chain: list[BaseException | None] = [outcome, outcome.__cause__, outcome.__context__]
    assert secret not in re.sub(r"\s", "", "".join(map(repr, chain)))
    assert chain[1:] == [None, None]


async def test_a_large_volume_is_given_more_time(scene: Scene) -> None:
    """19 MiB at 256 kbit/s must fit into the time allowed; a resend by file_id needs no more than a minute."""
    allowed: list[int] = []

    async def record(make_request: object, bot: Bot, method: object) -> object:
        return await make_request(bot, method)  # type: ignore[operator]

    bot = scene.bot
    bot.session.middleware(record)  # type: ignore[arg-type]
    real = bot.session.make_request

    async def make_request(bot: Bot, method: object, timeout: int | None = None) -> object:
        allowed.append(timeout or 0)
        return await real(bot, method, timeout=timeout)  # type: ignore[arg-type]

    bot.session.make_request = make_request  # type: ignore[assignment]
    scene.archive.write_bytes(bytes(19 * 1024 * 1024))
    sent = await scene.send()
    await scene.send(file_id=sent.file_id)
    assert allowed == [60 + 608, 60]
    allowed.clear()
    into = scene.archive.with_name("fetched")
    into.touch()
    await TelegramChat(bot).fetch(StoredVolume(file_id=sent.file_id, bytes=scene.archive.stat().st_size), into)
    assert allowed == [60 + 608], "getFile answers when the server holds the whole file"


async def test_cancelling_an_upload_leaves_nothing_open(scene: Scene) -> None:
    """An abandoned upload holds no file: the archive can be deleted at once."""
    gate = scene.standin.hold("sendDocument", stage=CallStage.BODY)
    sending = asyncio.create_task(scene.send())
    await gate.reached()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    scene.archive.unlink()
    gate.open()
