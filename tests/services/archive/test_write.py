"""Archives: stock tools read them, nothing half-written stays, and nothing unproven is called an archive."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import AbortedError, ArchiveError, NoSpaceError
from bot.models import Compression, Member
from bot.services.archive.stream import MemberSource
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.files import part_file
from bot.services.files.names import folded
from bot.services.zip.deflate import zlib_ng_codec
from bot.services.zip.records import Records
from tests.world.archives import MOMENT, archived, write_sources

NAME = "database_backup_20260329_013007.zip"
CONTENTS = {
    "shop.db": b"SQLite format 3\0" + os.urandom(300_000) + b"orders " * 90_000,
    "Mein Lädchen 店 🗄.db": b"text " * 1000,
    "empty.db": b"",
    "-rf.db": os.urandom(5000),
}


@pytest.fixture(scope="module")
def small_databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Five databases of 3 MB together: random keys with indexes, and rows of text."""
    folder, rng = tmp_path_factory.mktemp("small"), random.Random(1)
    words = [rng.randbytes(rng.randint(1, 4)).hex() for _ in range(2000)]
    for number, rows in enumerate((1500, 3500, 2500, 4500, 500)):
        with closing(sqlite3.connect(folder / f"app{number}.db")) as connection, connection:
            connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, key TEXT, number INTEGER, body TEXT)")
            connection.executemany(
                "INSERT INTO items (key, number, body) VALUES (?, ?, ?)",
                (
                    (rng.randbytes(12).hex(), rng.getrandbits(48), " ".join(rng.choices(words, k=rng.randint(5, 25))))
                    for _ in range(rows)
                ),
            )
            connection.execute("CREATE INDEX by_key ON items (key)")
            connection.execute("CREATE INDEX by_number ON items (number)")
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def needs(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def left_over(folder: Path) -> list[str]:
    """What the writer left in the folder, and which of its threads are still alive."""
    threads = [t.name for t in threading.enumerate() if t.name.startswith(("archive", "deflate", "read", "verify"))]
    return [path.name for path in folder.iterdir() if path.name.startswith(NAME)] + threads


@contextmanager
def nothing_left(folder: Path, match: str | None, error: type[BaseException] = ArchiveError) -> Iterator[None]:
    """Expect an archive to end with this error, and without a file or a thread of it."""
    with pytest.raises(error, match=match):
        yield
    assert left_over(folder) == []


def source(name: str, content: bytes = b"x", modified: datetime = MOMENT) -> MemberSource:
    return MemberSource(name=name, content=content, modified=modified)


UNPACK = {
    "unzip": lambda archive, to: [["unzip", "-tq", archive], ["unzip", "-q", archive, "-d", to]],
    "7z": lambda archive, to: [["7z", "t", archive], ["7z", "x", f"-o{to}", archive]],
    "bsdtar": lambda archive, to: [["bsdtar", "-xf", archive, "-C", to]],
    "python": lambda archive, to: [[sys.executable, "-m", "zipfile", "-e", archive, to]],
}


@pytest.mark.parametrize("tool", UNPACK)
@pytest.mark.parametrize("limit", [None, 100_000, 1])
async def test_stock_tools_unpack_the_same_bytes(tool: str, limit: int | None, tmp_path: Path) -> None:
    """unzip, 7-Zip, bsdtar and zipfile give back every byte and name, with and without ZIP64 records."""
    if tool != "python":
        needs(tool)
    records = Records() if limit is None else Records(size_limit=limit, count_limit=limit)
    archive = await archived(tmp_path, CONTENTS, records=records)
    (tmp_path / "out").mkdir()
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    for command in UNPACK[tool](str(archive.path), str(tmp_path / "out")):
        await asyncio.to_thread(
            subprocess.run, command, check=True, stdin=subprocess.DEVNULL, capture_output=True, env=environment
        )
    for name, content in CONTENTS.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    assert len(list((tmp_path / "out").iterdir())) == len(CONTENTS) + 2
    if limit is None:
        assert b"PK\x06\x06" not in archive.path.read_bytes()[-200:]
    await verify_archive(archive.path, expected_sha256=archive.sha256, abort=Abort(), records=records)


@pytest.mark.soak
@pytest.mark.skipif(not {"CI", "SOAK"} & os.environ.keys(), reason="half a minute; SOAK=1 runs it")
async def test_a_member_beyond_4_gib_is_zip64(tmp_path: Path) -> None:
    """A sparse member of 4 GiB and a page comes back with its true size from unzip and from verify."""
    size = (1 << 32) + 4096
    with (tmp_path / "snapshot").open("wb") as file:
        file.truncate(size)

    large = MemberSource(name="large.db", file=tmp_path / "snapshot", modified=MOMENT)
    archive = await write_sources(tmp_path / NAME, [large], compression=Compression.FAST)
    with zipfile.ZipFile(archive.path) as opened:
        assert opened.getinfo("large.db").file_size == size
    unzip = [needs("unzip"), "-tq", str(archive.path)]
    await asyncio.to_thread(subprocess.run, unzip, check=True, capture_output=True)


async def test_what_is_returned_describes_the_file(tmp_path: Path) -> None:
    """Bytes, checksum, members and offsets are those of the file, and it is the owner's alone."""
    seen: list[tuple[int, int]] = []
    members: list[Member] = []
    archive = await archived(
        tmp_path, CONTENTS, progress=lambda *position: seen.append(position), members_seen=members.extend
    )
    data = archive.path.read_bytes()
    total = sum(map(len, CONTENTS.values()))
    assert archive.bytes == len(data)
    with zipfile.ZipFile(archive.path) as opened:
        assert opened.namelist() == [*CONTENTS, "backup_info.txt", "manifest.json"]
    assert [member.name for member in members] == [*CONTENTS]
    for member in members:
        content = zipfile.zlib.decompress(data[member.offset :][: member.compressed_bytes], -15)
        assert content == CONTENTS[member.name]
        assert (member.bytes, member.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    if os.name == "posix":
        assert stat.S_IMODE(archive.path.stat().st_mode) == 0o600
    assert left_over(tmp_path) == [NAME]


async def test_members_are_private_and_dated(tmp_path: Path) -> None:
    """Unpacked, a member has the mode 0600 and the time of its snapshot, whatever the time zone."""
    archive = await archived(tmp_path, {"shop.db": b"x" * 100})
    with zipfile.ZipFile(archive.path) as opened:
        assert {info.external_attr >> 16 for info in opened.infolist()} == {stat.S_IFREG | 0o600}
    unzip = [needs("unzip"), "-q", str(archive.path), "-d", str(tmp_path / "out")]
    await asyncio.to_thread(subprocess.run, unzip, check=True, env=os.environ | {"TZ": "America/New_York"})
    unpacked = (tmp_path / "out" / "shop.db").stat()
    assert datetime.fromtimestamp(unpacked.st_mtime, UTC) == MOMENT
    assert stat.S_IMODE(unpacked.st_mode) == 0o600


@pytest.mark.parametrize("year", [1904, 1979, 2107, 2300])
async def test_times_outside_the_format_do_no_harm(year: int, tmp_path: Path) -> None:
    """A clock that is off by a century still makes an archive that can be verified."""
    archive = await write_sources(tmp_path / NAME, [source("a.db", modified=datetime(year, 1, 1, tzinfo=UTC))])
    assert zipfile.ZipFile(archive.path).testzip() is None


async def test_small_archives_are_smaller_than_zip_6_makes_them(
    small_databases: dict[str, bytes], tmp_path: Path
) -> None:
    """Five databases of some megabytes, manifest and info file included, take less room than `zip -6` needs."""
    archive = await archived(tmp_path, small_databases)
    for name, content in small_databases.items():
        (tmp_path / name).write_bytes(content)
    command = [needs("zip"), "-6qj", "stock.zip", *small_databases]
    await asyncio.to_thread(subprocess.run, command, check=True, cwd=tmp_path)
    assert archive.bytes <= (tmp_path / "stock.zip").stat().st_size


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=40),
        st.binary(max_size=3000),
        min_size=1,
        max_size=4,
    ),
    compression=st.sampled_from(Compression),
)
async def test_any_names_and_contents(
    contents: dict[str, bytes], compression: Compression, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every set of names is either refused with a sentence or archived so that zipfile finds the same."""
    folder = tmp_path_factory.mktemp("any")
    sources = [source(name, content) for name, content in contents.items()]
    try:
        archive = await write_sources(folder / NAME, sources, compression=compression)
    except ArchiveError:
        assert any(name in {".", ".."} for name in contents) or len(set(map(folded, contents))) < len(contents)
        assert left_over(folder) == []
        return
    with zipfile.ZipFile(archive.path) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == contents


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a\0b", "\udcff.db", "x" * 300])
async def test_unsafe_names_are_refused(name: str, tmp_path: Path) -> None:
    """A name that would be unpacked elsewhere, or can't be written, is refused before anything is."""
    with nothing_left(tmp_path, "can't be the name"):
        await write_sources(tmp_path / NAME, [source(name, b"")])


async def test_an_archive_of_nothing_is_refused(tmp_path: Path) -> None:
    """No source, no archive."""
    with nothing_left(tmp_path, "nothing to put"):
        await archived(tmp_path, {})


async def test_an_existing_archive_is_not_replaced(tmp_path: Path) -> None:
    """Neither one that was there from the beginning nor one that appears meanwhile is touched."""
    (tmp_path / NAME).write_bytes(b"precious")
    with pytest.raises(ArchiveError, match="exists already"):
        await archived(tmp_path, CONTENTS)
    assert (tmp_path / NAME).read_bytes() == b"precious"

    async def appear(_members: Sequence[Member]) -> Sequence[MemberSource]:
        (tmp_path / NAME).write_bytes(b"precious too")
        return ()

    (tmp_path / NAME).unlink()
    with pytest.raises(ArchiveError, match="exists already"):
        await archived(tmp_path, CONTENTS, closing=appear)
    assert (tmp_path / NAME).read_bytes() == b"precious too"
    assert left_over(tmp_path) == [NAME]


async def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path) -> None:
    """A `.part` of a killed process is in nobody's way, not even as a symbolic link to something else."""
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / f"{NAME}.part").symlink_to(tmp_path / "other")
    await archived(tmp_path, CONTENTS)
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert left_over(tmp_path) == [NAME]


async def test_an_exception_before_the_end_is_passed_on(tmp_path: Path) -> None:
    """A snapshot that turns out damaged ends the archive: the exception comes through, no file stays."""

    async def fail(members: Sequence[Member]) -> Sequence[MemberSource]:
        assert [member.name for member in members] == list(CONTENTS)
        raise LookupError("damaged")

    with nothing_left(tmp_path, "damaged", LookupError):
        await archived(tmp_path, CONTENTS, closing=fail)


async def test_abort_leaves_nothing(tmp_path: Path) -> None:
    """A flag set while a member is written stops it at the next block."""
    abort = Abort()

    def stop(done: int, _total: int) -> None:
        if done:
            abort.set("stopped by 77")

    with nothing_left(tmp_path, "stopped by 77", AbortedError):
        await archived(tmp_path, {"a.db": os.urandom(5 << 20)}, abort=abort, progress=stop)


@pytest.mark.parametrize("blocks", [1, 2, 5, 9])
async def test_cancellation_leaves_nothing(blocks: int, tmp_path: Path) -> None:
    """Cancelled after any of the blocks, and twice in a row, it ends with no file and no thread."""
    reported = 0

    def cancel(_done: int, _total: int) -> None:
        nonlocal reported
        reported += 1
        if reported == blocks:
            task.cancel()
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.create_task(archived(tmp_path, {"a.db": os.urandom(10 << 20)}, progress=cancel))
    with nothing_left(tmp_path, None, asyncio.CancelledError):
        await task


async def test_cancellation_while_the_check_is_awaited_leaves_nothing(tmp_path: Path) -> None:
    """Cancelled before the end, where most of a run's time is spent, it ends with no file and no thread."""
    waiting = asyncio.Event()

    async def wait(_members: Sequence[Member]) -> Sequence[MemberSource]:
        waiting.set()
        await asyncio.Event().wait()
        return ()

    task = asyncio.create_task(archived(tmp_path, CONTENTS, closing=wait))
    await waiting.wait()
    task.cancel()
    with nothing_left(tmp_path, None, asyncio.CancelledError):
        await task


FULL_DISK = """
    import asyncio, os, resource, sys
    from pathlib import Path
    from bot.errors import NoSpaceError
    from tests.world.archives import archived
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
    folder = Path(sys.argv[1])
    (folder / "work").mkdir()
    contents = {"a.db": os.urandom(600_000), "b.db": os.urandom(600_000)}
    try:
        asyncio.run(archived(folder / "work", contents, target=folder / "x.zip"))
    except NoSpaceError as error:
        print(error.sentence)
    print([path.name for path in folder.iterdir()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
async def test_a_full_disk_is_said_and_cleaned_up(tmp_path: Path) -> None:
    """Where the file can't grow, NoSpaceError names it and the `.part` is gone."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(FULL_DISK), str(tmp_path)]
    run = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    assert "no space left for x.zip" in run.stdout
    assert run.stdout.endswith("['work']\n")
    assert run.stderr == ""


async def test_a_folder_that_is_gone_is_an_archive_error(tmp_path: Path) -> None:
    """Other faults of the disk are an ArchiveError with a hint, not a traceback."""
    with pytest.raises(ArchiveError, match="could not be written") as caught:
        await archived(tmp_path, CONTENTS, target=tmp_path / "gone" / NAME)
    assert "BACKUP_DIR" in caught.value.hint


async def test_a_failed_background_sync_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that loses data behind our back tells only one fsync of it: that must end the archive."""

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(part_file, "_flush_data", fail)
    with nothing_left(tmp_path, "Input/output error"):
        await archived(tmp_path, CONTENTS)


def lying(block: bytes, before: bytes) -> bytes:
    """Deflate something that differs in one bit."""
    return zlib_ng_codec(1)(bytes([block[0] ^ 1]) + block[1:], before)


def short(block: bytes, before: bytes) -> bytes:
    return zlib_ng_codec(1)(block[:-1], before)


def garbage(block: bytes, _before: bytes) -> bytes:
    return b"\x07" * len(block)


def early(_block: bytes, _before: bytes) -> bytes:
    return b"\x03\x00"


@pytest.mark.parametrize("codec", [lying, short, garbage, early])
async def test_a_codec_that_lies_is_caught(codec: Callable[[bytes, bytes], bytes], tmp_path: Path) -> None:
    """Whatever goes wrong between reading and compressing, the archive is not called proven, and is removed."""
    with nothing_left(tmp_path, "could not be proven"):
        await archived(tmp_path, {"a.db": os.urandom(900_000)}, mix=lambda _number: codec)


@pytest.mark.parametrize("position", [0, 100, 400_000])
async def test_a_bit_that_flips_on_the_disk_is_caught(position: int, tmp_path: Path) -> None:
    """A file changed behind the proof's back differs when it is read again under its final name."""

    async def flip(_members: Sequence[Member]) -> Sequence[MemberSource]:
        with (tmp_path / f"{NAME}.part").open("r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ 0x10]))
        return ()

    with nothing_left(tmp_path, "could not be proven"):
        await archived(tmp_path, {"a.db": os.urandom(3_000_000)}, closing=flip)


async def test_a_snapshot_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    """The local header has promised a size: a source that grows meanwhile ends the archive."""
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes(bytes(100))

    def grow(_number: int) -> Callable[[bytes, bytes], bytes]:
        snapshot.write_bytes(bytes(1 << 20))
        return zlib_ng_codec(1)

    with nothing_left(tmp_path, "changed its size"):
        growing = MemberSource(name="a.db", file=snapshot, modified=MOMENT)
        await write_sources(tmp_path / NAME, [source("b.db"), growing], mix=grow)


async def test_disk_space_errors_are_told_from_others() -> None:
    """ENOSPC, EDQUOT and EFBIG are a matter of room, everything else is not."""
    with pytest.raises(NoSpaceError), part_file.faults_of(Path("/b/x.zip")):
        raise OSError(28, "No space left on device")
    with pytest.raises(ArchiveError), part_file.faults_of(Path("/b/x.zip")):
        raise PermissionError(13, "Permission denied")


async def test_a_disk_that_keeps_another_record_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records between the members are proven too, although nothing inflates them."""
    write = os.write

    def wrong(descriptor: int, data: bytes | memoryview) -> int:
        content = bytes(data)
        return write(descriptor, b"XK" + content[2:] if content[:4] == b"PK\x03\x04" else content)

    monkeypatch.setattr(os, "write", wrong)
    with nothing_left(tmp_path, "does not hold what was written"):
        await archived(tmp_path, {"a.db": b"content" * 1000})
