"""A whole run over several databases: what happens to one of them never costs another."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ArchiveError, NothingToBackUpError
from bot.models import Archive, Progress, SkipReason, Stage, Verdict
from bot.services.archive import screening
from bot.services.archive.manifest import Manifest
from bot.services.snapshot import snapshot
from bot.words.causes import in_full
from tests.world.backups import make_backup
from tests.world.databases import damage, make_database, rows_in
from tests.world.snapshots import sources


async def run(
    tmp_path: Path, *paths: Path, report: Callable[[Progress], None] = lambda _: None
) -> tuple[Archive, Manifest]:
    target = tmp_path / "database_backup_20260713_120000.zip"
    return await make_backup(target, sources(*paths), tmp_path / "work", report=report)


def when_copied(act: Callable[[], object]) -> Callable[[Progress], None]:
    """Act once, when every snapshot is taken and the checks go on."""
    done = []

    def report(progress: Progress) -> None:
        if progress.stage is Stage.CHECK and not done:
            done.append(act())

    return report


def rows_of(archive: Path, name: str, into: Path) -> int:
    with zipfile.ZipFile(archive) as opened:
        return rows_in(Path(opened.extract(name, into)))[0]


async def without_the_bad_one(
    tmp_path: Path, *paths: Path, reason: SkipReason, report: Callable[[Progress], None] = lambda _: None
) -> str:
    """Run, and see that bad.db alone is left out for this reason; return what is said of it."""
    archive, manifest = await run(tmp_path, *paths, report=report)
    assert [(skip.name, skip.reason) for skip in manifest.skipped] == [("bad.db", reason)]
    assert rows_of(archive.path, "good.db", tmp_path / "out") == 50
    return in_full(manifest.skipped[0].why)


async def test_each_stage_is_reported_when_it_happens(tmp_path: Path) -> None:
    """Snapshots, the check, and then the re-reading of the finished file, up to its last byte."""
    seen: list[Progress] = []
    archive, _ = await run(tmp_path, make_database(tmp_path / "one.db", 500), report=seen.append)
    assert list(dict.fromkeys(progress.stage for progress in seen)) == [Stage.SNAPSHOT, Stage.CHECK, Stage.PROVE]
    assert (seen[-1].done, seen[-1].total) == (archive.bytes, archive.bytes)


async def test_an_archive_that_a_restore_would_refuse_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof reads it as a restore would, within the same limits; what fails there leaves no file."""
    monkeypatch.setattr(screening, "MAX_MEMBERS", 2)
    with pytest.raises(ArchiveError, match="could not be proven"):
        await run(tmp_path, make_database(tmp_path / "one.db"))
    assert not list(tmp_path.glob("*.zip*"))


async def test_what_looked_damaged_is_taken_again(tmp_path: Path) -> None:
    """A copy of a torn state, which its application has mended meanwhile, gives way to a whole one."""
    good, torn = make_database(tmp_path / "good.db"), damage(make_database(tmp_path / "torn.db", 50, wal=False))
    whole = make_database(tmp_path / "elsewhere" / "whole.db", 77, wal=False)
    archive, manifest = await run(tmp_path, good, torn, report=when_copied(lambda: whole.replace(torn)))
    assert manifest.skipped == ()
    assert [entry.verdict for entry in manifest.databases] == [Verdict.OK, Verdict.OK]
    assert rows_of(archive.path, "torn.db", tmp_path / "out") == 77


async def test_damage_of_a_file_at_rest_is_damage(tmp_path: Path) -> None:
    """It is said so, with SQLite's own words, and the other database goes out."""
    good, bad = make_database(tmp_path / "good.db"), damage(make_database(tmp_path / "bad.db"))
    assert "by_text" in await without_the_bad_one(tmp_path, good, bad, reason=SkipReason.DAMAGED)


async def test_what_looks_damaged_while_it_is_written_is_not_called_damaged(tmp_path: Path) -> None:
    """As long as the file changes between two looks, nothing is proven but that it is being written."""
    good, bad = make_database(tmp_path / "good.db"), damage(make_database(tmp_path / "bad.db", wal=False))
    touch = "import os, sys, time\nwhile True: os.utime(sys.argv[1]); time.sleep(0.02)"
    with subprocess.Popen([sys.executable, "-c", touch, str(bad)]) as writer:
        try:
            await without_the_bad_one(tmp_path, good, bad, reason=SkipReason.CHANGED_WHILE_READ)
        finally:
            writer.kill()


async def test_a_private_copy_that_is_lost_costs_no_other(tmp_path: Path) -> None:
    """What this machine loses of its own is that database's report, and the archive is written without it."""
    good, bad = make_database(tmp_path / "good.db", filler=90_000), make_database(tmp_path / "bad.db", filler=80_000)

    everything = good.stat().st_size + bad.stat().st_size
    lost: list[Path] = []

    def lose(progress: Progress) -> None:
        if progress.stage is Stage.SNAPSHOT and progress.done == everything and not lost:
            lost.append(min((tmp_path / "work").iterdir(), key=lambda file: file.stat().st_size))
            lost[0].unlink()

    await without_the_bad_one(tmp_path, good, bad, reason=SkipReason.FAILED, report=lose)
    assert lost


@pytest.mark.parametrize("count", [1, 2])
async def test_a_full_disk_says_what_to_do_once(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a single database in its own sentence, of several after all of them; never that DATABASES is wrong."""
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 1 << 60)
    paths = [make_database(tmp_path / f"{number}.db", filler=90_000) for number in range(count)]
    with pytest.raises(NothingToBackUpError) as refused:
        await run(tmp_path, *paths)
    said = f"{refused.value.sentence} {refused.value.hint}"
    assert (said.count("Free some space"), "DATABASES" in said) == (1, False)
    assert count > 1 or f"a copy of {paths[0].stat().st_size:,} bytes is to be made, and 0 are to spare" in said
