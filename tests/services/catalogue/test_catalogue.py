"""The catalogue's API on a real file."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bot.errors import NotFoundError
from bot.models import (
    NO_REASON,
    OTHER,
    SAFETY_KEPT,
    Action,
    Backup,
    BackupState,
    Cause,
    Database,
    Delivery,
    DeliveryReason,
    DeliveryState,
    Heartbeat,
    OutcomeCode,
    Override,
    Reason,
    Recipient,
    SentVolume,
    SkippedRecord,
    SkipReason,
    Trigger,
    Verdict,
    because,
)
from bot.services.catalogue import AuditEntry, Catalogue
from tests.world.catalogue import NOW, Told, archive_named, backed_up, rebuild, stored
from tests.world.snapshots import posix

SKIPPED = SkippedRecord(
    name="log.db",
    path="/srv/log.db",
    reason=SkipReason.BUSY,
    why=because(Cause.LOCKED, path="/srv/log.db", waited="30"),
)


async def test_a_finished_backup_comes_back_as_it_was_told(catalogue: Catalogue) -> None:
    """Every field of a backup, its databases and its skipped ones survives the file."""
    backup_id = await catalogue.backups.begin(trigger=Trigger.BUTTON, requested_by="77", started_at=NOW)
    assert (await catalogue.backups.get(backup_id)).state is BackupState.RUNNING
    told: dict[str, Any] = {
        "state": BackupState.PARTIAL,
        "finished_at": NOW + timedelta(seconds=9),
        "databases": (backed_up(), backed_up("other.db", messages=(), rows=(), verdict=Verdict.UNCHECKED)),
        "skipped": (SKIPPED,),
        "error_code": "no-space",
        "error": Reason(OTHER, (("said", "half of it"),)),
    }
    archive = archive_named("database_backup_20250301_120000.zip", bytes=123, sha256="00ff", sealed="age1abc")
    finished = await catalogue.backups.finish(backup_id, archive=archive, **told)
    assert finished == Backup(
        id=backup_id,
        started_at=NOW,
        trigger=Trigger.BUTTON,
        requested_by="77",
        archive_name="database_backup_20250301_120000.zip",
        archive_bytes=123,
        archive_sha256="00ff",
        on_disk=True,
        sealed="age1abc",
        **told,
    )
    assert await catalogue.backups.get(backup_id) == finished


async def test_every_method_answers_on_an_empty_catalogue(catalogue: Catalogue) -> None:
    """A first start finds nothing and no error."""
    assert await catalogue.backups.select() == ()
    assert await catalogue.backups.count() == 0
    assert await catalogue.backups.latest_proven() is None
    assert await catalogue.backups.latest_by_database() == {}
    assert await catalogue.backups.mark_interrupted() == ()
    assert await catalogue.backups.success_since(NOW) == (0, 0)
    assert await catalogue.databases.known_names() == {}
    assert await catalogue.deliveries.owed() == ()
    assert await catalogue.deliveries.of(1) == ()
    assert await catalogue.volumes.file_id(1, 1) is None
    assert await catalogue.recipients.parked() == {}
    assert await catalogue.service.heartbeat() is None
    assert await catalogue.service.overrides() == {}
    assert await catalogue.service.audits() == ()
    assert await catalogue.service.last_planned() is None


@posix
async def test_the_file_and_its_sidecars_are_the_owners_alone(tmp_path: Path) -> None:
    """The folder is 0700 and the catalogue 0600 with its -wal and -shm, whatever the umask."""
    before = os.umask(0)
    try:
        folder = tmp_path / "new"
        async with await Catalogue.open(folder / "catalogue.db") as catalogue:
            await catalogue.service.audit("77", Action.PAUSED)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {"catalogue.db": 0o600, "catalogue.db-wal": 0o600, "catalogue.db-shm": 0o600}


async def test_a_lost_catalogue_is_rebuilt_from_the_archives(tmp_path: Path) -> None:
    """Archives with a readable manifest are adopted oldest first; the others are left alone and named."""
    names = ["database_backup_20250301_110000.zip", "database_backup_20250301_100000.zip"]
    manifests = {
        names[0]: Told(NOW - timedelta(hours=1), databases=(backed_up(),), skipped=(SKIPPED,)),
        names[1]: Told(NOW - timedelta(hours=2), databases=(backed_up(name="old.db", path="/srv/shop.db"),)),
    }
    for name in (*names, "database_backup_20250301_090000.zip"):
        (tmp_path / name).write_bytes(name.encode())
    catalogue, rebuilt = await rebuild(tmp_path / "catalogue.db", lambda archive: manifests[archive.name])
    async with catalogue:
        assert rebuilt is not None
        assert [backup.archive_name for backup in rebuilt.adopted] == list(reversed(names))
        assert [archive.name for archive in rebuilt.unreadable] == ["database_backup_20250301_090000.zip"]
        assert rebuilt.set_aside == ()
        assert await catalogue.databases.known_names() == {"/srv/shop.db": "shop.db", "/srv/log.db": "log.db"}
        newest = await catalogue.backups.find("latest")
        assert (newest.archive_name, newest.on_disk, newest.proven) == (names[0], True, True)
        assert newest.archive_sha256 == sha256(names[0].encode()).hexdigest()
        assert newest.state is BackupState.PARTIAL
    again, nothing = await rebuild(tmp_path / "catalogue.db", lambda archive: manifests[archive.name])
    await again.close()
    assert nothing is None


async def test_a_manifest_that_can_not_be_written_down_keeps_no_other_out(tmp_path: Path) -> None:
    """A number or a name that no catalogue can hold is that archive's fault, and the others are adopted."""
    whole = backed_up()
    manifests = {
        "database_backup_20250301_110000.zip": Told(NOW, databases=(replace(whole, bytes=1 << 70),)),
        "database_backup_20250301_100000.zip": Told(NOW, databases=(replace(whole, name="\ud800.db"),)),
        "database_backup_20250301_090000.zip": Told(NOW, databases=(whole,)),
    }
    for name in manifests:
        (tmp_path / name).write_bytes(name.encode())
    catalogue, rebuilt = await rebuild(tmp_path / "catalogue.db", lambda archive: manifests[archive.name])
    async with catalogue:
        assert rebuilt is not None
        assert [backup.archive_name for backup in rebuilt.adopted] == ["database_backup_20250301_090000.zip"]
        assert len(rebuilt.unreadable) == 2
        assert len(await catalogue.backups.select()) == 1


PRIVATE = Recipient(chat_id=77)
TOPIC = Recipient(chat_id=-1009, thread_id=42)


async def test_an_unknown_backup_is_not_found(catalogue: Catalogue) -> None:
    """Whatever is asked or told of an id that was never given ends in one plain error, and changes nothing."""
    for attempt in (
        catalogue.backups.get(5),
        catalogue.backups.set_state(5, BackupState.FAILED),
        catalogue.backups.set_pinned(5, True),
        catalogue.backups.set_note(5, "x"),
        catalogue.backups.mark_deleted(5),
        catalogue.backups.finish(5, state=BackupState.FAILED, finished_at=NOW, skipped=(SKIPPED,)),
        catalogue.deliveries.owe(5, [PRIVATE]),
        catalogue.deliveries.save(Delivery(backup_id=5, recipient=PRIVATE, state=DeliveryState.SENT)),
        catalogue.deliveries.record_sent(5, PRIVATE, SentVolume(number=1, message_id=2, sent_at=NOW)),
        catalogue.volumes.set_file_id(5, 1, "BQAC", 10),
        catalogue.backups.find("latest"),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert await catalogue.deliveries.owed() == ()
    assert (await catalogue.recipients.statuses([PRIVATE]))[0].last_sent_at is None


async def test_marks_on_a_backup(catalogue: Catalogue) -> None:
    """State, pin, note and deletion are kept; a deleted archive is owed to nobody any more."""
    backup = await stored(catalogue)
    await catalogue.deliveries.owe(backup.id, [PRIVATE, TOPIC])
    await catalogue.deliveries.save(
        Delivery(backup_id=backup.id, recipient=TOPIC, state=DeliveryState.SENT, sent_at=NOW)
    )
    await catalogue.backups.set_state(backup.id, BackupState.DELIVERED)
    await catalogue.backups.set_pinned(backup.id, True)
    await catalogue.backups.set_note(backup.id, "before the move")
    await catalogue.backups.mark_deleted(backup.id)
    marks = {"state": BackupState.DELIVERED, "pinned": True, "note": "before the move", "on_disk": False}
    marked = await catalogue.backups.get(backup.id)
    assert marked == replace(backup, **marks)
    assert marked.proven
    private, topic = await catalogue.deliveries.of(backup.id)
    assert (private.state, topic.state) == (DeliveryState.SUPERSEDED, DeliveryState.SENT)
    assert private.reason.code == DeliveryReason.ARCHIVE_DELETED


async def test_backups_are_listed_newest_first(catalogue: Catalogue) -> None:
    """Pages, counts and filters agree, and a failed run shows without an archive."""
    older = await stored(catalogue, NOW - timedelta(hours=2))
    newer = await stored(catalogue, NOW - timedelta(hours=1))
    failed = await stored(
        catalogue, NOW, state=BackupState.FAILED, archive=None, error=Reason(Cause.NOT_SEALED, (("said", "no"),))
    )
    await catalogue.backups.mark_deleted(older.id)
    assert [backup.id for backup in await catalogue.backups.select()] == [failed.id, newer.id, older.id]
    assert [backup.id for backup in await catalogue.backups.select(limit=1, offset=1)] == [newer.id]
    assert [backup.id for backup in await catalogue.backups.select(limit=-1, proven_only=True)] == [newer.id, older.id]
    assert await catalogue.backups.select(on_disk_only=True) == (newer,)
    assert await catalogue.backups.count() == 3
    assert len(await catalogue.backups.select(on_disk_only=True, proven_only=True)) == 1
    assert await catalogue.backups.success_since(NOW - timedelta(hours=1)) == (1, 2)


async def test_the_latest_backup_of_each_database(catalogue: Catalogue) -> None:
    """A database missing from newer backups names the one that has it; a date in the future fools nobody."""
    first = await stored(catalogue, NOW - timedelta(hours=3), "shop.db", "old.db")
    second = await stored(catalogue, NOW - timedelta(hours=2), "shop.db")
    await stored(catalogue, NOW - timedelta(hours=1), archive=None, state=BackupState.FAILED)
    await stored(catalogue, NOW + timedelta(days=900), "shop.db")
    assert await catalogue.backups.latest_by_database() == {"old.db": first, "shop.db": second}
    assert await catalogue.backups.latest_proven() == second
    await catalogue.backups.mark_deleted(second.id)
    assert await catalogue.backups.find("latest") == first
    latest = await catalogue.backups.latest_proven()
    assert latest.id == second.id


async def test_a_safety_copy_is_no_good_backup(catalogue: Catalogue) -> None:
    """What a restore wanted to get rid of is neither the latest backup, nor a database's, nor a run that succeeded."""
    good = await stored(catalogue, NOW - timedelta(hours=2), "shop.db")
    copied = await stored(catalogue, NOW - timedelta(hours=1), "shop.db", "odd.db", trigger=Trigger.SAFETY)
    assert await catalogue.backups.latest_proven() == good
    assert await catalogue.backups.latest_run() == good
    assert await catalogue.backups.find("latest") == good
    assert await catalogue.backups.latest_by_database() == {"shop.db": good}
    assert await catalogue.backups.success_since(NOW - timedelta(days=1)) == (1, 1)
    assert await catalogue.backups.find(str(copied.id)) == copied


async def test_a_backup_is_found_by_what_people_write(catalogue: Catalogue) -> None:
    """An id, an archive's or a volume's name, or the beginning of its time, in digits or as a date."""
    morning = await stored(catalogue, NOW.replace(hour=9))
    noon = await stored(catalogue, NOW)
    for asked in (
        str(noon.id),
        f"#{noon.id}",
        noon.archive_name,
        f"{noon.archive_name}.002",
        "20250301_12",
        "202503011200",
        "2025-03-01 12:00",
        "2025-03-01T12",
        "database_backup_20250301_12",
        " latest ",
    ):
        assert await catalogue.backups.find(asked) == noon, asked
    assert await catalogue.backups.find("2025-03-01 09") == morning
    with pytest.raises(NotFoundError, match=f"{noon.archive_name}, {morning.archive_name}"):
        await catalogue.backups.find("2025-03-01")
    for asked in ("", "99", "20260101", "noon", "%", "2025-03-01 noon", "..", "database_backup_"):
        with pytest.raises(NotFoundError):
            await catalogue.backups.find(asked)


async def test_a_name_that_comes_back_belongs_to_the_new_archive(catalogue: Catalogue) -> None:
    """After a clock was set back and a file removed by hand, only the newer backup of that name is on disk."""
    first = await stored(catalogue)
    second = await stored(catalogue)
    assert not (await catalogue.backups.get(first.id)).on_disk
    assert await catalogue.backups.find(first.archive_name) == second


async def test_runs_found_running_are_interrupted(catalogue: Catalogue) -> None:
    """What was running when the process died is marked, once; what had ended stays as it was."""
    done = await stored(catalogue)
    backup_id = await catalogue.backups.begin(trigger=Trigger.BUTTON, requested_by="77", started_at=NOW)
    (interrupted,) = await catalogue.backups.mark_interrupted()
    assert (interrupted.id, interrupted.state) == (backup_id, BackupState.INTERRUPTED)
    assert interrupted.finished_at == NOW
    assert await catalogue.backups.mark_interrupted() == ()
    assert await catalogue.backups.get(done.id) == done


async def test_an_archive_on_disk_is_adopted_once(catalogue: Catalogue, tmp_path: Path) -> None:
    """A run killed between its archive and its row gets the archive; a second adoption changes nothing."""
    started = NOW.replace(microsecond=250_000)
    backup_id = await catalogue.backups.begin(trigger=Trigger.BUTTON, requested_by="77", started_at=started)
    await catalogue.backups.mark_interrupted()
    archive = tmp_path / "database_backup_20250301_120000.zip"
    archive.write_bytes(b"12345")
    manifest = Told(started, databases=(backed_up(),))
    adopted = await catalogue.archives.adopt(archive, manifest, "aa")
    assert (adopted.id, adopted.state, adopted.archive_bytes) == (backup_id, BackupState.STORED, 5)
    assert (adopted.trigger, adopted.requested_by) == (Trigger.BUTTON, "77")
    await catalogue.backups.mark_deleted(backup_id)
    assert await catalogue.archives.adopt(archive, manifest, "aa") == adopted
    other = tmp_path / "database_backup_20250301_070000.zip"
    other.write_bytes(b"")
    planned = await catalogue.archives.adopt(other, Told(NOW - timedelta(hours=5)), "bb")
    assert (planned.trigger, planned.on_disk, planned.pinned) == (Trigger.SCHEDULE, True, False)
    copied = tmp_path / "database_backup_20250301_060000.zip"
    copied.write_bytes(b"z" * 30)
    safety = await catalogue.archives.adopt(copied, Told(NOW - timedelta(hours=6), trigger=Trigger.SAFETY), "cc")
    assert (safety.trigger, safety.pinned) == (Trigger.SAFETY, False)
    assert safety.keep_until == NOW - timedelta(hours=6) + SAFETY_KEPT
    copied = tmp_path / "database_backup_20240301_060000.zip"
    copied.write_bytes(b"y" * 30)
    old = await catalogue.archives.adopt(copied, Told(NOW - timedelta(days=365), trigger=Trigger.SAFETY), "dd")
    assert old.keep_until == NOW + timedelta(days=7)  # not gone before anybody has seen that it is there
    assert await catalogue.backups.count() == 4
    with pytest.raises(FileNotFoundError):
        await catalogue.archives.adopt(tmp_path / "database_backup_20250301_080000.zip", manifest, "cc")


async def test_names_in_archives_are_remembered(catalogue: Catalogue, tmp_path: Path) -> None:
    """A path keeps its name until it is told another; an adopted manifest overrules nothing."""
    await catalogue.databases.remember(
        [Database(path=Path("/srv/a/db"), name="db"), Database(path=Path("/b"), name="db-2")]
    )
    await catalogue.databases.remember([Database(path=Path("/b"), name="b")])
    (tmp_path / "database_backup_20250301_070000.zip").write_bytes(b"")
    told = Told(NOW, databases=(backed_up("DB"), backed_up("other", path="/b"), backed_up("new")))
    await catalogue.archives.adopt(tmp_path / "database_backup_20250301_070000.zip", told, "bb")
    assert await catalogue.databases.known_names() == {
        str(Path("/srv/a/db")): "db",
        str(Path("/b")): "b",
        "/srv/new": "new",
    }


async def test_deliveries_are_owed_until_sent(catalogue: Catalogue) -> None:
    """Owing twice is owing once; what is saved and sent comes back; the newest backup is owed first."""
    older, newer = await stored(catalogue, NOW - timedelta(hours=1)), await stored(catalogue)
    await catalogue.deliveries.owe(older.id, [PRIVATE])
    first = await catalogue.deliveries.owe(newer.id, [TOPIC, PRIVATE])
    assert [delivery.recipient for delivery in first] == [TOPIC, PRIVATE]
    assert {delivery.state for delivery in first} == {DeliveryState.PENDING}
    waiting = Delivery(
        backup_id=newer.id,
        recipient=PRIVATE,
        state=DeliveryState.SENDING,
        attempts=2,
        next_try_at=NOW + timedelta(minutes=5),
        reason=Reason(OutcomeCode.SLOW_DOWN, (("seconds", 30),)),
    )
    await catalogue.deliveries.save(waiting)
    volumes = tuple(SentVolume(number=n, message_id=100 + n, sent_at=NOW - timedelta(seconds=9 - n)) for n in (1, 2))
    for volume in reversed(volumes):
        await catalogue.deliveries.record_sent(newer.id, PRIVATE, volume)
    await catalogue.deliveries.record_sent(newer.id, PRIVATE, volumes[0])
    assert await catalogue.deliveries.owe(newer.id, [PRIVATE]) == (first[0], replace(waiting, volumes=volumes))
    (old,) = await catalogue.deliveries.of(older.id)
    assert await catalogue.deliveries.owed() == (first[0], replace(waiting, volumes=volumes), old)
    assert await catalogue.deliveries.owed(recipient=PRIVATE) == (replace(waiting, volumes=volumes), old)
    await catalogue.deliveries.save(replace(waiting, state=DeliveryState.SENT, sent_at=NOW, next_try_at=None))
    assert await catalogue.deliveries.owed(recipient=PRIVATE) == (old,)
    (status,) = await catalogue.recipients.statuses([PRIVATE])
    assert (status.owed, status.last_sent_at) == (1, volumes[1].sent_at)


async def test_file_ids_of_volumes(catalogue: Catalogue) -> None:
    """An id is remembered per volume, replaced, and forgotten when Telegram no longer knows it."""
    backup = await stored(catalogue)
    await catalogue.volumes.set_file_id(backup.id, 2, "two", 10, sha256="aa")
    await catalogue.volumes.set_file_id(backup.id, 1, "one", 10)
    await catalogue.volumes.set_file_id(backup.id, 1, "uno", 10)
    assert [await catalogue.volumes.file_id(backup.id, number) for number in (1, 2, 3)] == ["uno", "two", None]
    await catalogue.volumes.set_file_id(backup.id, 2, None, 10)
    assert await catalogue.volumes.file_id(backup.id, 1) == "uno"
    assert await catalogue.volumes.file_id(backup.id, 2) is None


async def test_a_parked_recipient_and_its_deliveries(catalogue: Catalogue) -> None:
    """What somebody out of reach is owed is parked with the reason, and pending again when they are back."""
    backup = await stored(catalogue)
    await catalogue.deliveries.owe(backup.id, [PRIVATE, TOPIC])
    await catalogue.recipients.set_name(PRIVATE, "Ada")
    why = Reason(OutcomeCode.ANSWERS, (("said", "Forbidden: “no”"),))
    await catalogue.recipients.park(PRIVATE, why)
    assert await catalogue.recipients.parked() == {PRIVATE: why}
    parked, pending = await catalogue.deliveries.of(backup.id)
    assert (parked.state, parked.reason, pending.state) == (DeliveryState.PARKED, why, DeliveryState.PENDING)
    statuses = await catalogue.recipients.statuses([TOPIC, PRIVATE, Recipient(chat_id=1)])
    assert [(status.name, status.parked_reason, status.owed) for status in statuses] == [
        ("", NO_REASON, 1),
        ("Ada", why, 1),
        ("", NO_REASON, 0),
    ]
    await catalogue.recipients.unpark(PRIVATE)
    assert await catalogue.recipients.parked() == {}
    assert {delivery.state for delivery in await catalogue.deliveries.owed()} == {DeliveryState.PENDING}


async def test_a_group_that_became_a_supergroup_keeps_its_ledger(catalogue: Catalogue) -> None:
    """Deliveries with their volumes, names and topics move to the new id; longer ids that begin alike stay."""
    group, near = Recipient(chat_id=-100), Recipient(chat_id=-1009)
    topic = Recipient(chat_id=-100, thread_id=42)
    backup = await stored(catalogue)
    await catalogue.deliveries.owe(backup.id, [group, topic, near])
    await catalogue.deliveries.record_sent(backup.id, group, SentVolume(number=1, message_id=5, sent_at=NOW))
    await catalogue.recipients.set_name(group, "Backups")
    await catalogue.recipients.migrate(-100, -200)
    await catalogue.recipients.migrate(-100, -200)
    moved = await catalogue.deliveries.of(backup.id)
    assert [delivery.recipient.address for delivery in moved] == ["-200", "-200/42", "-1009"]
    assert [volume.message_id for volume in moved[0].volumes] == [5]
    (status,) = await catalogue.recipients.statuses([Recipient(chat_id=-200)])
    assert (status.name, status.last_sent_at) == ("Backups", NOW)
    await catalogue.recipients.migrate(-200, -300)
    assert await catalogue.recipients.current(topic) == Recipient(chat_id=-300, thread_id=42)
    await catalogue.recipients.migrate(-300, -100)
    assert await catalogue.recipients.current(Recipient(chat_id=-200)) == Recipient(chat_id=-100)
    assert await catalogue.recipients.current(PRIVATE) == PRIVATE


async def test_a_move_to_an_id_that_is_owed_already_owes_once(catalogue: Catalogue) -> None:
    """Where the new chat has its own delivery of a backup, the old one's is superseded."""
    old, new = Recipient(chat_id=-100), Recipient(chat_id=-200)
    backup = await stored(catalogue)
    await catalogue.deliveries.owe(backup.id, [old, new])
    await catalogue.recipients.migrate(-100, -200)
    assert [delivery.recipient for delivery in await catalogue.deliveries.owed()] == [new]


async def test_the_services_own_memory(tmp_path: Path) -> None:
    """Heartbeat, overrides, audit and the last planned time; an override with an end ends."""
    now = NOW
    async with await Catalogue.open(tmp_path / "catalogue.db", clock=lambda: now) as catalogue:
        await catalogue.service.beat(pid=1, started_at=NOW, next_run_at=NOW + timedelta(hours=1))
        await catalogue.service.beat(pid=2, started_at=NOW, next_run_at=None, stopped=True)
        assert await catalogue.service.heartbeat() == Heartbeat(
            at=NOW, pid=2, started_at=NOW, next_run_at=None, stopped=True
        )
        await catalogue.service.set_override("schedule", "0 3 * * *", "77")
        await catalogue.service.set_override("paused", "yes", "77", until=NOW + timedelta(hours=1))
        await catalogue.service.set_override("schedule", "0 4 * * *", "78")
        overrides = await catalogue.service.overrides()
        assert overrides["schedule"] == Override(name="schedule", value="0 4 * * *", set_by="78", set_at=NOW)
        assert overrides["paused"].until == NOW + timedelta(hours=1)
        now += timedelta(hours=1)
        assert list(await catalogue.service.overrides()) == ["schedule"]
        await catalogue.service.clear_override("schedule")
        await catalogue.service.clear_override("schedule")
        assert await catalogue.service.overrides() == {}
        await catalogue.service.audit("77", Action.PAUSED)
        await catalogue.service.audit("78", Action.PINNED, ("backup", 5))
        assert await catalogue.service.audits(limit=1) == (
            AuditEntry(at=now, actor="78", action=Action.PINNED, facts=(("backup", 5),)),
        )
        assert [entry.action for entry in await catalogue.service.audits(offset=1)] == [Action.PAUSED]
        local = timezone(timedelta(hours=5, minutes=30))
        await catalogue.service.set_last_planned(NOW.astimezone(local))
        assert await catalogue.service.last_planned() == NOW
        with pytest.raises(ValueError, match="no time zone"):
            await catalogue.service.set_last_planned(NOW.replace(tzinfo=None))
