"""Sealed archives: proven without a key on the server, never a ZIP on the disk, nothing left of what failed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.errors import AbortedError, ArchiveError
from bot.models import BackupState, Progress, Stage, Trigger
from bot.services.archive import sealed
from bot.services.backup.runs import Runs
from bot.services.concurrency.abort import Abort
from bot.services.files.part_file import PartFile
from bot.services.sealing import age
from bot.services.sealing.age import Sealing, new_identity
from bot.services.sealing.keys import BY_PASSPHRASE, Seal, fingerprint
from tests.world.archives import archived
from tests.world.databases import make_database, noisy_database, rows_in, write_env
from tests.world.processes import started
from tests.world.shell import PROGRAM
from tests.world.stock_age import PASSPHRASE, identity_file, run_age, run_age_with_passphrase

SECRET, PUBLIC = new_identity()
SEAL = Seal(recipients=(PUBLIC,))
NAME = "database_backup_20260329_013007.zip.age"
CONTENTS = {
    "shop.db": b"SQLite format 3\0" + random.Random(1).randbytes(700_000),
    "empty.db": b"",
    "b.db": b"b" * 99_999,
}


async def sealed_archive(folder: Path, **options: Any) -> Any:
    return await archived(folder, CONTENTS, **{"target": folder / NAME, "seal": SEAL} | options)


async def test_the_stock_tools_open_it_and_find_every_byte(tmp_path: Path) -> None:
    """age and zipfile alone give everything back; the archive says for whom it is sealed."""
    archive = await sealed_archive(tmp_path)
    run_age("-d", "-i", identity_file(tmp_path, SECRET), "-o", tmp_path / "a.zip", archive.path)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert {name: opened.read(name) for name in CONTENTS} == CONTENTS
    assert archive.sealed == fingerprint(PUBLIC)
    content = archive.path.read_bytes()
    assert (archive.bytes, archive.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    if os.name == "posix":
        assert archive.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
async def test_a_passphrase_seals_as_well(tmp_path: Path) -> None:
    """The proof opens it by the passphrase itself."""
    archive = await sealed_archive(tmp_path, seal=Seal(passphrase=PASSPHRASE))
    assert archive.sealed == BY_PASSPHRASE
    await asyncio.to_thread(run_age_with_passphrase, "-d", "-o", tmp_path / "a.zip", archive.path)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.testzip() is None


@pytest.mark.parametrize("place", [10, 200, 5000, 300_000, -1])
async def test_what_the_disk_keeps_differently_is_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """A bit that is another one in the file, in header, content or end: no archive, and nothing left."""
    sync = PartFile.sync_behind

    def flip_and_sync(part: PartFile) -> None:
        content = bytearray(part.path.read_bytes())
        content[place] ^= 4
        part.path.write_bytes(content)
        sync(part)

    monkeypatch.setattr(PartFile, "sync_behind", flip_and_sync)
    with pytest.raises(ArchiveError, match="could not be proven"):
        await sealed_archive(tmp_path)
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize("change", [(b"bbbb", b"bbbc"), (b"PK\x07\x08", b"PK\x07\x09")], ids=["content", "records"])
async def test_a_seal_that_alters_what_goes_through_it_is_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[bytes, bytes]
) -> None:
    """Were the library to seal something else than it was given, the proof would say so: of a member or a record."""
    take = Sealing.take

    async def altered(self: Sealing, pieces: list[bytes]) -> list[bytes]:
        return await take(self, [piece.replace(*change) for piece in pieces])

    monkeypatch.setattr(sealed.Sealing, "take", altered)
    with pytest.raises(ArchiveError, match="could not be proven"):
        await sealed_archive(tmp_path, mix=lambda _number: lambda block, _before: stored(block))
    assert_nothing_left(tmp_path)


def stored(block: bytes) -> bytes:
    """Deflate's stored blocks: the content shows in the stream."""
    out = b""
    for start in range(0, len(block), 65_535):
        piece = block[start : start + 65_535]
        out += b"\0" + len(piece).to_bytes(2, "little") + (len(piece) ^ 0xFFFF).to_bytes(2, "little") + piece
    return out


async def test_an_archive_for_others_than_asked_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Sealed" comes from the file's own header: one recipient too few, and there is no archive."""
    work = Sealing._work

    def without_the_recipient(self: Sealing, reader: Any, writer: Any) -> None:
        self._seal = Seal(recipients=(self._throwaway or "",))
        work(self, reader, writer)
        self._seal = SEAL

    monkeypatch.setattr(age.Sealing, "_work", without_the_recipient)
    with pytest.raises(ArchiveError, match="not sealed for the keys"):
        await sealed_archive(tmp_path)
    assert_nothing_left(tmp_path)


async def test_stopped_and_cancelled_runs_leave_nothing(tmp_path: Path) -> None:
    """No file, no thread, whenever it ends."""
    abort = Abort()
    with pytest.raises(AbortedError):
        await sealed_archive(tmp_path, abort=abort, progress=lambda _done, _total: abort.set())
    assert_nothing_left(tmp_path)
    task = asyncio.create_task(sealed_archive(tmp_path))
    while not (tmp_path / f"{NAME}.part").exists():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_nothing_left(tmp_path)


def assert_nothing_left(folder: Path) -> None:
    assert [path.name for path in folder.iterdir() if path.name.startswith("database_backup")] == []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("seal", "archive"))] == []


# --- a whole run ------------------------------------------------------------------------------------------------------


def unsealed_archives(folder: Path) -> list[str]:
    """Files that are, or hold, a ZIP in the open: named so, beginning so, or with our manifest's name in them.

    Not with a record's four bytes: one in seven hundred sealed archives of this size has those by chance.
    """
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.suffix in (".db", ".env", ".log"):
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it is a run under way
            continue
        if path.suffix == ".zip" or content.startswith(b"PK") or b"manifest.json" in content:
            found.append(path.name)
    return found


async def test_no_unsealed_archive_is_on_the_disk_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is watched at every stage, at every write, and after the run; the snapshots are the owner's alone."""
    env = write_env(
        tmp_path, [noisy_database(tmp_path / f"{n}.db", 3_000_000) for n in range(2)], AGE_RECIPIENTS=PUBLIC
    )
    seen: set[str] = set()
    modes: set[int] = set()
    writes = 0

    def look() -> None:
        seen.update(unsealed_archives(tmp_path))
        work = tmp_path / "backups" / ".work"
        modes.update(path.stat().st_mode & 0o077 for path in work.glob("*"))

    report, write = Runs._report, PartFile._write

    def report_and_look(self: Runs, run: Any, progress: Progress) -> None:
        look()
        report(self, run, progress)

    def write_and_look(self: PartFile, pieces: Any) -> None:
        nonlocal writes
        write(self, pieces)
        writes += 1
        look()

    monkeypatch.setattr(Runs, "_report", report_and_look)
    monkeypatch.setattr(PartFile, "_write", write_and_look)
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
        backup = (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup
        again = await courier.catalogue.backups.get(backup.id)
    assert writes > 4
    assert seen == set()
    assert modes == {0}
    assert (again.sealed, again.archive_name[-8:], again.state) == (fingerprint(PUBLIC), ".zip.age", BackupState.STORED)
    assert unsealed_archives(tmp_path) == []
    assert list((tmp_path / "backups" / ".work").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize(("stage", "nth"), [(Stage.SNAPSHOT, 1), (Stage.CHECK, 1), (Stage.CHECK, 4), (Stage.DONE, 1)])
async def test_killed_at_a_stage_nothing_unsealed_is_left(tmp_path: Path, stage: Stage, nth: int) -> None:
    """After kill -9 there are sealed parts and private copies, which the next start sweeps; then it goes on."""
    sources = [make_database(tmp_path / f"{n}.db", 4000, wal=bool(n % 2), filler=500) for n in range(3)]
    env = write_env(tmp_path, sources, AGE_RECIPIENTS=PUBLIC)
    child = started([str(env), stage, str(nth)], code=PROGRAM)
    assert (done := await child.ended()).returncode == -signal.SIGKILL, done.stderr
    assert unsealed_archives(tmp_path) == []
    work = tmp_path / "backups" / ".work"
    assert all(path.stat().st_mode & 0o077 == 0 for path in work.iterdir())
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
        assert list(work.iterdir()) == []
        assert not list((tmp_path / "backups").glob("*.part"))
        result = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    archive = tmp_path / "backups" / result.backup.archive_name
    run_age("-d", "-i", identity_file(tmp_path, SECRET), "-o", tmp_path / "a.zip", archive)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        opened.extract("0.db", tmp_path / "out")
    assert rows_in(tmp_path / "out" / "0.db") == (4000, 4000)
