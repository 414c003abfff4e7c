"""Test-restores: what Telegram and the disk hold is opened, compared and reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app.service import Service, open_courier
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.state import StoredFile
from bot.errors import DamagedArchiveError, UntrustedArchiveError
from bot.models import Action, Backup, Drill, DrillCode, DrillSource, Reason, Trigger, UncheckedCode
from bot.services.concurrency.abort import Abort
from bot.services.drill.drill import rehearse
from bot.services.fetch.fetch import UnreachableError
from bot.services.manager import Courier
from bot.services.recovery.document import DOCUMENT_NAME
from bot.texts import health as health_texts
from bot.texts import history as history_texts
from bot.texts import status as status_texts
from bot.words.drills import drill_words, result_words
from tests.world.archives import lying
from tests.world.databases import damage, make_database, write_env
from tests.world.faults import bad_request, server_error
from tests.world.phones import Person
from tests.world.recovery import changed
from tests.world.stand_in import StandIn


@pytest.fixture
async def courier(standin: StandIn, ann: Person, tmp_path: Path) -> AsyncIterator[Courier]:
    """A manager that delivers two databases to Ann."""
    sources = [make_database(tmp_path / "shop.db", 3000), make_database(tmp_path / "users.db", wal=False)]
    env = write_env(tmp_path, sources, BOT_TOKEN=standin.bot().token, TELEGRAM_API=standin.url, ADMIN_IDS="11")
    async with open_courier(load_settings(env), deliver=True) as opened:
        yield opened


async def back_up(courier: Courier) -> Backup:
    return (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup


def archive_in(person: Person) -> StoredFile:
    """The newest archive on a phone."""
    return [m.document for m in person.messages if m.document and m.document.name != DOCUMENT_NAME][-1]


async def test_the_newest_backup_is_proven_from_telegram(courier: Courier, standin: StandIn, ann: Person) -> None:
    """Its volumes are fetched back and opened; status, health and the backup say so, and nobody is bothered."""
    backup = await back_up(courier)
    before = len(ann.messages)
    drill = await courier.drills.drill_newest()
    assert (drill.backup_id, drill.ok, drill.source) == (backup.id, True, DrillSource.TELEGRAM)
    assert "2 databases test-restored and checked" in drill_words(drill)
    assert standin.calls_of("download", ok=True)
    status = await courier.status()
    assert status.restore_proven == status.last_drill == drill
    zone = courier.settings.timezone
    assert "Restore last proven just now, from Telegram" in status_texts.status(status, zone)
    assert "Restore last proven just now, from Telegram" in health_texts.health(await courier.health(), zone)
    assert "Restore proven" in history_texts.details(await courier.details(backup.id), status.now, zone)
    assert len(ann.messages) == before
    assert list(courier.store.work.iterdir()) == []


async def test_a_flipped_byte_in_telegram_is_caught_and_alarmed(courier: Courier, ann: Person) -> None:
    """One changed bit in the stored file: a loud message to every admin, and a mark on the backup."""
    backup = await back_up(courier)
    with changed(archive_in(ann), at=archive_in(ann).size // 2):
        drill = await courier.drills.drill_newest()
    assert not drill.ok
    await courier.alarm_loop.deliver()
    assert "Test-restore failed" in ann.last.text
    assert not ann.last.silent
    zone = courier.settings.timezone
    status = await courier.status()
    assert status.restore_proven is None
    assert f"Test-restore of backup {backup.id} failed" in status_texts.status(status, zone)
    assert f"Test-restore of backup {backup.id} failed" in health_texts.health(await courier.health(), zone)
    assert "Test-restore failed" in history_texts.details(await courier.details(backup.id), status.now, zone)


async def test_a_file_that_telegram_has_no_more_is_alarmed(courier: Courier, ann: Person, standin: StandIn) -> None:
    """A stale file_id means that this backup can't be had back from the chat."""
    await back_up(courier)
    courier.drills.patience = 0
    standin.inject(bad_request("wrong file_id or the file is temporarily unavailable"), "getFile", times=None)
    drill = await courier.drills.drill_newest()
    assert not drill.ok
    await courier.alarm_loop.deliver()
    assert "Test-restore failed" in ann.last.text


async def test_an_unreachable_telegram_says_nothing_about_the_backup(courier: Courier, standin: StandIn) -> None:
    """Where Telegram can't be asked, nothing is recorded and nobody alarmed."""
    await back_up(courier)
    courier.drills.patience = 0
    standin.inject(server_error(502, html=True), "getFile", times=None)
    with pytest.raises(UnreachableError):
        await courier.drills.drill_newest()
    assert await courier.catalogue.drills.last() is None


async def test_volumes_too_large_to_fetch_are_replaced_by_the_disk(courier: Courier, standin: StandIn) -> None:
    """What a bot may not download is test-restored from the archive on the disk, and said so."""
    await back_up(courier)
    standin.inject(bad_request("file is too big"), "getFile", times=None)
    drill = await courier.drills.drill_newest()
    assert (drill.ok, drill.source) == (True, DrillSource.DISK)


async def test_without_any_backup_there_is_nothing_to_drill(courier: Courier) -> None:
    """A new service has no proof and no alarm."""
    assert await courier.drills.drill_newest() is None


async def test_a_drill_on_the_disk_reads_the_archive_in_full(courier: Courier) -> None:
    """A byte changed in the stored archive is found although it opens."""
    backup = await back_up(courier)
    path = courier.store.folder / backup.archive_name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    drill = await courier.drills.drill_on_disk(backup, abort=Abort())
    assert not drill.ok


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"schema_sha256": "0" * 64}, "shop.db: its schema is not the one"),
        ({"foreign_key_violations": 3}, "0 rows refer to missing ones, 3 did"),
        ({"rows": (("entries", 2999), ("totals", 1))}, "number of rows"),
        ({"user_version": 8}, "user_version"),
    ],
)
async def test_everything_the_manifest_claims_is_compared(
    courier: Courier, tmp_path: Path, lie: dict[str, object], said: str
) -> None:
    """Each fact of a database that does not come back as it was fails the test-restore by name."""
    backup = await back_up(courier)
    archive = lying(courier.store.folder / backup.archive_name, tmp_path / "lying.zip", **lie)
    room = tmp_path / "room"
    room.mkdir()
    with pytest.raises((DamagedArchiveError, UntrustedArchiveError), match=said):
        await rehearse(archive, room, abort=Abort())


async def missed(standin: StandIn, folder: Path) -> tuple[Settings, Drill]:
    """Let a service be down since its last test-restore, a year ago."""
    env = write_env(
        folder, [make_database(folder / "shop.db")], BOT_TOKEN=standin.bot().token, TELEGRAM_API=standin.url,
        ADMIN_IDS="11", SCHEDULE="0 0 1 1 *", DRILL_SCHEDULE="* * * * *",
    )  # fmt: skip
    settings = load_settings(env)
    async with open_courier(settings, deliver=True) as courier:
        await back_up(courier)
        first = await courier.drills.drill_newest()
        old = replace(first, at=first.at.replace(year=first.at.year - 1))
        await courier.catalogue.drills.record(old)
    return settings, old


async def test_drill_schedule_runs_by_itself(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """A test-restore that was missed while the service was down is made at its start, and pinned."""
    settings, old = await missed(standin, tmp_path)
    async with Service.started(settings) as service, asyncio.timeout(20):
        while (newest := await service.courier.catalogue.drills.last()) == old:
            await asyncio.sleep(0.02)
        assert newest.ok
        await standin.until(lambda: "Restore proven" in getattr(ann.newest_pinned(), "text", ""), within=20)


async def test_a_damaged_database_in_a_sound_archive_is_found(courier: Courier, tmp_path: Path) -> None:
    """The check of a rehearsal is the full one: an index that disagrees with its table does not pass."""
    damaged = damage(make_database(tmp_path / "bad.db"))
    env = write_env(tmp_path, [damaged], CHECK="quick", BACKUP_DIR=str(tmp_path / "other"))
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as other:
        backup = await back_up(other)
        with pytest.raises(DamagedArchiveError, match="damaged"):
            await other.drills.prove(other.store.folder / backup.archive_name, backup)
        assert (await other.catalogue.drills.last()).ok is False


async def test_a_shutdown_does_not_wait_for_a_drill_that_waits(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """A test-restore that is waiting for Telegram to come back is broken off, and leaves neither record nor copy."""
    settings, old = await missed(standin, tmp_path)
    # In the place of a whole getFile: its answer never comes, and nobody opens the gate before the service has ended.
    gate = standin.hold("getFile")
    async with asyncio.timeout(25):
        async with Service.started(settings):
            await gate.reached(within=20)
    assert not gate.is_open
    gate.open()
    async with open_courier(settings, deliver=False) as courier:
        assert await courier.catalogue.drills.last() == old
        assert [path.name for path in courier.store.work.glob("restore-*")] == []


@pytest.mark.parametrize(("why", "said"), [("it takes too long", ": it takes too long."), ("", ".")])
def test_a_database_that_could_not_be_checked_is_said_to_be(why: str, said: str) -> None:
    """With the reason where there is one, which earlier versions recorded in words."""
    facts = (("checked", 0), ("databases", 1), ("rows", 0), ("uncounted", 0), ("unchecked", "a.db"), ("why", why))
    words = "a.db is byte for byte as it was (SHA-256), and could not be checked here"
    assert result_words(Reason(DrillCode.PROVEN, facts)) == f"{words}{said}"


def test_each_database_that_could_not_be_checked_is_said_with_its_own_reason() -> None:
    """The facts of one stand behind its name, up to the next."""
    first = (("unchecked", "a.db"), ("cause", UncheckedCode.LATE), ("seconds", 9))
    second = (("unchecked", "b.db"), ("cause", UncheckedCode.DISK))
    facts = (("checked", 0), ("databases", 3), *first, *second, ("unchecked", "c.db"), ("cause", ""), ("missing", "d"))
    said = result_words(Reason(DrillCode.PROVEN, facts))
    assert "could not be checked here: its check was stopped after 9 s. b.db is" in said
    assert "here: its private copy could not be read back (is the disk failing?). c.db is" in said
    assert said.endswith("could not be checked here. d, which the manifest names, is no longer in it.")


async def test_one_that_somebody_asked_for_and_that_was_cut_off_says_so(courier: Courier, standin: StandIn) -> None:
    """The record does not end with its beginning; of one that came to an end by itself, nothing is said."""

    async def recorded() -> list[tuple[str, Action]]:
        async with Service.started(courier.settings):
            pass
        return [(entry.actor, entry.action) for entry in await courier.catalogue.service.audits()]

    await back_up(courier)
    gate = standin.hold("getFile")
    drilling = asyncio.create_task(courier.drills.drill_newest(actor="Ann (11)"))
    await gate.reached(within=20)
    drilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drilling
    gate.open()
    began, cut_off = ("Ann (11)", Action.DRILL_STARTED), ("Ann (11)", Action.DRILL_CUT_OFF)
    assert (await recorded())[:2] == [cut_off, began]
    assert (await recorded())[:2] == [cut_off, began]
    assert (await courier.drills.drill_newest(actor="Ben (12)")).ok
    assert (await recorded())[:2] == [("Ben (12)", Action.DRILL_STARTED), cut_off]
    courier.drills.patience = 0
    standin.inject(server_error(502, html=True), "getFile", times=None)
    with pytest.raises(UnreachableError):
        await courier.drills.drill_newest(actor="Ben (12)")
    assert (await recorded())[0] == ("Ben (12)", Action.DRILL_STARTED)
