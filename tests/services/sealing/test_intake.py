"""Sealed archives that are brought: opened in the private room, and every fault refused with its sentence."""

from __future__ import annotations

import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.errors import (
    AbortedError,
    CourierError,
    DamagedArchiveError,
    MissingVolumesError,
    NoSpaceError,
    SealError,
    UntrustedArchiveError,
)
from bot.models import Archive
from bot.services.concurrency.abort import Abort
from bot.services.files import space
from bot.services.restore.incoming import Intake
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from bot.services.restore.volumes import arrange_volumes
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import NO_KEYS, Keys, Seal
from bot.services.sealing.volumes import require_last
from tests.world.archives import archived
from tests.world.databases import make_database, noisy_database, rows_in
from tests.world.stock_age import PASSPHRASE, run_age

SECRET, PUBLIC = new_identity()
KEYS = Keys(identities=(SECRET,))
NAME = "database_backup_20260329_013007.zip.age"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir(mode=0o700)
    return folder


def sealed(folder: Path, *, noise: int = 0) -> Path:
    """A ZIP as another tool makes it, with a database in it, sealed by the stock tool."""
    source = noisy_database(folder / "shop.db", noise) if noise else make_database(folder / "shop.db", 20, wal=False)
    archive = folder / "by-hand.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(source, "shop.db")
    run_age("-r", PUBLIC, "-o", folder / NAME, archive)
    source.unlink()
    archive.unlink()
    return folder / NAME


def cut(archive: Path, size: int) -> list[Path]:
    """Its volumes, under the names of the chat; the archive itself is gone."""
    content, volumes = archive.read_bytes(), []
    for number, start in enumerate(range(0, len(content), size), start=1):
        volumes.append(archive.with_name(f"{archive.name}.{number:03}"))
        volumes[-1].write_bytes(content[start : start + size])
    archive.unlink()
    return volumes


async def taken(room: Path, *files: Path, keys: Keys = KEYS, abort: Abort | None = None) -> Intake:
    return await take_in(RestoreSource(files=files), room, keys=keys, abort=abort or Abort())


async def refused(
    room: Path,
    *files: Path,
    by: type[CourierError] | tuple[type[CourierError], ...],
    said: str | None = None,
    **how: Any,
) -> None:
    """See that it is not taken in, and that nothing of it stays in the room."""
    with pytest.raises(by, match=said):
        await taken(room, *files, **how)
    assert list(room.iterdir()) == []


@pytest.fixture
def volumes(tmp_path: Path) -> list[Path]:
    """Five volumes of one sealed archive."""
    return cut(sealed(tmp_path, noise=400_000), 100_000)


async def test_what_was_sealed_by_hand_is_restored(tmp_path: Path, room: Path) -> None:
    """A ZIP of another tool, sealed by age, is opened into the private room and taken in with a warning."""
    intake = await taken(room, sealed(tmp_path))
    assert rows_in(intake.databases[0].snapshot.file) == (20, 20)
    assert "not made by SQLite Courier" in intake.warnings[0]
    opened = room / NAME.removesuffix(".age")
    if sys.platform != "win32":
        assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "room"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content[:-1], "cut off, or was changed after it was sealed"),
        (lambda content: content[:300], "cut off, or was changed"),
        (lambda content: content + b"\0", "cut off, or was changed"),
        (lambda content: content[:-9] + b"x" + content[-8:], "cut off, or was changed"),
        (lambda content: content[:40], "header is cut off"),
        (lambda content: content.replace(b"/v1", b"/v2", 1), "of no version of the age format"),
        (lambda content: b"A" + content[1:], "does not begin as an age file"),
    ],
)
async def test_what_was_changed_is_refused_and_leaves_nothing(
    tmp_path: Path, room: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    """No half-opened ZIP stays in the room, and nothing of it is used."""
    archive = sealed(tmp_path)
    archive.write_bytes(change(archive.read_bytes()))
    await refused(room, archive, by=DamagedArchiveError, said=said)


@pytest.mark.parametrize("keys", [NO_KEYS, Keys(identities=(new_identity()[0],)), Keys(passphrases=(PASSPHRASE,))])
async def test_without_its_key_it_stays_closed(tmp_path: Path, room: Path, keys: Keys) -> None:
    """Said before anything is written."""
    await refused(room, sealed(tmp_path), by=SealError, keys=keys)


async def test_one_of_several_keys_is_enough(tmp_path: Path, room: Path) -> None:
    """As after a change of keys, when old and new are at hand."""
    keys = Keys(identities=(new_identity()[0], SECRET), passphrases=(PASSPHRASE,))
    assert len((await taken(room, sealed(tmp_path), keys=keys)).databases) == 1


async def test_volumes_are_joined_by_their_names_in_any_order(tmp_path: Path, room: Path, volumes: list[Path]) -> None:
    """Also renamed by a browser, and one of them brought twice; they are never joined on the disk before opening."""
    assert len(volumes) == 5
    twice = tmp_path / "copy of database_backup_20260329_013007.zip.age.002"
    shutil.copy(volumes[1], twice)
    volumes[3] = volumes[3].rename(tmp_path / f"{volumes[3].name} (1)")
    intake = await taken(room, volumes[4], volumes[1], twice, volumes[0], volumes[3], volumes[2])
    assert rows_in(intake.databases[0].snapshot.file) == (100, 100)
    assert sorted(path.suffix for path in room.iterdir()) == [".db", ".zip"]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ({1}, "Volume 1 of the sealed archive is missing"),
        ({3}, "Volume 3 of the sealed archive is missing"),
        ({2, 4}, "Volumes 2, 4 of the sealed archive are missing"),
        ({5}, "there must be another one"),
        ({2, 3, 4, 5}, "cut off"),
    ],
)
async def test_missing_volumes_are_named(room: Path, volumes: list[Path], left_out: set[int], said: str) -> None:
    """At the beginning and in the middle by their numbers, at the end by the seal itself."""
    brought = [volume for number, volume in enumerate(volumes, start=1) if number not in left_out]
    await refused(room, *brought, by=(MissingVolumesError, DamagedArchiveError), said=said)


def test_volumes_without_a_place_are_refused(tmp_path: Path, volumes: list[Path]) -> None:
    """Nothing in a sealed volume tells its place but its name; a guess would be called damage."""
    volumes[2] = volumes[2].rename(tmp_path / "third.zip.age")
    with pytest.raises(UntrustedArchiveError, match="told apart by their names alone"):
        arrange_volumes(volumes)
    other = tmp_path / "other.zip.age.002"
    other.write_bytes(volumes[0].read_bytes() + b"x")
    with pytest.raises(UntrustedArchiveError, match="both begin a sealed archive"):
        arrange_volumes([volumes[0], other])


def test_a_cut_volume_in_the_middle_is_named(volumes: list[Path]) -> None:
    """Only the last one may be shorter."""
    volumes[1].write_bytes(volumes[1].read_bytes()[:-1])
    with pytest.raises(UntrustedArchiveError, match="not of one size"):
        arrange_volumes(volumes)


def test_whoever_waits_for_volumes_is_told_to_go_on_waiting(volumes: list[Path]) -> None:
    """As long as the last one is as long as the others, there may be more."""
    for count in range(1, 5):
        with pytest.raises(MissingVolumesError) as caught:
            require_last(volumes[:count])
        assert caught.value.missing == (count + 1,)
    require_last(volumes)


async def test_there_must_be_room_for_what_is_opened(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is known before, and a disk that runs full leaves nothing."""
    monkeypatch.setattr(space, "SPARE_BYTES", 1 << 60)
    await refused(room, sealed(tmp_path), by=NoSpaceError, said="no space to open")


async def test_a_stop_ends_the_opening(tmp_path: Path, room: Path) -> None:
    """A shutdown waits for no gigabytes."""
    abort = Abort()
    abort.set("The service was stopped.")
    await refused(room, sealed(tmp_path, noise=400_000), by=AbortedError, abort=abort)


async def test_what_is_sealed_twice_or_no_archive_is_refused(tmp_path: Path, room: Path) -> None:
    """What comes out of the seal is trusted no more than what is brought without one."""
    (tmp_path / "notes.txt").write_text("no archive")
    run_age("-r", PUBLIC, "-o", tmp_path / "notes.zip.age", tmp_path / "notes.txt")
    with pytest.raises(CourierError, match="no readable ZIP directory"):
        await taken(room, tmp_path / "notes.zip.age")
    for path in room.iterdir():
        path.unlink()
    run_age("-r", PUBLIC, "-o", tmp_path / "twice.zip.age", sealed(tmp_path))
    with pytest.raises(CourierError, match="no readable ZIP directory"):
        await taken(room, tmp_path / "twice.zip.age")


async def test_our_own_archive_is_proven_by_its_manifest(tmp_path: Path, room: Path) -> None:
    """Without a catalogue, every byte in the seal is held against the manifest."""
    source = make_database(tmp_path / "live.db", 50, wal=False)
    archive: Archive = await archived(
        tmp_path, {"live.db": source.read_bytes()}, target=tmp_path / NAME, seal=Seal(recipients=(PUBLIC,))
    )
    with pytest.raises(UntrustedArchiveError, match="manifest"):  # whose rows are those of another database
        await taken(room, archive.path)
