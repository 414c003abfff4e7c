"""The catalogue's file: damage, versions, second processes, cancelled callers, and the way back from the archives."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import CatalogueError
from bot.models import (
    OTHER,
    Action,
    AlarmEnding,
    BackupState,
    Cause,
    DeliveryReason,
    DrillCode,
    Loss,
    OutcomeCode,
    Reason,
    Trigger,
)
from bot.services.alarms.shrinking import baseline_of
from bot.services.catalogue import BrokenCatalogueError, Catalogue, Rebuilt, schema
from bot.services.catalogue.values import as_text
from bot.words.drills import drill_words, result_words
from bot.words.outcomes import reason_words
from tests.world.catalogue import NOW, Told, archive_named, backed_up, rebuild, stored
from tests.world.clock import until
from tests.world.snapshots import ask, in_process, posix, run_sql

ARCHIVE = "database_backup_20250301_110000.zip"


def manifest(archive: Path) -> Told:
    return Told(NOW - timedelta(hours=1), databases=(backed_up(),))


@pytest.fixture
async def filled(path: Path) -> Path:
    """The file of a catalogue of forty backups."""
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        for number in range(40):
            await stored(catalogue, NOW - timedelta(hours=number))
    return path


async def rebuilt_of(path: Path) -> Rebuilt:
    catalogue, rebuilt = await rebuild(path, manifest)
    await catalogue.close()
    assert rebuilt is not None
    return rebuilt


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("not a database, but long enough to be looked at" * 30),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096),
    "cut to nothing": lambda path: path.write_bytes(b""),
    "a page overwritten": lambda path: overwrite(path, 4096, b"\xff" * 4096),
    "most pages overwritten": lambda path: overwrite(path, 3 * 4096, os.urandom(path.stat().st_size - 3 * 4096)),
    "a table gone": lambda path: run_sql(path, "DROP TABLE volumes"),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_broken_catalogue_is_set_aside_and_rebuilt(filled: Path, damage: str) -> None:
    """However it is broken, the old file is kept with its content and the archives on disk are known again."""
    path = filled
    DAMAGE[damage](path)
    broken = path.read_bytes()
    path.with_name(ARCHIVE).write_bytes(b"zip")
    if broken:
        with pytest.raises(BrokenCatalogueError) as raised:
            await Catalogue.open(path)
        assert "rebuilds it" in raised.value.hint
        assert path.read_bytes() == broken or damage == "a table gone"
    catalogue, rebuilt = await rebuild(path, manifest)
    async with catalogue:
        assert rebuilt is not None
        assert [backup.archive_name for backup in rebuilt.adopted] == [ARCHIVE]
        assert rebuilt.set_aside[0].name == "catalogue.db.broken-20250301_120000"
        assert rebuilt.set_aside[0].read_bytes() == broken or damage == "a table gone"
        assert len(await catalogue.backups.select(on_disk_only=True)) == 1
    DAMAGE["text"](path)
    assert (await rebuilt_of(path)).set_aside[0].name == "catalogue.db.broken-20250301_120000-2"


async def test_the_sidecars_go_aside_with_the_file(path: Path, tmp_path: Path) -> None:
    """The log of a broken or vanished catalogue never meets a new one."""
    for name in ("catalogue.db", "catalogue.db-wal", "catalogue.db-shm"):
        (tmp_path / name).write_bytes(b"x" * 5000)
    suffix, rebuilt = ".broken-20250301_120000", await rebuilt_of(path)
    assert {file.name for file in rebuilt.set_aside} == {f"catalogue.db{suffix}{tail}" for tail in ("", "-wal", "-shm")}
    path.unlink()
    (tmp_path / "catalogue.db-wal").write_bytes(b"y" * 5000)
    assert [file.read_bytes()[:1] for file in (await rebuilt_of(path)).set_aside] == [b"y"]


async def test_a_first_start_rebuilds_nothing(tmp_path: Path) -> None:
    """Without a catalogue and without archives there is nothing to tell."""
    catalogue, rebuilt = await rebuild(tmp_path / "new" / "catalogue.db", manifest)
    async with catalogue:
        assert rebuilt is None
        assert await catalogue.backups.select() == ()


async def test_a_rebuild_that_was_cut_off_begins_again(path: Path, tmp_path: Path) -> None:
    """A crash while archives are being read leaves no catalogue that has forgotten some of them."""
    (tmp_path / ARCHIVE).write_bytes(b"zip")
    (tmp_path / "catalogue.db.rebuilding").write_bytes(b"half a catalogue")
    (tmp_path / "catalogue.db.rebuilding-wal").write_bytes(b"its log")

    def crash(archive: Path) -> Told:
        loop.call_soon_threadsafe(rebuilding.cancel)
        return manifest(archive)

    loop = asyncio.get_running_loop()
    rebuilding = asyncio.ensure_future(rebuild(path, crash))
    with pytest.raises(asyncio.CancelledError):
        await rebuilding
    assert not path.exists()
    assert len((await rebuilt_of(path)).adopted) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["catalogue.db", ARCHIVE]


async def test_a_newer_catalogue_is_refused_and_left_alone(filled: Path) -> None:
    """An older program neither changes nor sets aside what a newer one wrote."""
    path = filled
    run_sql(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    for attempt in (Catalogue.open(path), Catalogue.open(path, read_only=True), rebuild(path, manifest)):
        with pytest.raises(CatalogueError, match=f"version {schema.VERSION + 1}") as raised:
            await attempt
        assert not isinstance(raised.value, BrokenCatalogueError)
        assert "newer" in raised.value.hint
    assert path.read_bytes() == before


async def test_another_applications_database_is_left_alone(path: Path) -> None:
    """A database that is none of ours is refused, not migrated and not moved."""
    run_sql(path, "CREATE TABLE orders (id)")
    with pytest.raises(CatalogueError, match="another application's"):
        await rebuild(path, manifest)
    assert list(path.parent.iterdir()) == [path]


async def test_a_catalogue_that_cannot_be_opened_is_no_broken_one(tmp_path: Path) -> None:
    """A folder in its place, or a folder that is a file, is told with its path."""
    (tmp_path / "catalogue.db").mkdir()
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "catalogue.db", tmp_path / "file" / "catalogue.db"):
        with pytest.raises(CatalogueError) as raised:
            await Catalogue.open(path)
        assert not isinstance(raised.value, BrokenCatalogueError)
        assert str(path) in raised.value.sentence + raised.value.hint


async def test_every_version_is_migrated_step_by_step(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of the version before gets the new step alone, with its rows kept; until then nobody reads it."""
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, ("ALTER TABLE audit ADD COLUMN via TEXT",)))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(CatalogueError, match="older than"):
        await Catalogue.open(filled, read_only=True)
    async with await Catalogue.open(filled) as catalogue:
        assert await catalogue.backups.count() == 40
    assert ask(filled, "PRAGMA user_version") == schema.VERSION
    assert ask(filled, "SELECT count(*) FROM (SELECT via FROM audit)") == 0


async def test_a_migration_that_fails_changes_nothing(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a step is rolled back with its version number."""
    version = schema.VERSION
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, ("CREATE TABLE half (x)", "CREATE TABLE audit (x)")))
    monkeypatch.setattr(schema, "VERSION", version + 1)
    with pytest.raises(CatalogueError, match="already exists"):
        await Catalogue.open(filled)
    assert ask(filled, "PRAGMA user_version") == version
    assert ask(filled, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0


def test_the_schema_knows_its_own_tables() -> None:
    """The list that tells a whole catalogue from a broken one is the list of what the steps create."""
    with closing(sqlite3.connect(":memory:")) as database:
        for step in schema.STEPS:
            for statement in step:
                database.execute(statement)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in tables if not name.startswith("sqlite_")} == schema.TABLES


@posix
async def test_a_loose_mode_is_tightened(filled: Path) -> None:
    """A catalogue that was copied back readable for all is private again after the next open."""
    filled.chmod(0o644)
    await (await Catalogue.open(filled)).close()
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600


READ = """
import asyncio, sys
from pathlib import Path
from bot.services.catalogue import Catalogue

async def read():
    async with await Catalogue.open(Path(sys.argv[1]), read_only=True) as catalogue:
        print(await catalogue.backups.count(), flush=True)

asyncio.run(read())
"""

WRITE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.models import Trigger
from bot.services.catalogue import Catalogue

async def write():
    catalogue = await Catalogue.open(Path(sys.argv[1]))
    while True:
        now = datetime.now(UTC)
        print(await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="", started_at=now), flush=True)

asyncio.run(write())
"""


async def test_a_second_process_reads_while_the_service_writes(path: Path) -> None:
    """`status` sees what was written, without a wait, and can't write; the service notices another writer."""
    with pytest.raises(CatalogueError, match="no catalogue"):
        await Catalogue.open(path, read_only=True)
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        await stored(catalogue)
        assert (await asyncio.to_thread(in_process, READ, path)).stdout == "1\n"
        version = await catalogue.data_version()
        async with await Catalogue.open(path, read_only=True) as reader:
            with pytest.raises(CatalogueError):
                await reader.service.audit("77", Action.PAUSED)
            assert await reader.backups.count() == 1
        async with await Catalogue.open(path) as other:
            await other.service.audit("77", Action.PAUSED)
        assert await catalogue.data_version() != version
        assert [entry.actor for entry in await catalogue.service.audits()] == ["77"]


async def test_what_was_written_survives_a_kill(path: Path) -> None:
    """After kill -9 in the middle of writing, every row whose method had returned is there, and the file is whole."""
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
        process.wait()
    async with await Catalogue.open(path) as catalogue:
        assert len(await catalogue.backups.mark_interrupted()) >= last


async def test_a_cancelled_opening_leaves_no_connection(path: Path) -> None:
    """A connection that nobody has would keep its thread, and with it the process, alive."""

    def connections() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]

    opening = asyncio.ensure_future(Catalogue.open(path))
    while not connections():
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    async def gone() -> bool:  # the thread ends by itself, once it has been told
        return not connections()

    await until(gone)


async def test_a_cancelled_caller_leaves_a_whole_transaction(catalogue: Catalogue) -> None:
    """Cancelled at any of its steps, a method has done all of its work or none, and the next one goes on."""
    for steps in range(12):
        task = asyncio.ensure_future(stored(catalogue, NOW + timedelta(seconds=steps), "a.db", "b.db"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await stored(catalogue, NOW + timedelta(minutes=1))
    for backup in await catalogue.backups.select():
        finished = backup.state is not BackupState.RUNNING
        assert finished == bool(backup.databases) == backup.on_disk


async def test_methods_called_side_by_side_queue(catalogue: Catalogue) -> None:
    """Fifty calls at once on one connection are fifty transactions, none inside another."""
    backups = await asyncio.gather(*(stored(catalogue, NOW + timedelta(seconds=n)) for n in range(25)))
    assert len({backup.id for backup in backups}) == 25
    await asyncio.gather(
        *(catalogue.service.audit("77", Action.PAUSED) for _ in range(25)),
        *(catalogue.backups.select() for _ in range(25)),
    )
    assert len(await catalogue.service.audits()) == 25


async def test_a_failed_method_takes_nothing_with_it(catalogue: Catalogue) -> None:
    """What fails half-way is rolled back, and the connection goes on."""
    backup_id = await catalogue.backups.begin(trigger=Trigger.BUTTON, requested_by="77", started_at=NOW)
    bad = backed_up(taken_at=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no time zone"):
        await catalogue.backups.finish(
            backup_id,
            state=BackupState.STORED,
            finished_at=NOW,
            archive=archive_named(ARCHIVE),
            databases=(backed_up(), bad),
        )
    assert (await catalogue.backups.get(backup_id)).state is BackupState.RUNNING
    await stored(catalogue)


async def test_a_locked_catalogue_is_told_as_such(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that keeps the file for itself is named as the fault, and the file is not taken for broken."""
    monkeypatch.setattr("bot.services.catalogue.connection.BUSY_SECONDS", 0.05)
    async with await Catalogue.open(filled) as catalogue:
        with closing(sqlite3.connect(filled, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueError, match="locked"):
                await catalogue.service.audit("77", Action.PAUSED)
            with pytest.raises(CatalogueError, match="locked"):
                await rebuild(filled, manifest)
            other.execute("ROLLBACK")
        await catalogue.service.audit("77", Action.PAUSED)


async def test_a_closed_catalogue_says_so(catalogue: Catalogue) -> None:
    """Closing twice is closing once; afterwards every method refuses in words."""
    await catalogue.close()
    await catalogue.close()
    with pytest.raises(CatalogueError, match="is closed"):
        await catalogue.backups.select()
    with pytest.raises(CatalogueError, match="is closed"):
        await catalogue.data_version()


async def test_safety_copies_pinned_by_an_earlier_version_get_a_day(path: Path) -> None:
    """Thirty days from their time, a week from the start at least; those pinned by hand stay pinned for good."""
    now = datetime.now(UTC)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (sql for step in schema.STEPS[:11] for sql in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 11")
        times = (now - timedelta(days=1), now - timedelta(days=400), now - timedelta(days=400), now, now)
        connection.executemany(
            "INSERT INTO backups (started_at, trigger, requested_by, state, pinned) VALUES (?, ?, '', 'stored', ?)",
            [
                (as_text(at), trigger, pinned)
                for at, trigger, pinned in zip(
                    times, ("safety", "safety", "safety", "safety", "schedule"), (1, 1, 1, 0, 1), strict=True
                )
            ],
        )
        connection.execute(
            "INSERT INTO audit (at, actor, action, detail) VALUES (?, 'Ann (11)', 'pinned', 'backup 3')",
            (as_text(now),),
        )
    async with await Catalogue.open(path, clock=lambda: now) as catalogue:
        young, old, by_hand, left, ordinary = [await catalogue.backups.get(number) for number in range(1, 6)]
    assert [one.pinned for one in (young, old, by_hand, left, ordinary)] == [False, False, True, False, True]
    assert [one.keep_until for one in (by_hand, left, ordinary)] == [None, None, None]
    assert young.keep_until is not None
    assert abs(young.keep_until - (now + timedelta(days=29))) < timedelta(seconds=2)
    assert old.keep_until is not None
    assert timedelta(days=7) - timedelta(seconds=2) < old.keep_until - now < timedelta(days=7, minutes=1)


async def test_what_an_earlier_version_said_in_words_is_kept_as_codes(path: Path) -> None:
    """A catalogue of version 8 with open, accepted and ended alarms, a loss, and the level of an alarm."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (sql for step in schema.STEPS[:8] for sql in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 8")
        alarms = (
            ("a1", "skipped:users.db", "users.db is not backed up", "/x/users.db does not exist.", None, "", 0, ""),
            ("a2", "gone:old.db", "old.db has disappeared", "It is gone.", NOW, "Accepted by Ann (11).", 1, ""),
            ("a3", "shrunken:x.db", "x.db has shrunk", "t 9 → 1.", NOW, "x.db is no longer among DATABASES.", 0, ""),
            ("a4", "shrunken:y.db", "y.db has shrunk", "t 90 → 1 within a week.", None, "", 0,
             '{"rows": [["t", 90]], "bytes": 4096, "over": " within a week"}'),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO alarms (id, key, title, sentence, began_at, ended_at, ending, accepted, base)"
            " VALUES (?, ?, ?, ?, '2026-01-01T00:00:00.000000+00:00', ?, ?, ?, ?)",
            [(i, k, t, s, e and e.isoformat(), *rest) for i, k, t, s, e, *rest in alarms],
        )
        connection.executemany("INSERT INTO alarm_messages (alarm_id, address) VALUES (?, '11')", [("a2",), ("a3",)])
        connection.execute(
            "INSERT INTO backups (started_at, trigger, requested_by, state, shrunken)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', 'schedule', '', 'stored', ?)",
            ('["y.db: t 90 → 1, u 50 → gone within a week"]',),
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        known = {alarm.id: alarm for alarm, _ in await catalogue.alarms.active()}
        assert {alarm.facts for alarm in known.values()} == {()}
        assert (known["a2"].accepted, known["a2"].acted_by, known["a2"].ending) == (
            True,
            "Ann (11)",
            AlarmEnding.MENDED,
        )
        assert known["a3"].ending is AlarmEnding.NOT_NAMED
        level = baseline_of(known["a4"].base, backed_up())
        assert level is not None
        assert level.over == "week"
        (backup,) = await catalogue.backups.select()
        assert backup.shrunken == (Loss("y.db", "", 0, 0, ""),)
    english = (b"does not exist", b"no longer among", b"within a week", b"Accepted by")
    assert [words for words in english if words in path.read_bytes()] == []


async def test_what_the_ledger_said_in_words_is_kept_as_codes(path: Path) -> None:
    """A catalogue of the step before: what is known, with its figures; what is not, as it was; alarms about it."""
    before = schema.STEPS.index(schema.REASONS_OF_DELIVERIES)
    said = (
        "",
        "this group was deleted: take it out of the settings",
        "a newer backup took its place: database_backup_20250301_110000.zip",
        "unchanged since backup 41, which is there",
        "told only, the archive is too large for mail (EMAIL_MAX_MB, EMAIL_MAX_MAILS)",
        "Telegram answers: Forbidden: {what}",
        "the mail server answers 550 5.1.1 no such user: check EMAIL_TO",
        "the bot was removed from this group: add it again",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (sql for step in schema.STEPS[:before] for sql in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {before}")
        connection.execute(
            "INSERT INTO backups (started_at, trigger, requested_by, state) VALUES (?, 'schedule', '', 'stored')",
            (as_text(NOW),),
        )
        for number, words in enumerate(said, start=1):
            connection.execute("INSERT INTO recipients (address, parked_reason) VALUES (?, ?)", (str(number), words))
            connection.execute(
                "INSERT INTO deliveries (backup_id, address, state, reason) VALUES (1, ?, 'parked', ?)",
                (str(number), words),
            )
            facts = json.dumps([["name", "Ben"], ["said", words]])
            connection.execute(
                "INSERT INTO alarms (id, key, facts, acted, began_at, base) VALUES (?, ?, ?, '[]', ?, '')",
                (f"a{number}", f"unreachable:{number}", facts, as_text(NOW)),
            )
        connection.execute(
            "INSERT INTO sent_volumes VALUES (1, '1', 1, 7, ?, NULL, 'message can''t be deleted')", (as_text(NOW),)
        )
        connection.execute("INSERT INTO alarms (id, key, facts, acted, began_at, base) VALUES"
            " ('b', 'skipped:x.db', '[[\"said\", \"It is gone.\"]]', '[]', ?, '')", (as_text(NOW),))  # fmt: skip
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        rows = await catalogue.deliveries.of(1)
        parked = await catalogue.recipients.parked()
        alarms = {alarm.id: alarm for alarm, _ in await catalogue.alarms.active()}
    assert [reason_words(row.reason) for row in rows] == list(said)
    assert [row.reason.code for row in rows] == [
        *("", OutcomeCode.GROUP_DELETED, DeliveryReason.NEWER, DeliveryReason.UNCHANGED, DeliveryReason.TOLD_ONLY),
        *(OutcomeCode.ANSWERS, OTHER, OutcomeCode.REMOVED),
    ]
    assert rows[3].reason.facts == (("backup", 41),)
    assert rows[0].volumes[0].undeletable == OutcomeCode.UNDELETABLE
    assert list(parked.values()) == [row.reason for row in rows[1:]]
    for number, row in enumerate(rows[1:], start=2):
        assert alarms[f"a{number}"].facts == (("name", "Ben"), ("cause", row.reason.code), *row.reason.facts)
    assert alarms["b"].facts == (("said", "It is gone."),)


async def test_what_a_test_restore_said_in_words_is_kept_as_codes(path: Path) -> None:
    """A catalogue of the step before: what was proven in figures, what was wrong as it was, and no note about it."""
    before = schema.STEPS.index(schema.RESULTS_OF_DRILLS)
    proven = "{} restored and checked: SHA-256, integrity, foreign keys, schema and {} rows are as they were."
    said = (
        proven.format("2 databases", "12,345"),
        proven.format("1 database", "7"),
        "1 of 2 databases restored and checked: SHA-256, integrity, foreign keys, schema and 7 rows are as they were. x"
        " is byte for byte as it was (SHA-256), and could not be checked here: no.",
        "Bytes compared, not opened: no key on this server.",
        "database_backup_20250301_110000.zip is not the archive that was written under its name (SHA-256).",
        "It broke.",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (sql for step in schema.STEPS[:before] for sql in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {before}")
        failed = "⚠️ Its test-restore from disk failed: It broke."
        connection.executemany(
            "INSERT INTO backups (started_at, trigger, requested_by, state, note)"
            " VALUES (?, 'button', '', 'stored', ?)",
            [(as_text(NOW), note) for note in (f"mine · {failed}", failed, "y")],
        )
        for words in said:
            connection.execute(
                "INSERT INTO drills (backup_id, at, source, ok, detail) VALUES (1, ?, 'disk', 1, ?)",
                (as_text(NOW), words),
            )
        connection.execute(
            "INSERT INTO alarms (id, key, facts, acted, began_at, base) VALUES ('a', 'drill', ?, '[]', ?, '')",
            (json.dumps([["backup", 1], ["source", "disk"], ["said", "It broke."]]), as_text(NOW)),
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        drills = (await catalogue.drills.recent(10))[::-1]
        notes = [(await catalogue.backups.get(number)).note for number in (1, 2, 3)]
        ((alarm, _),) = await catalogue.alarms.active()
    assert [drill_words(drill) for drill in drills] == [
        "2 databases test-restored and checked, all as it was: 12,345 rows.",
        "1 database test-restored and checked, all as it was: 7 rows.",
        *said[2:],
    ]
    codes = (DrillCode.PROVEN, DrillCode.PROVEN, OTHER, DrillCode.COMPARED, Cause.OTHER_ARCHIVE, OTHER)
    assert [drill.result.code for drill in drills] == [*codes]
    assert notes == ["mine", "", "y"]
    assert result_words(alarm.why) == "It broke."


def test_every_reason_that_is_recorded_has_words() -> None:
    """None is shown as a code; those why a backup is due are recorded nowhere."""
    figures = dict.fromkeys(("said", "server", "folder", "file", "volume", "object", "archive"), "x") | dict.fromkeys(
        ("seconds", "bytes", "expected", "status", "times", "megabytes", "backup"), 1000
    )
    due = {DeliveryReason.EVERY, DeliveryReason.ASKED, DeliveryReason.FIRST_OF_DAY, DeliveryReason.NOBODY_ELSE}
    for code in {*OutcomeCode, *DeliveryReason} - due:
        words = reason_words(Reason(code, tuple(figures.items())))
        assert words
        assert words[-1] not in ".{}"
