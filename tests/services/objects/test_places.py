"""One contract for every kind of destination, over real servers, and over lines that break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.errors import TelegramError
from bot.models import NO_REASON, Backup, DeliveryState, OutcomeCode, Reason, Recipient
from bot.services.contracts.destination import (
    ArchiveDestination,
    NoticeChannel,
    Outcome,
    OutgoingVolume,
    Parked,
    Refused,
    TooLarge,
    Transient,
)
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.router import Router
from bot.services.mail import client as mail_module
from bot.services.mail.notices import MailNotices
from bot.services.objects import bucket as bucket_module
from bot.services.telegram import destination as telegram_module
from bot.services.telegram.destination import TelegramDestination
from bot.services.telegram.notices import TelegramNotices
from tests.world import faults
from tests.world.clock import until
from tests.world.delivery import House, joined, volume_of
from tests.world.places import (
    BUCKET,
    MAILBOX,
    URL,
    WORDS,
    Post,
    Wire,
    mail_client,
    mail_destination,
    object_destination,
    running_mail,
    s3_client,
)
from tests.world.telegram import LoopbackSession

SIZE = 700_000


@dataclass
class Place:
    """One kind of destination as the contract sees it: who receives, over which line, and what has arrived."""

    recipient: Recipient
    destination: ArchiveDestination
    wire: Wire
    received: Callable[[Backup], Awaitable[bytes]]
    deny: Callable[[], None]
    fill: Callable[[], None]
    channel: NoticeChannel | None = None


class World:
    """A house with all places behind wires."""

    def __init__(self, house: House, places: dict[str, Place]) -> None:
        self.house, self.places = house, places

    def ledger(self, *kinds: str, **settings: Any) -> Ledger:
        """A ledger that serves these kinds through the router, as the service does."""
        elsewhere = [place for place in self.places.values() if place.recipient.place]
        options = {"volume_bytes": 300_000, "attempts": 2, "delay": 0.05} | settings
        self.house.ledger = self.house.make_ledger(
            Router(self.places["telegram"].destination, {one.recipient.place: one.destination for one in elsewhere}),
            Router(
                TelegramNotices(self.house.bot),
                {one.recipient.place: one.channel for one in elsewhere if one.channel is not None},
            ),
            recipients=tuple(self.places[kind].recipient for kind in kinds),
            **options,
        )
        return self.house.ledger

    async def prepared(self, kind: str) -> tuple[Place, Backup]:
        """A place, which alone is served by the ledger, and a backup for it."""
        self.ledger(kind)
        return self.places[kind], await self.house.back_up(SIZE)

    async def states(self, backup: Backup) -> dict[Recipient, DeliveryState]:
        return {row.recipient: row.state for row in await self.house.catalogue.deliveries.of(backup.id)}

    async def until_sent(self, backup: Backup, place: Place) -> None:
        async def sent() -> bool:
            return (await self.states(backup)).get(place.recipient) is DeliveryState.SENT

        await until(sent, within=20)


@pytest.fixture
async def world(house: House, s3: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """All kinds of destinations, each working."""
    for module in (telegram_module, mail_module, bucket_module):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 20)
    monkeypatch.setattr(bucket_module, "SLOWEST", 10**9)
    monkeypatch.setattr(mail_module, "SLOWEST", 10**9)
    monkeypatch.setattr(telegram_module, "SLOWEST_UPLOAD", 10**9)
    ann = house.standin.add_user(11, "Ann")
    post = Post()
    wires = {"telegram": Wire("127.0.0.1", int(house.standin.url.rpartition(":")[2]))}
    wires["objects"] = Wire("127.0.0.1", int(s3.rpartition(":")[2]))
    async with running_mail(post) as port:
        wires["mail"] = Wire("127.0.0.1", port)
        for wire in wires.values():
            await wire.open()
        session = LoopbackSession(api=TelegramAPIServer.from_base(f"http://127.0.0.1:{wires['telegram'].port}"))
        bot = Bot(house.standin.bot().token, session=session)

        async def in_chat(_backup: Backup) -> bytes:
            return joined(ann)

        async def in_bucket(backup: Backup) -> bytes:
            client = s3_client(s3)

            def get() -> bytes:
                try:
                    found = client.get_object(Bucket=BUCKET, Key=f"server/one/{backup.archive_name}")
                except client.exceptions.NoSuchKey:
                    return b""
                return bytes(found["Body"].read())

            return await asyncio.to_thread(get)

        async def in_mail(_backup: Backup) -> bytes:
            return post.attachments()

        def answer(status: str, code: str) -> Callable[[], None]:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()

            def arm() -> None:
                wires["objects"].answer = (
                    f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                ).encode() + body

            return arm

        places = {
            "telegram": Place(
                Recipient(chat_id=11), TelegramDestination(bot), wires["telegram"], in_chat,
                lambda: house.standin.inject(faults.refused(401, "Unauthorized"), times=None),
                lambda: house.standin.inject(faults.too_large(), "sendDocument", times=None),
            ),
            "objects": Place(
                Recipient(place=URL),
                object_destination(
                    house.catalogue, f"http://127.0.0.1:{wires['objects'].port}", clock=house.time
                ),
                wires["objects"], in_bucket,
                answer("403 Forbidden", "SignatureDoesNotMatch"), answer("507 Insufficient Storage", "QuotaExceeded"),
            ),
            "mail": Place(
                Recipient(place=MAILBOX), mail_destination(wires["mail"].port), wires["mail"], in_mail,
                lambda: setattr(post, "at_rcpt", "530 5.7.0 Authentication required"),
                lambda: setattr(post, "at_data", "452 4.2.2 Mailbox full"),
                channel=MailNotices(mail_client(wires["mail"].port), WORDS),
            ),
        }  # fmt: skip
        yield World(house, places)
        await house.ledger.drain(0)
        await bot.session.close()
        for wire in wires.values():
            await wire.close()


@pytest.fixture(params=["telegram", "objects", "mail"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind of destination."""
    return str(request.param)


async def outcome_of(world: World, place: Place, backup: Backup) -> Outcome:
    """What stands in the way of sending the whole archive to a place."""
    archive = world.house.archive(backup)
    volumes = place.destination.cut(place.recipient, archive, backup.archive_bytes)
    volume = volumes[0] if volumes else volume_of(archive)
    with pytest.raises(Outcome) as caught:
        await place.destination.send_volume(place.recipient, OutgoingVolume(volume=volume, caption="a", silent=True))
    return caught.value


async def deliver(world: World, backup: Backup) -> dict[Recipient, Any]:
    """Make the first pass, with retries as fast as they come."""
    rows = await world.house.time.pass_until(asyncio.create_task(world.house.ledger.deliver(backup)))
    return {row.recipient: row for row in rows}


async def test_an_archive_arrives_byte_for_byte(world: World, kind: str) -> None:
    """What every destination is for; and the ledger calls it sent."""
    place, backup = await world.prepared(kind)
    row = (await deliver(world, backup))[place.recipient]
    assert (row.state, row.reason) == (DeliveryState.SENT, NO_REASON)
    assert await place.received(backup) == world.house.archive(backup).read_bytes()
    assert (await place.destination.probe(place.recipient)).trouble == NO_REASON
    await place.destination.check_reachable(place.recipient)


async def test_a_second_delivery_sends_nothing(world: World, kind: str) -> None:
    """What was confirmed is not sent again, also by the next process."""
    place, backup = await world.prepared(kind)
    await deliver(world, backup)
    before = place.wire.connections
    world.ledger(kind)
    assert (await deliver(world, backup))[place.recipient].state is DeliveryState.SENT
    assert place.wire.connections == before


async def test_a_refused_connection_is_tried_again(world: World, kind: str) -> None:
    """A server that is down costs an attempt; the next one, with the server back, delivers."""
    place, backup = await world.prepared(kind)
    await place.wire.close()
    outcome = await outcome_of(world, place, backup)
    assert isinstance(outcome, Transient)
    assert not outcome.ambiguous
    row = (await deliver(world, backup))[place.recipient]
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 2)
    assert row.reason
    await place.wire.open()
    async with world.house.running():
        world.house.time.advance(7200)
        world.house.ledger.nudge()
        await world.until_sent(backup, place)
    assert await place.received(backup) == world.house.archive(backup).read_bytes()


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every destination give up after a second of silence."""
    for module in (telegram_module, mail_module, bucket_module):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 1)


async def test_a_silent_server_ends_in_a_timeout(world: World, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a server that takes a connection and says nothing."""
    impatient(monkeypatch)
    place, backup = world.places[kind], await world.house.back_up(SIZE)
    place.wire.silent = True
    assert isinstance(await outcome_of(world, place, backup), Transient)


async def test_a_connection_cut_in_mid_upload_leaves_nothing_half(world: World, kind: str) -> None:
    """What was half written is not there for anybody; the retry brings it whole, once."""
    place, backup = await world.prepared(kind)
    place.wire.cut_after = 200_000
    assert isinstance(await outcome_of(world, place, backup), Transient)
    assert await place.received(backup) == b""
    place.wire.mend()
    assert (await deliver(world, backup))[place.recipient].state is DeliveryState.SENT
    assert await place.received(backup) == world.house.archive(backup).read_bytes()


async def test_a_slow_line_delivers_all_the_same(world: World, kind: str) -> None:
    """A line that is slow, but moves, is no failure."""
    place, backup = await world.prepared(kind)
    place.wire.slow = 0.005
    assert (await deliver(world, backup))[place.recipient].state is DeliveryState.SENT
    assert await place.received(backup) == world.house.archive(backup).read_bytes()


async def test_wrong_credentials_wait_for_a_person(world: World, kind: str) -> None:
    """Trying again helps nobody; the sentence says what does, and holds no secret."""
    place, backup = world.places[kind], await world.house.back_up(SIZE)
    place.deny()
    outcome = await outcome_of(world, place, backup)
    assert isinstance(outcome, Refused if kind == "telegram" else Parked)
    assert "secret" not in outcome.sentence.replace("secret key", "")
    assert await place.received(backup) == b""
    if kind != "telegram":
        assert (await place.destination.probe(place.recipient)).trouble


async def test_a_full_store_keeps_the_delivery_owed(world: World, kind: str) -> None:
    """No room is said so, parks nobody, and nothing is called delivered."""
    place, backup = await world.prepared(kind)
    place.fill()
    outcome = await outcome_of(world, place, backup)
    assert isinstance(outcome, Transient | TooLarge)
    assert not isinstance(outcome, Parked)
    row = (await deliver(world, backup))[place.recipient]
    assert row.state in (DeliveryState.PENDING, DeliveryState.PARKED)
    assert place.recipient not in await world.house.catalogue.recipients.parked()


async def test_an_archive_that_is_gone_is_nobodys_failure(world: World, kind: str) -> None:
    """What retention took away in the meantime is superseded, not tried for ever."""
    place, backup = await world.prepared(kind)
    world.house.archive(backup).unlink()
    row = (await deliver(world, backup))[place.recipient]
    assert row.state is DeliveryState.SUPERSEDED


@pytest.mark.parametrize("down", ["objects", "mail"])
async def test_one_places_trouble_is_nobody_elses(world: World, down: str) -> None:
    """With a place cut off or refusing us, the others have their backup all the same."""
    place = world.places[down]
    for trouble in (lambda: setattr(place.wire, "cut_after", 0), lambda: (place.wire.mend(), place.deny())):
        trouble()
        backup = await world.house.back_up(SIZE)
        world.ledger("telegram", "objects", "mail")
        rows = await deliver(world, backup)
        for kind, other in world.places.items():
            assert (rows[other.recipient].state is DeliveryState.SENT) is (kind != down)
    assert (await world.house.catalogue.recipients.parked())[place.recipient]


async def test_telegram_is_served_while_a_store_is_still_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat has its backup before a store that hangs is given up."""
    impatient(monkeypatch)
    world.places["objects"].wire.silent = True
    backup = await world.house.back_up(SIZE)
    world.ledger("telegram", "objects")
    delivering = asyncio.create_task(world.house.ledger.deliver(backup))
    await world.until_sent(backup, world.places["telegram"])
    assert (await world.states(backup))[Recipient(place=URL)] in (DeliveryState.SENDING, DeliveryState.PENDING)
    await world.house.time.pass_until(delivering)


async def test_a_refused_token_does_not_cut_off_the_store(world: World) -> None:
    """Where Telegram refuses the bot, the archive still goes elsewhere, and the refusal is told after that."""
    backup = await world.house.back_up(SIZE)
    world.ledger("telegram", "objects", "mail")
    world.places["telegram"].deny()
    with pytest.raises(TelegramError):
        await deliver(world, backup)
    assert await world.places["objects"].received(backup) == world.house.archive(backup).read_bytes()
    assert await world.places["mail"].received(backup) == world.house.archive(backup).read_bytes()


async def test_what_is_owed_elsewhere_survives_a_restart(world: World) -> None:
    """The rows of places are read back by the next process and served; the older one was superseded by the newer."""
    for kind in ("objects", "mail"):
        await world.places[kind].wire.close()
    older, newer = await world.house.back_up(SIZE), await world.house.back_up(SIZE)
    world.ledger("telegram", "objects", "mail")
    await deliver(world, older)
    await deliver(world, newer)
    for kind in ("objects", "mail"):
        await world.places[kind].wire.open()
    world.ledger("telegram", "objects", "mail")
    async with world.house.running():
        world.house.time.advance(7200)
        world.house.ledger.nudge()
        for kind in ("objects", "mail"):
            await world.until_sent(newer, world.places[kind])
    for kind in ("objects", "mail"):
        assert await world.places[kind].received(newer) == world.house.archive(newer).read_bytes()
    states = await world.states(older)
    assert {states[world.places[kind].recipient] for kind in ("objects", "mail")} == {DeliveryState.SUPERSEDED}


async def test_a_place_taken_out_of_the_settings_is_owed_nothing(world: World) -> None:
    """Who is no recipient any more is superseded at the next start."""
    await world.places["objects"].wire.close()
    backup = await world.house.back_up(SIZE)
    world.ledger("telegram", "objects")
    await deliver(world, backup)
    world.ledger("telegram")
    store = world.places["objects"].recipient

    async def superseded() -> bool:
        return (await world.states(backup))[store] is DeliveryState.SUPERSEDED

    async with world.house.running():
        await until(superseded)


async def test_notices_reach_people_and_no_store(world: World) -> None:
    """An alarm goes to chats and mailboxes; a store is no reader."""
    world.ledger("telegram", "objects", "mail")
    told = await world.house.notices.notify("🚨 <b>Backup failed</b>\nThe disk &amp; all", loud=True)
    assert {one.address for one in told} == {"11", MAILBOX}
    assert await world.house.catalogue.recipients.parked() == {}


async def test_a_parked_store_is_served_again_though_it_is_owed_nothing_and_reads_nothing(world: World) -> None:
    """What can be sent no notice is found again by a look; people only by a line that arrives."""
    world.ledger("objects", "mail")
    for kind in ("objects", "mail"):
        await world.house.catalogue.recipients.park(world.places[kind].recipient, Reason(OutcomeCode.STORE_FULL))
    async with world.house.running():
        await world.house.nobody_is_parked()


async def test_the_progress_of_a_run_is_that_of_the_chats(world: World) -> None:
    """Bytes that go elsewhere are not counted twice."""
    backup = await world.house.back_up(SIZE)
    ledger = world.ledger("telegram", "objects", "mail")
    seen: list[tuple[int, int]] = []
    task = asyncio.create_task(ledger.deliver(backup, progress=lambda done, total: seen.append((done, total))))
    await world.house.time.pass_until(task)
    assert seen[-1] == (SIZE, SIZE)
    assert all(done <= SIZE for done, _ in seen)
