"""Live applications in other processes, through every way of a restore."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import AbortedError, RestoreError, RestoreRefusedError
from bot.models import Database, InUse, RestoreMethod, RestoreProgress, RestoreStage, Trigger
from bot.services.concurrency.abort import Abort
from bot.services.restore.in_use import who_uses
from bot.services.restore.journal import Record, RecordState, RestoreJournal
from bot.services.restore.sources import RestoreSource
from bot.services.restore.targets import Configured
from bot.services.snapshot.databases import Discovery
from tests.world.bank import Writer, make_bank
from tests.world.databases import change
from tests.world.restore import (
    Rig,
    at,
    backed_up_bank,
    crash_in_the_middle,
    look,
    require_sound,
    sidecars,
    transact,
    vacuum_into_page_size,
)  # fmt: skip
from tests.world.snapshots import ask

MODES = ["wal", "delete"]


@contextmanager
def application(path: Path, does: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the database open: `idle`, or `reading` in a transaction that stays open."""
    program = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "if sys.argv[2] == 'reading': db.execute('BEGIN')\n"
        "db.execute('SELECT count(*) FROM log').fetchone()\n"
        "print('open', flush=True)\n"
        "sys.stdin.readline()\n"
        "if sys.argv[2] == 'reading': db.execute('COMMIT')\n"
        "print(db.execute('SELECT coalesce(max(n), 0) FROM log').fetchone()[0], flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path), does], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        yield process
        process.stdin.close()


@pytest.mark.parametrize("mode", MODES)
async def test_a_stopped_application_gets_its_old_database_in_the_same_file(tmp_path: Path, mode: str) -> None:
    """The file keeps its inode, mode and journal mode, and nothing is left beside it."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=200)
    bank.chmod(0o640)
    inode = bank.stat().st_ino
    transact(bank, 1)
    seen: list[RestoreProgress] = []
    result = await rig.restore(seen=seen)
    assert require_sound(bank) == 0
    assert (bank.stat().st_ino, bank.stat().st_mode & 0o777) == (inode, 0o640)
    assert ask(bank, "PRAGMA journal_mode") == mode
    assert not sidecars(bank)
    assert [one.method for one in result.databases] == [RestoreMethod.INTO_LIVE]
    assert {event.stage for event in seen} >= {RestoreStage.READ, RestoreStage.CHECK, RestoreStage.RESTORE}
    assert (result.safety.pinned, result.safety.trigger) == (False, Trigger.SAFETY)
    assert dict(result.safety.databases[0].rows)["log"] == 1


@pytest.mark.parametrize("mode", MODES)
async def test_an_idle_application_sees_the_restored_data_at_its_next_statement(tmp_path: Path, mode: str) -> None:
    """An application that keeps its connection open goes on with it."""
    bank = make_bank(tmp_path / "bank.db", mode, filler=200)
    rig = Rig(tmp_path, [bank])
    transact(bank, 5)
    await rig.back_up()
    transact(bank, 6)
    with application(bank, "idle") as process:
        assert who_uses(bank)[0] is InUse.OPEN
        await rig.restore()
        out, _ = process.communicate("\n")
        assert out.strip() == "5"
    assert who_uses(bank) == (InUse.CLOSED, ())
    assert require_sound(bank) == 5


async def test_a_reader_of_a_wal_database_keeps_what_it_reads(tmp_path: Path) -> None:
    """A long read transaction neither stops the restore nor sees it before its end."""
    bank, rig = await backed_up_bank(tmp_path, filler=200, busy_timeout=0.5)
    transact(bank, 9)
    with application(bank, "reading") as process:
        result = await rig.restore()
        out, _ = process.communicate("\n")
        assert out.strip() == "0"
    assert "long reader" in result.databases[0].detail
    assert require_sound(bank) == 0


async def test_a_reader_of_a_rollback_database_makes_it_give_up_in_time(tmp_path: Path) -> None:
    """A lock that stays ends the restore with a sentence, and the old database stays."""
    bank, rig = await backed_up_bank(tmp_path, "delete", filler=200, busy_timeout=0.5)
    transact(bank, 9)
    with application(bank, "reading"), pytest.raises(RestoreError, match="stayed locked") as caught:
        await rig.restore()
    assert caught.value.rolled_back
    assert require_sound(bank) == 9


@pytest.mark.parametrize("mode", MODES)
async def test_a_writing_program_never_sees_a_mix(tmp_path: Path, mode: str, write: Callable[[Path], Writer]) -> None:
    """A writer goes on during the restore; its books are right before, between and after."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=300)
    writer = write(bank)
    writer.wait_for_more(20)
    await rig.restore()
    writer.wait_for_more(5)
    balance, pairs, newest = look(bank)
    assert (balance, pairs) == (50_000, 0)
    writer.kill()
    assert require_sound(bank) >= newest
    # The first of its transactions are gone, since the backup was taken before them.
    assert ask(bank, "SELECT count(*) FROM log") < newest


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_crashed_application_left_does_not_mix_in(tmp_path: Path, mode: str) -> None:
    """A hot journal or a full write-ahead log beside the file is taken in first, and then replaced as a whole."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=2000)
    transact(bank, 3)
    crash_in_the_middle(bank, mode)
    result = await rig.restore()
    assert require_sound(bank) == 0
    assert not sidecars(bank)
    assert dict(result.safety.databases[0].rows)["log"] == (2 if mode == "wal" else 1)


async def test_a_missing_file_with_a_stale_log_beside_it_is_made_anew(tmp_path: Path) -> None:
    """A write-ahead log of the lost database is set aside, and never meets the restored one."""
    bank, rig = await backed_up_bank(tmp_path, filler=500)
    crash_in_the_middle(bank, "wal")
    bank.unlink()
    result = await rig.restore()
    assert require_sound(bank) == 0
    assert [one.method for one in result.databases] == [RestoreMethod.REPLACE]
    assert any(path.name.endswith("-wal") for path in result.databases[0].set_aside)


@pytest.mark.parametrize("how", ["text", "cut short"])
async def test_a_broken_file_is_set_aside_with_its_sidecars(tmp_path: Path, how: str) -> None:
    """What is no database any more is replaced, and kept; owner and mode are as before."""
    bank, rig = await backed_up_bank(tmp_path, "delete", filler=500)
    bank.chmod(0o640)
    crash_in_the_middle(bank, "delete")
    if how == "text":
        bank.write_bytes(b"not a database at all\n" * 300)
    else:
        os.truncate(bank, 5 * 4096)
        bank.with_name("bank.db-journal").unlink()
    broken = bank.read_bytes()
    result = await rig.restore()
    assert require_sound(bank) == 0
    assert bank.stat().st_mode & 0o777 == 0o640
    assert result.databases[0].set_aside[0].read_bytes() == broken
    await rig.undo()
    assert bank.read_bytes() == broken
    assert bank.with_name("bank.db-journal").exists() == (how == "text")


ODDITIES: dict[str, Callable[[bytearray], None]] = {
    "a bit of the schema": lambda content: content.__setitem__(content.index(b"CREATE TABLE") + 3, 0xC1),
    "a newer schema": lambda content: content.__setitem__(content.index(b"CREATE TABLE") + 3, ord("?")),
    "a newer schema format": lambda content: content.__setitem__(47, 5),
    "a newer writer": lambda content: content.__setitem__(18, 3),
    "a newer reader": lambda content: content.__setitem__(19, 3),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("oddity", ODDITIES)
async def test_a_file_that_this_sqlite_can_not_read_is_restored_over(oddity: str, mode: str, tmp_path: Path) -> None:
    """Be it words of the schema or the format: the backup comes back, and an undo brings the strange file back."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=500)
    content = bytearray(bank.read_bytes())
    ODDITIES[oddity](content)
    bank.write_bytes(content)
    await rig.restore()
    assert require_sound(bank) == 0
    await rig.undo()
    assert bank.read_bytes()[100:] == content[100:]


async def test_a_backup_that_this_sqlite_could_not_check_is_restored(tmp_path: Path) -> None:
    """A schema of a newer SQLite is in the backup as it was, and comes back so."""
    bank = make_bank(tmp_path / "bank.db", "delete", filler=500)
    content = bytearray(bank.read_bytes())
    ODDITIES["a newer schema"](content)
    bank.write_bytes(content)
    rig = Rig(tmp_path, [bank])
    await rig.back_up()
    bank.unlink()
    result = await rig.restore()
    assert bank.read_bytes()[100:] == content[100:]
    assert result.databases[0].name == "bank.db"


async def test_a_broken_file_in_use_is_not_replaced(tmp_path: Path) -> None:
    """A file that a program has open is refused with what to do, and stays as it is."""
    bank, rig = await backed_up_bank(tmp_path, "delete")
    with application(bank, "idle"):
        os.truncate(bank, 4096)
        with pytest.raises(RestoreRefusedError, match="Stop the application"):
            await rig.restore()
    assert bank.stat().st_size == 4096


@pytest.mark.parametrize("mode", MODES)
async def test_another_page_size_comes_back(tmp_path: Path, mode: str) -> None:
    """The restored database has the page size of the backup and the journal mode of the live file."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=200)
    vacuum_into_page_size(bank, 8192)
    assert ask(bank, f"PRAGMA journal_mode={mode}") == mode
    with application(bank, "idle"):
        if mode == "wal":
            with pytest.raises(RestoreRefusedError, match="page size"):
                await rig.restore()
    await rig.restore()
    assert (ask(bank, "PRAGMA page_size"), ask(bank, "PRAGMA journal_mode")) == (4096, mode)
    assert require_sound(bank) == 0


@pytest.mark.parametrize(("then", "now"), [("wal", "delete"), ("delete", "wal")])
async def test_the_live_file_keeps_its_journal_mode(tmp_path: Path, then: str, now: str) -> None:
    """A backup taken in another journal mode does not turn the live file into it."""
    bank, rig = await backed_up_bank(tmp_path, then)
    assert ask(bank, f"PRAGMA journal_mode={now}") == now
    transact(bank, 1)
    await rig.restore()
    assert ask(bank, "PRAGMA journal_mode") == now
    assert require_sound(bank) == 0


async def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Behind a symbolic link the file itself is restored, whether it is there or not."""
    (tmp_path / "data").mkdir()
    real = make_bank(tmp_path / "data" / "real.db", "wal", filler=50)
    bank = tmp_path / "bank.db"
    bank.symlink_to(real)
    rig = Rig(tmp_path, [bank])
    await rig.back_up()
    transact(bank, 1)
    await rig.restore()
    assert bank.is_symlink()
    assert require_sound(real) == 0
    real.unlink()
    await rig.restore()
    assert bank.is_symlink()
    assert require_sound(real) == 0


async def test_a_damaged_database_is_kept_as_it_was(tmp_path: Path) -> None:
    """What fails its check is no backup, but all there is: it stays as a file, and an undo brings it back."""
    bank, rig = await backed_up_bank(tmp_path, "delete", filler=500)
    with bank.open("r+b") as file:
        file.seek(30 * 4096)
        file.write(b"\xff" * 4096)
    result = await rig.restore()
    assert result.safety is None
    assert require_sound(bank) == 0
    (kept,) = (rig.store.folder / "before-restore").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert result.databases[0].kept == kept
    assert (await rig.undo()).databases[0].kept is None
    assert bank.read_bytes()[30 * 4096 : 31 * 4096] == b"\xff" * 4096


async def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    """A file of 0 bytes is a valid database: it is restored into."""
    bank, rig = await backed_up_bank(tmp_path)
    os.truncate(bank, 0)
    await rig.restore()
    assert require_sound(bank) == 0


async def test_when_one_of_several_fails_all_go_back(tmp_path: Path) -> None:
    """A restore is of all its databases or of none."""
    modes = {"one.db": "wal", "two.db": "delete", "three.db": "delete"}
    one, two, three = (make_bank(tmp_path / name, mode, filler=50) for name, mode in modes.items())
    rig = Rig(tmp_path, [one, two, three], busy_timeout=0.5)
    await rig.back_up()
    transact(one, 4)
    two.unlink()
    transact(three, 4)
    with application(three, "reading"), pytest.raises(RestoreError, match="Everything is as it was") as caught:
        await rig.restore()
    assert caught.value.rolled_back
    assert require_sound(one) == 4
    assert not two.exists()
    assert require_sound(three) == 4
    assert not [path for path in tmp_path.iterdir() if "before-restore" in path.name]


async def test_an_abort_before_the_end_leaves_the_old_database(tmp_path: Path) -> None:
    """Stopped in the middle of the copy, nothing has changed."""
    bank, rig = await backed_up_bank(tmp_path, filler=20_000)
    transact(bank, 4)
    abort = Abort()
    with pytest.raises(AbortedError, match=r"Enough\. Everything is as it was"):
        await rig.restore(on_step=at("copied some", lambda: abort.set("Enough.")), abort=abort)
    assert require_sound(bank) == 4


async def test_a_restore_can_be_undone_and_the_undo_too(tmp_path: Path) -> None:
    """Undoing brings back exactly what was there; undoing that, what the backup held."""
    live = make_bank(tmp_path / "live.db", "wal", filler=50)
    gone = make_bank(tmp_path / "gone.db", "delete", filler=50)
    rig = Rig(tmp_path, [live, gone])
    await rig.back_up()
    transact(live, 8)
    gone.unlink()
    assert (await rig.restore()).undoable
    assert require_sound(gone) == 0
    await rig.undo()
    assert require_sound(live) == 8
    assert not gone.exists()
    await rig.undo()
    assert require_sound(live) == 0
    assert require_sound(gone) == 0


async def test_into_a_folder_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    """A file that exists is refused; with force it is set aside."""
    _, rig = await backed_up_bank(tmp_path)
    out = tmp_path / "out"
    await rig.restore(folder=out)
    assert require_sound(out / "bank.db") == 0
    assert out.stat().st_mode & 0o777 == 0o700
    transact(out / "bank.db", 1)
    with pytest.raises(RestoreRefusedError, match="exists already"):
        await rig.restore(folder=out)
    assert require_sound(out / "bank.db") == 1
    result = await rig.restore(folder=out, force=True)
    assert require_sound(out / "bank.db") == 0
    assert require_sound(result.databases[0].set_aside[0]) == 1


async def test_a_restore_that_ends_up_different_is_rolled_back(tmp_path: Path) -> None:
    """A result that is not the backup's content, and that no application wrote, is a failure."""
    bank, rig = await backed_up_bank(tmp_path, "delete")
    transact(bank, 6)

    def spoil_the_private_copy() -> None:
        (copy,) = rig.store.work.rglob("incoming-*.db")
        change(copy, "DELETE FROM accounts WHERE id = 5")

    with pytest.raises(RestoreError, match="does not hold the rows") as caught:
        await rig.restore(on_step=at("journal written", spoil_the_private_copy))  # after its last check
    assert caught.value.rolled_back
    assert require_sound(bank) == 6


async def test_a_database_of_that_name_only_is_matched_by_name(tmp_path: Path) -> None:
    """On another machine the paths differ; the name decides, and a path in the manifest alone is never written."""
    origin = make_bank(tmp_path / "bank.db", "wal", filler=50)
    backup = await Rig(tmp_path, [origin]).back_up()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = elsewhere / "bank.db"
    shutil.copy(origin, there)
    transact(there, 2)
    transact(origin, 3)
    rig = Rig(elsewhere, [there])
    archive = tmp_path / "backups" / backup.archive_name
    await rig.restore(RestoreSource(files=(archive,)))
    assert require_sound(there) == 0
    assert require_sound(origin) == 3
    with pytest.raises(RestoreRefusedError, match="None of the configured"):
        await Rig(elsewhere, [elsewhere / "other.db"]).restore(RestoreSource(files=(archive,)))


def test_a_name_from_a_mac_meets_the_configured_database(tmp_path: Path) -> None:
    """Its letters and their marks are apart, its case is another: it is the same name, there or gone."""
    path = tmp_path / "\u00dcn\u00efcode.db"
    here = Discovery(databases=(Database(path=path, name=path.name),), missing=())
    brought = "U\u0308ni\u0308CODE.db"
    assert Configured(found=here, patterns=(str(path),), known={}).find(brought, None) == path
    gone = Discovery(databases=(), missing=())
    pattern = str(tmp_path / "*.db")
    assert Configured(found=gone, patterns=(pattern,), known={str(path): path.name}).find(brought, None) == path


async def test_a_restore_whose_end_can_not_be_recorded_is_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the error says is true: everything is as it was before."""
    bank, rig = await backed_up_bank(tmp_path)
    transact(bank, 4)
    write = RestoreJournal.write

    def write_but_the_end(journal: RestoreJournal, record: Record) -> None:
        if record.state is RecordState.DONE:
            raise RestoreError("The restore journal can't be written: it is played so.", rolled_back=True)
        write(journal, record)

    monkeypatch.setattr(RestoreJournal, "write", write_but_the_end)
    with pytest.raises(RestoreError, match="Everything is as it was before"):
        await rig.restore()
    assert require_sound(bank) == 4
