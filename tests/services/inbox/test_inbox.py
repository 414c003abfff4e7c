"""The inbox within its bounds: how much, how long, whose, and what it leaves when it ends."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.demo.stand_in.calls import CallStage
from bot.errors import NotFoundError
from bot.services.contracts.chats import PostedDocument
from bot.services.files import space
from bot.services.files.store import Store
from bot.services.inbox import Inbox, InboxContext
from bot.services.inbox.upload_view import MOVING, LeftOutReason, UploadEnd, UploadPhase, UploadView
from bot.services.restore_chat.offers import Offers
from tests.world import faults
from tests.world.archives import database_bytes, foreign
from tests.world.catalogue import archive_named, stored
from tests.world.databases import make_database
from tests.world.recovery import Scene
from tests.world.stand_in import StandIn


@dataclass
class Bench:
    """An inbox over a stand-in, a catalogue and a work folder, and Ann who sends."""

    scene: Scene
    store: Store
    made: list[Inbox] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.offers = Offers(self.scene.clock)

    def inbox(self, **options: Any) -> Inbox:
        context = InboxContext(
            chats=self.scene.chats,
            store=self.store,
            catalogue=self.scene.catalogue,
            offers=self.offers,
            clock=self.scene.clock,
            delay=0.0,
        )
        self.made.append(Inbox(replace(context, **options)))
        return self.made[-1]

    async def posted(self, path: Path, name: str = "") -> PostedDocument:
        """Send a file to the bot and return it as the bot sees it."""
        bot = self.scene.standin.bot()
        message = await self.scene.ann.send_document(path, name=name or path.name)
        file_id = next(file_id for file_id, file in bot.files.items() if file == message.document)
        return PostedDocument(
            message_id=message.id,
            name=message.document.name,
            file_id=file_id,
            unique_id=message.document.unique_id,
            bytes=message.document.size,
            ours=False,
        )

    async def receive(self, inbox: Inbox, path: Path, name: str = "", admin: int = 11) -> str:
        receipt = inbox.receive(admin, await self.posted(path, name), actor="Ann (11)")
        assert receipt.upload
        return receipt.upload

    async def brought(self, path: Path, name: str = "", **options: Any) -> tuple[Inbox, str, UploadView]:
        """A new inbox that one file was brought to, what it is there, and what has become of it."""
        inbox = self.inbox(**options)
        upload = await self.receive(inbox, path, name)
        return inbox, upload, await settled(inbox, upload)

    def rooms(self) -> list[Path]:
        return sorted(self.store.work.glob("restore-*"))


async def settled(inbox: Inbox, upload_id: str) -> UploadView:
    """Wait until a collection comes to rest."""
    upload = inbox.upload(upload_id)
    assert upload is not None
    async with asyncio.timeout(20):
        while (seen := upload.view()).phase in MOVING or upload.busy:
            with suppress(TimeoutError):
                await asyncio.wait_for(upload.changed(seen.version), 0.05)
    return seen


@pytest.fixture
async def bench(standin: StandIn, tmp_path: Path) -> AsyncIterator[Bench]:
    scene = await Scene(standin, tmp_path).open()
    store = Store(tmp_path / "backups")
    await store.prepare()
    bench = Bench(scene, store)
    yield bench
    for inbox in bench.made:
        await inbox.stop()
    await bench.offers.close()
    await scene.close()
    assert bench.rooms() == []


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return foreign(tmp_path, ("app.db", database_bytes(tmp_path, 500)))


def cut(archive: Path, count: int) -> list[Path]:
    content = archive.read_bytes()
    size = -(-len(content) // count)
    paths = [archive.with_name(f"{archive.name}.{number:03}") for number in range(1, count + 1)]
    for number, path in enumerate(paths):
        path.write_bytes(content[number * size : (number + 1) * size])
    return paths


async def test_what_is_ready_is_offered_with_its_files(bench: Bench, archive: Path) -> None:
    """Who restores gets the files in order and the names; what was unpacked for the check is gone already."""
    inbox = bench.inbox()
    for volume in reversed(cut(archive, 3)):
        here = await bench.receive(inbox, volume)
    seen = await settled(inbox, here)
    assert seen.phase is UploadPhase.READY
    offer = bench.offers.require(seen.offer).value
    assert offer.names == ("app.db",)
    assert b"".join(file.read_bytes() for file in offer.source.files) == archive.read_bytes()
    files = [path for path in bench.store.work.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert sorted(files) == sorted(offer.source.files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


async def test_nobody_comes_back_and_it_is_removed(bench: Bench, archive: Path) -> None:
    """After its time everything goes, unless a restore still needs it; then it goes when that lets it go."""
    inbox, waiting, seen = await bench.brought(cut(archive, 2)[0])
    upload = inbox.upload(waiting)
    assert upload is not None
    assert seen.phase is UploadPhase.WAITING
    bench.scene.now += timedelta(minutes=29)
    await inbox.expire()
    assert inbox.upload(waiting) is not None
    bench.scene.now += timedelta(minutes=1)
    await inbox.expire()
    assert inbox.upload(waiting) is None
    assert upload.view().gone is UploadEnd.EXPIRED
    assert bench.rooms() == []

    inbox, ready, seen = await bench.brought(archive)
    async with AsyncExitStack() as restoring:
        bench.offers.use(seen.offer, restoring)
        bench.scene.now += timedelta(hours=2)
        await inbox.expire()
        assert inbox.upload(ready) is not None
    await bench.offers.close()
    assert bench.rooms() == []
    await inbox.expire()
    assert inbox.upload(ready) is None


async def test_it_takes_no_more_than_its_bounds(bench: Bench, archive: Path) -> None:
    """Too many files, or too many bytes, are left out by name, and not fetched."""
    volumes = cut(archive, 4)
    inbox = bench.inbox(most_files=2)
    for volume in volumes[:3]:
        here = await bench.receive(inbox, volume)
    seen = await settled(inbox, here)
    assert [(one.name, one.why) for one in seen.left_out] == [(volumes[2].name, LeftOutReason.TOO_MUCH)]
    assert len(bench.scene.standin.calls_of("getFile")) == 2
    _, _, seen = await bench.brought(archive, most_bytes=archive.stat().st_size - 1)
    assert seen.left_out[0].why is LeftOutReason.TOO_MUCH
    assert len(bench.scene.standin.calls_of("getFile")) == 2


async def test_an_admin_keeps_three_at_most(bench: Bench, archive: Path) -> None:
    """The fourth archive lets the first one go; another admin's is left alone."""
    inbox = bench.inbox()
    others = await bench.receive(inbox, archive, admin=12)
    await settled(inbox, others)
    mine = []
    for number in range(4):
        mine.append(await bench.receive(inbox, archive, f"{number}.zip"))
        await settled(inbox, mine[-1])
    assert [inbox.upload(one) is not None for one in mine] == [False, True, True, True]
    assert inbox.upload(others) is not None


async def test_a_full_disk_is_told_beforehand(bench: Bench, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All announced bytes must fit; when there is room again, the same file can be sent once more."""
    monkeypatch.setattr(space, "SPARE_BYTES", 1 << 62)
    inbox, here, seen = await bench.brought(archive)
    assert seen.phase is UploadPhase.REFUSED
    assert "no space on the server" in seen.problem.sentence
    assert bench.scene.standin.calls_of("getFile") == []
    monkeypatch.undo()
    await bench.receive(inbox, archive)
    assert (await settled(inbox, here)).phase is UploadPhase.READY


@pytest.mark.parametrize(
    ("method", "fault", "says"),
    [
        ("download", faults.refused(404, "Not Found"), "the download is answered with 404"),
        ("download", faults.reset(CallStage.ARRIVAL), "the download broke off"),
        ("getFile", faults.bad_request("wrong file_id or the file is temporarily unavailable"), "no longer gives out"),
        ("getFile", faults.bad_request("file is too big"), "over 20 MB"),
        ("getFile", faults.server_error(502, html=True), "can't be fetched from Telegram"),
    ],
)
async def test_what_telegram_does_not_give_out_is_told_without_the_token(
    bench: Bench, archive: Path, method: str, fault: faults.Fault, says: str
) -> None:
    """The download's address holds the token; no sentence, log line or hint does. Sent again, it is taken."""
    bench.scene.standin.inject(fault, method, times=None)
    inbox, here, seen = await bench.brought(archive)
    assert seen.phase is UploadPhase.REFUSED
    assert says in seen.left_out[0].detail
    assert bench.scene.bot.token.split(":")[1] not in repr(seen)
    bench.scene.standin.clear_faults()
    assert await bench.receive(inbox, archive) == here
    assert (await settled(inbox, here)).phase is UploadPhase.READY


async def test_a_stop_ends_what_is_under_way_and_takes_nothing_more(bench: Bench, archive: Path) -> None:
    """In the middle of a download: the folder goes, whoever follows is told, and the next document is not taken."""
    inbox = bench.inbox()
    gate = bench.scene.standin.hold("download")
    here = await bench.receive(inbox, archive)
    upload = inbox.upload(here)
    assert upload is not None
    await gate.reached()
    async with asyncio.timeout(5):
        await inbox.stop()
    gate.open()
    assert upload.view().gone is UploadEnd.STOPPED
    assert bench.rooms() == []
    assert inbox.receive(11, await bench.posted(archive), actor="Ann").why is LeftOutReason.STOPPING


async def test_what_a_killed_process_left_is_swept_and_remembered(bench: Bench, archive: Path) -> None:
    """The next start removes the folder, and knows whose files are gone; it says so once."""
    left = bench.store.work / "restore-0123456789abcdef"
    left.mkdir()
    (left / "secret.zip").write_bytes(b"data")
    left.with_name(left.name + ".lock").touch()
    before, _, _ = await bench.brought(cut(archive, 2)[0])
    await before.stop()
    after = bench.inbox()
    await after.start()
    assert not left.exists()
    here = await bench.receive(after, cut(archive, 2)[1])
    assert (await settled(after, here)).after_restart
    await after.forget(11, here)
    here = await bench.receive(after, cut(archive, 2)[1])
    assert not (await settled(after, here)).after_restart


async def test_only_who_sent_it_can_ask_for_it(bench: Bench, archive: Path) -> None:
    """An id of another admin's collection is worth nothing."""
    inbox, here, _ = await bench.brought(archive)
    with pytest.raises(NotFoundError, match="no longer here"):
        inbox.find(12, here)
    with pytest.raises(NotFoundError):
        await inbox.forget(12, here)
    with pytest.raises(NotFoundError, match="no such restore point"):
        inbox.find(11, here).choose(0)


async def test_a_document_that_leads_to_something_else_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A restore point whose bytes Telegram holds differently, or which holds no database, ends with a sentence."""
    scene = bench.scene
    await scene.publish()  # random bytes: no archive at all
    pinned = scene.ann.newest_pinned()
    inbox, here, seen = await bench.brought(pinned.document.path, pinned.document.name)
    assert seen.phase is UploadPhase.LISTING
    assert not seen.listing.ours
    inbox.find(11, here).choose(0)
    seen = await settled(inbox, here)
    assert seen.phase is UploadPhase.REFUSED
    assert "damaged" in seen.problem.sentence
    inbox.find(11, here).back()
    assert (await settled(inbox, here)).phase is UploadPhase.LISTING


async def test_an_archive_is_checked_in_its_turn(bench: Bench, archive: Path) -> None:
    """Two admins at once wait for one another, and both get their answer."""
    inbox = bench.inbox()
    one, two = await bench.receive(inbox, archive), await bench.receive(inbox, archive, admin=12)
    assert one != two
    assert {(await settled(inbox, each)).phase for each in (one, two)} == {UploadPhase.READY}


async def test_a_database_that_can_not_be_checked_is_shown_as_that(bench: Bench, tmp_path: Path) -> None:
    """A schema that needs its application's functions is accepted with a warning."""
    path = make_database(tmp_path / "made" / "app.db", 5, wal=False)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("mine", 1, lambda value: value, deterministic=True)
        connection.execute("CREATE INDEX by_mine ON entries (mine(text))")
    _, _, seen = await bench.brought(foreign(tmp_path, ("app.db", path.read_bytes())))
    assert "could not be checked in full" in " ".join(seen.contents.warnings)


async def test_of_two_whole_archives_under_any_names_the_newest_is_taken(bench: Bench, archive: Path) -> None:
    """They can't be volumes of one another: the other one is put aside by name, and its bytes go."""
    folder = archive.with_name("other")
    folder.mkdir()
    other = foreign(folder, ("other.db", database_bytes(folder, 3))).rename(archive.with_name("document"))
    inbox = bench.inbox()
    gate = bench.scene.standin.hold("download")
    here = await bench.receive(inbox, archive)
    assert await bench.receive(inbox, other) == here
    gate.open()
    seen = await settled(inbox, here)
    assert seen.contents is not None
    assert [database.name for database in seen.contents.databases] == ["other.db"]
    assert [(one.name, one.why) for one in seen.left_out] == [(archive.name, LeftOutReason.ONE_AT_A_TIME)]


async def test_the_same_document_twice_counts_once(bench: Bench, archive: Path) -> None:
    """Forwarded twice, a volume is fetched once, and listed once."""
    inbox = bench.inbox()
    posted = await bench.posted(cut(archive, 2)[0])
    here = inbox.receive(11, posted, actor="Ann (11)").upload
    assert inbox.receive(11, posted, actor="Ann (11)").upload == here
    seen = await settled(inbox, here)
    assert len(seen.files) == 1
    assert len(bench.scene.standin.calls_of("getFile")) == 1


async def test_what_comes_late_of_an_album_is_noted_beside_its_archive(bench: Bench, archive: Path) -> None:
    """Its archive is ready already: the paper is named there, and the archive stays ready."""
    inbox = bench.inbox()
    here = inbox.receive(11, await bench.posted(archive), actor="Ann (11)", album="1").upload
    await settled(inbox, here)
    paper = archive.with_name("notes.pdf")
    paper.write_text("paper")
    late = inbox.receive(11, await bench.posted(paper), actor="Ann (11)", album="1")
    assert (late.upload, late.opened) == (here, False)
    seen = await settled(inbox, here)
    assert seen.phase is UploadPhase.READY
    assert [(one.name, one.why) for one in seen.left_out] == [("notes.pdf", LeftOutReason.NOT_TAKEN)]
    assert inbox.receive(11, await bench.posted(paper), actor="Ann (11)").why is LeftOutReason.NOT_TAKEN


async def test_of_two_files_over_the_limit_the_newer_one_is_meant(bench: Bench, tmp_path: Path) -> None:
    """What Telegram holds of the first is not offered for the second, of which it holds nothing."""
    inbox = bench.inbox(limit=20_000)
    first = await bench.scene.back_up(30_000, volume=10_000)
    catalogue = bench.scene.catalogue
    named = archive_named("database_backup_20200101_000000.zip", bytes=30_000, sha256="5" * 64)
    second = await stored(catalogue, bench.scene.now, archive=named)
    large = tmp_path / "large"
    large.write_bytes(random.Random(1).randbytes(30_000))
    seen = await settled(inbox, await bench.receive(inbox, large, first.archive_name))
    assert (seen.known, seen.fetchable) == (await catalogue.backups.get(first.id), True)
    large.write_bytes(random.Random(2).randbytes(30_000))
    seen = await settled(inbox, await bench.receive(inbox, large, second.archive_name))
    assert (seen.known, seen.fetchable) == (second, False)
