"""Verifying: every changed bit, missing piece and lie of an archive is found, with a sentence that names it."""

from __future__ import annotations

import asyncio
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import AbortedError, DamagedArchiveError, NotFoundError
from bot.models import INFO_NAME, MANIFEST_NAME, Member
from bot.services.archive.manifest import Manifest, read_manifest
from bot.services.archive.stream import MemberSource
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.zip.reader import MAX_DIRECTORY
from tests.world.archives import MOMENT, archived, means_nothing, write_sources

CONTENTS = {"shop.db": os.urandom(700) + b"row " * 500, "Lädchen.db": b"text " * 90}


async def verified(path: Path, expected_sha256: str = "") -> Manifest:
    return (await verify_archive(path, expected_sha256=expected_sha256, abort=Abort()))[1]


async def refused(path: Path, match: str | None = None, expected_sha256: str = "") -> None:
    with pytest.raises(DamagedArchiveError, match=match):
        await verified(path, expected_sha256)


def flipped(good: bytes, at: int, bit: int) -> bytes:
    return good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]


@pytest.fixture
async def good(tmp_path: Path) -> bytes:
    return (await archived(tmp_path, CONTENTS)).path.read_bytes()


async def test_a_good_archive_is_described_as_it_was_written(tmp_path: Path) -> None:
    """Verifying gives the same archive and manifest as writing did, and reports its way through the file."""
    written = await archived(tmp_path, CONTENTS)
    seen: list[tuple[int, int]] = []
    found, manifest = await verify_archive(
        written.path,
        expected_sha256=written.sha256.upper(),
        abort=Abort(),
        progress=lambda *position: seen.append(position),
    )
    assert found == written
    assert [database.name for database in manifest.databases] == list(CONTENTS)
    assert manifest.created_at == MOMENT
    assert seen[-1] == (written.bytes, written.bytes)
    assert read_manifest(written.path) == manifest


async def test_another_archive_under_the_same_name_is_found(tmp_path: Path) -> None:
    """With the checksum from the catalogue, even a sound archive is refused if it is another one."""
    written = await archived(tmp_path, CONTENTS)
    await refused(written.path, "not the archive that was written", "0" * 64)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), from_end=st.booleans())
async def test_every_flipped_bit_is_found(place: float, bit: int, from_end: bool, good: bytes, tmp_path: Path) -> None:
    """One bit anywhere (half of the tries in directory and manifest) makes the archive a damaged one.

    But for the few that mean nothing: deflate fills up the last byte of a block with bits that no reader looks at (RFC
    1951, 3.2.4). All content is then as it was, and the checksum of the whole archive still tells.
    """
    span = min(900, len(good)) if from_end else len(good)
    at = len(good) - span + int(place * span)
    path = tmp_path / "flipped.zip"
    path.write_bytes(flipped(good, at, bit))
    known = sha256(good).hexdigest() if means_nothing(good, path.read_bytes()) else ""
    await refused(path, r"flipped\.zip", known)


@pytest.mark.parametrize("bit", range(2, 8))
async def test_a_bit_that_means_nothing_is_found_by_the_checksum(bit: int, good: bytes, tmp_path: Path) -> None:
    """The last byte of a member's data ends with six bits that no reader looks at."""
    path = tmp_path / "flipped.zip"
    at = good.index(b"PK\x07\x08") - 1
    path.write_bytes(flipped(good, at, bit))
    await verified(path)
    await refused(path, "not the archive that was written", sha256(good).hexdigest())


async def test_every_bit_of_the_records_counts(good: bytes, tmp_path: Path) -> None:
    """All bits of the first header, the directory and its end, one after the other, are found when flipped."""
    path = tmp_path / "flipped.zip"
    directory = struct.unpack_from("<L", good, len(good) - 6)[0]
    for at in [*range(46), *range(directory, len(good))]:
        path.write_bytes(flipped(good, at, at % 8))
        await refused(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), data=st.binary(min_size=1, max_size=30), cut=st.integers(0, 50))
async def test_cut_and_stuffed_archives_are_found(
    place: float, data: bytes, cut: int, good: bytes, tmp_path: Path
) -> None:
    """A volume that is missing, and bytes that are lost, added or replaced, are found wherever they are."""
    path, at = tmp_path / "changed.zip", int(place * len(good))
    for changed in (good[:at], good[:at] + data + good[at:], good[:at] + good[at + cut + 1 :], good + data):
        path.write_bytes(changed)
        await refused(path, r"changed\.zip")
        if changed == good[:at]:
            with pytest.raises(DamagedArchiveError, match=r"changed\.zip"):
                read_manifest(path)


async def forged(folder: Path, told: dict[str, bytes], held: dict[str, bytes], names: Sequence[str] = ()) -> Path:
    """Write an archive whose ZIP is right and whose manifest describes other contents than it holds."""
    described = await archived(folder, told, target=folder / "described.zip")
    manifest = read_manifest(described.path)

    async def closing(_members: Sequence[Member]) -> Sequence[MemberSource]:
        return [
            MemberSource(name=name, content=manifest.to_json() if name == MANIFEST_NAME else b"info", modified=MOMENT)
            for name in names or (INFO_NAME, MANIFEST_NAME)
        ]

    sources = [MemberSource(name=name, content=content, modified=MOMENT) for name, content in held.items()]
    return (await write_sources(folder / "forged.zip", sources, closing)).path


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        ({"a.db": b"right"}, r"b\.db is missing"),
        ({"a.db": b"right", "b.db": b"too", "c.db": b"?"}, r"holds c\.db, of which its manifest knows nothing"),
        ({"a.db": b"right", "b.db": b"other"}, r"b\.db is said to hold 5 bytes, in the manifest 3"),
        ({"a.db": b"right", "b.db": b"two"}, r"b\.db is not the database that its manifest describes"),
    ],
)
async def test_a_manifest_that_tells_something_else_is_found(
    held: dict[str, bytes], fault: str, tmp_path: Path
) -> None:
    """Missing, unknown, longer and exchanged members are named, in a ZIP that every tool calls sound."""
    path = await forged(tmp_path, {"a.db": b"right", "b.db": b"too"}, held)
    assert zipfile.ZipFile(path).testzip() is None
    await refused(path, fault)


async def test_an_archive_without_a_manifest_is_not_ours(tmp_path: Path) -> None:
    """Any other ZIP is refused with the reason."""
    path = await forged(tmp_path, {"a.db": b"right"}, {"a.db": b"right"}, [INFO_NAME])
    await refused(path, r"holds no manifest\.json")


async def test_a_member_twice_is_found(tmp_path: Path) -> None:
    """A directory that lists a member twice, which our writer refuses to write, is damaged."""
    written = await archived(tmp_path, CONTENTS)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(written.path, "a") as opened:
        opened.writestr("shop.db", b"second")
    await refused(written.path, r"holds shop\.db 2 times")


async def test_an_archive_packed_anew_is_refused(tmp_path: Path) -> None:
    """The same members, packed by another tool, are not the archive that was written."""
    written = await archived(tmp_path, CONTENTS)
    with zipfile.ZipFile(written.path) as opened, zipfile.ZipFile(tmp_path / "anew.zip", "w", 8) as anew:
        for name in opened.namelist():
            anew.writestr(name, opened.read(name))
    await refused(tmp_path / "anew.zip", "not as it was written")
    assert read_manifest(tmp_path / "anew.zip") == read_manifest(written.path)


def bomb(name: str, declared: int) -> bytes:
    """Make a ZIP whose only member holds 100 MB of zeros and declares another size."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    data, raw = deflate.compress(bytes(100_000_000)) + deflate.flush(), name.encode()
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, 0, len(data), declared, len(raw), 0) + raw
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, len(data), declared, len(raw), 0, 0, 0, 0, 0, 0
    )
    central += raw
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    return local + data + central + end


@pytest.mark.parametrize(("declared", "fault"), [(1000, "more than the 1,000 bytes"), (100_000_000, "said to hold")])
async def test_bombs_do_not_go_off(declared: int, fault: str, tmp_path: Path) -> None:
    """A manifest that inflates to more than it declares, or declares too much, is refused before it is in memory."""
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(MANIFEST_NAME, declared))
    await refused(path, fault)


async def test_a_directory_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A directory larger than any archive of ours has is refused instead of being read into memory."""
    path = tmp_path / "wide.zip"
    size = MAX_DIRECTORY + 1
    path.write_bytes(bytes(size) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, size, 0, 0))
    await refused(path, "no readable ZIP directory")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), tail=st.booleans())
async def test_any_file_at_all_is_answered_with_a_sentence(
    data: bytes, tail: bool, good: bytes, tmp_path: Path
) -> None:
    """Random bytes, also in place of a directory, never raise anything else than DamagedArchiveError."""
    path = tmp_path / "random.zip"
    path.write_bytes(data + good[-22:] if tail else data)
    await refused(path, r"random\.zip")


async def test_a_missing_archive_is_not_a_damaged_one(tmp_path: Path) -> None:
    """A file that is gone is NotFoundError; a folder in its place is a fault of reading."""
    with pytest.raises(NotFoundError, match=r"gone\.zip"):
        await verified(tmp_path / "gone.zip")
    with pytest.raises(NotFoundError):
        read_manifest(tmp_path / "gone.zip")
    await refused(tmp_path)


async def test_verifying_can_be_stopped(tmp_path: Path) -> None:
    """Abort and cancellation end it between two pieces."""
    written = await archived(tmp_path, {"a.db": os.urandom(3 << 20)})
    abort = Abort()
    with pytest.raises(AbortedError):
        await verify_archive(written.path, abort=abort, progress=lambda _done, _total: abort.set())

    def cancel(_done: int, _total: int) -> None:
        task.cancel()

    task = asyncio.create_task(verify_archive(written.path, abort=Abort(), progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
