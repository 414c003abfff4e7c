"""Volumes in any order, under any names, some missing or damaged."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import CourierError, MissingVolumesError, UntrustedArchiveError
from bot.services.concurrency.abort import Abort
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from bot.services.restore.volumes import arrange_volumes
from tests.world.databases import make_database
from tests.world.restore import Rig


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small archive of some databases, as this product writes it; their content hardly compresses."""
    folder = tmp_path_factory.mktemp("archive")
    rig = Rig(folder, [make_database(folder / f"{n}.db", 40, wal=n % 2 == 0) for n in range(8)])
    dice = random.Random(0)
    for path in rig.paths:
        with closing(sqlite3.connect(path)) as connection, connection:
            for n in range(40):
                connection.execute("UPDATE entries SET text = ? WHERE id = ?", (dice.randbytes(100).hex(), n + 1))
    backup = asyncio.run(rig.back_up())
    return (rig.store.folder / backup.archive_name).read_bytes()


def cut(folder: Path, data: bytes, size: int, names: list[str] | None = None) -> list[Path]:
    slices = [data[at : at + size] for at in range(0, len(data), size)]
    paths = [folder / (names[n] if names else f"x.zip.{n + 1:03}") for n in range(len(slices))]
    for path, piece in zip(paths, slices, strict=True):
        path.write_bytes(piece)
    return paths


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(2, 9), named=st.booleans())
def test_any_order_and_any_names_give_the_archive_back(archive: bytes, seed: int, parts: int, named: bool) -> None:
    """Shuffled volumes with names that say nothing, or lie, are put in order by their content."""
    dice = random.Random(seed)
    size = -(-len(archive) // parts)
    with tempfile.TemporaryDirectory() as place:
        names = [f"document ({n}).zip.{dice.randrange(1, 99):03}" if named else f"{n:08x}" for n in range(20)]
        dice.shuffle(names)
        paths = cut(Path(place), archive, size, names)
        dice.shuffle(paths)
        assert b"".join(path.read_bytes() for path in arrange_volumes(paths)) == archive


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(2, 8))
def test_a_missing_volume_is_named(archive: bytes, seed: int, parts: int) -> None:
    """Whichever volume is left out, the sentence tells its number."""
    dice = random.Random(seed)
    size = -(-len(archive) // parts)
    with tempfile.TemporaryDirectory() as place:
        paths = cut(Path(place), archive, size)
        gone = dice.randrange(len(paths))
        rest = [path for n, path in enumerate(paths) if n != gone]
        dice.shuffle(rest)
        with pytest.raises(MissingVolumesError) as caught:
            arrange_volumes(rest)
        if len(rest) > 1:
            assert caught.value.missing == (gone + 1,)


def test_without_names_the_first_gap_is_told(tmp_path: Path) -> None:
    """Under changed names, what fits together tells which volume comes next and is not there."""
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as target:
        for n in range(7):
            target.writestr(f"{n}.db", random.Random(n).randbytes(1500))
    paths = cut(tmp_path, whole.read_bytes(), 2000, [f"file{9 - n}" for n in range(9)])
    with pytest.raises(MissingVolumesError, match=f"Volume 3 of {len(paths)} is missing") as caught:
        arrange_volumes([*paths[:2], *paths[3:]])
    assert caught.value.total == len(paths)


def test_the_same_volume_twice_counts_once(tmp_path: Path, archive: bytes) -> None:
    """A person who forwards a volume twice is not punished for it."""
    paths = cut(tmp_path, archive, -(-len(archive) // 4))
    again = tmp_path / "again"
    again.write_bytes(paths[1].read_bytes())
    assert arrange_volumes([again, *reversed(paths)]) in (tuple(paths), (paths[0], again, *paths[2:]))


def test_a_volume_of_another_archive_is_named(tmp_path: Path, archive: bytes) -> None:
    """A slice that fits nowhere is pointed out, and not joined."""
    size = -(-len(archive) // 4)
    paths = cut(tmp_path, archive, size)
    stranger = tmp_path / "stranger.zip.003"
    stranger.write_bytes(random.Random(1).randbytes(size))
    with pytest.raises(UntrustedArchiveError, match=r"stranger\.zip\.003"):
        arrange_volumes([paths[0], paths[1], stranger, paths[3]])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_lone_volume_is_told_from_an_archive(tmp_path: Path, archive: bytes, which: int) -> None:
    """One file of several is answered with what is missing, not with a ZIP error."""
    paths = cut(tmp_path, archive, -(-len(archive) // 3))
    with pytest.raises(MissingVolumesError):
        arrange_volumes([paths[which]])


def test_two_short_volumes_are_refused(tmp_path: Path, archive: bytes) -> None:
    """Only the last volume may be shorter: another short one is cut off."""
    paths = cut(tmp_path, archive, len(archive) // 3 - 9)
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.raises(UntrustedArchiveError, match="cut off"):
        arrange_volumes(paths)


def test_volumes_of_a_foreign_zip_are_put_in_order(tmp_path: Path) -> None:
    """Members that other tools store or deflate, with sizes in their headers, are followed as well."""
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as target:
        target.writestr("random.db", random.Random(3).randbytes(9000))
        target.writestr("text.txt", "some text " * 500, compress_type=zipfile.ZIP_DEFLATED)
    paths = cut(tmp_path, whole.read_bytes(), 2000, [f"part{(n * 7) % 10}" for n in range(10)])
    assert arrange_volumes(sorted(paths)) == tuple(paths)


async def what_is_taken(path: Path, room: Path) -> set[str]:
    """The SHA-256 of every database that is taken in; nothing where all of it is refused."""
    try:
        return {one.sha256 for one in (await take_in(RestoreSource(files=(path,)), room, abort=Abort())).databases}
    except CourierError:
        return set()


@settings(max_examples=60)
@given(flip=st.booleans(), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_or_truncation_reaches_a_database(archive: bytes, flip: bool, where: float, bit: int) -> None:
    """Of an archive with one bit changed, or cut short anywhere, a database is what was backed up, or is refused."""
    at = int(where * len(archive))
    spoilt = bytearray(archive if flip else archive[: max(1, at)])
    if flip:
        spoilt[at] ^= 1 << bit
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        backed_up = {hashlib.sha256(whole.read(name)).hexdigest() for name in whole.namelist() if name.endswith(".db")}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "brought.zip"
        path.write_bytes(spoilt)
        room = Path(place) / "room"
        room.mkdir()
        assert asyncio.run(what_is_taken(path, room)) <= backed_up
        assert flip or not asyncio.run(what_is_taken(path, room))


def test_those_that_do_not_fit_are_named_in_a_sentence(archive: bytes, tmp_path: Path) -> None:
    """One does not, several do not."""
    size = len(archive) // 4 + 10
    paths = cut(tmp_path, archive, size, ["a", "b", "c", "d"])
    assert paths[3].stat().st_size < size
    for damaged in paths[1:3]:
        damaged.write_bytes(random.Random(2).randbytes(size - 1) + damaged.name.encode())
    with pytest.raises(UntrustedArchiveError, match="b, c, d do not continue the 1 that fit together"):
        arrange_volumes(paths)


def test_an_empty_archive_is_whole(tmp_path: Path) -> None:
    """It begins with its end record, as the end of a larger one does."""
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w"):
        pass
    assert arrange_volumes([empty]) == (empty,)
