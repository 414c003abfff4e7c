"""Archives that nobody vouches for: each fault is refused with its own sentence, and nothing is written elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import AbortedError, CourierError, DamagedArchiveError, NoSpaceError, NotFoundError
from bot.models import Backup, Reason, SourceCode, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.files import space
from bot.services.restore.incoming import Intake, require_claims
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from tests.world.archives import database_bytes, foreign, link, lying, rewrite
from tests.world.databases import change, damage, make_database
from tests.world.restore import Rig

DEFLATED = zipfile.ZIP_DEFLATED


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir(mode=0o700)
    return folder


async def brought(archive: Path, room: Path, **more: Any) -> Intake:
    return await take_in(RestoreSource(files=(archive,), **more), room, abort=Abort())


@contextmanager
def patching(archive: Path) -> Iterator[tuple[bytearray, int]]:
    """The bytes of an archive to change, and where its directory begins."""
    data = bytearray(archive.read_bytes())
    yield data, data.index(b"PK\x01\x02")
    archive.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../evil.db", "leads out of the folder"),
        ("a/../../evil.db", "leads out of the folder"),
        ("..\\evil.db", "leads out of the folder"),
        ("/etc/evil.db", "absolute path"),
        ("\\\\host\\share\\evil.db", "absolute path"),
        ("C:\\evil.db", "drive letter"),
        ("c:evil.db", "drive letter"),
        ("nul.db", "no file name everywhere"),
        ("evil\u202edb.exe", "no file name everywhere"),
        ("evil.db.", "no file name everywhere"),
    ],
)
async def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, room: Path, name: str, says: str) -> None:
    """Whatever a name tries, the sentence names it, and nothing is unpacked."""
    archive = foreign(tmp_path, (name, database_bytes(tmp_path)))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(CourierError, match=says):
        await brought(archive, room)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("members", "method", "says"),
    [
        pytest.param([(link("app.db"), b"/etc/passwd")], DEFLATED, "a link to another file", id="a link"),
        pytest.param([("app.db", b"a"), ("sub/APP.db", b"b")], DEFLATED, "twice", id="one name in two cases"),
        pytest.param([("app.db", b"a")], zipfile.ZIP_LZMA, "LZMA", id="an unknown method"),
        pytest.param([("in.zip", b"PK\x05\x06" + bytes(18))], DEFLATED, "an archive within the archive", id="archive"),
        pytest.param([("app.db", bytes(80 << 20))], DEFLATED, "a bomb", id="a declared bomb"),
    ],
)
async def test_what_the_directory_gives_away_is_refused_before_it_is_unpacked(
    tmp_path: Path, room: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], method: int, says: str
) -> None:
    """What would be followed, hides another, can't be read or grows beyond what a database does."""
    with pytest.raises(CourierError, match=says):
        await brought(foreign(tmp_path, *members, method=method), room)
    assert not list(room.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("app.db", b"this is a text", "is not an SQLite database"),
        ("app.db", b"", "is empty"),
        ("anything", os.urandom(5000), "is not an SQLite database"),
        ("app.db", b"SQLite format 3\0" + bytes(200), "page size"),
    ],
)
async def test_what_is_no_database_is_refused(tmp_path: Path, room: Path, name: str, content: bytes, says: str) -> None:
    """What calls itself a database and is none is named."""
    with pytest.raises(CourierError, match=says):
        await brought(foreign(tmp_path, (name, content)), room)


async def test_an_encrypted_member_is_refused(tmp_path: Path, room: Path) -> None:
    """Without the password there is nothing to do, and the sentence says so."""
    archive = foreign(tmp_path, ("app.db", database_bytes(tmp_path)))
    with patching(archive) as (data, at):
        data[6] |= 1
        data[at + 8] |= 1
    with pytest.raises(CourierError, match="encrypted"):
        await brought(archive, room)


async def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path, room: Path) -> None:
    """What inflates to more than it declares is given up at that byte."""
    archive = foreign(tmp_path, ("app.db", b"SQLite format 3\0" + bytes(1 << 20)))
    with patching(archive) as (data, at):
        struct.pack_into("<L", data, at + 24, 4096)
    with pytest.raises(CourierError, match="more than the 4,096 bytes"):
        await brought(archive, room)
    assert all(path.stat().st_size <= 1 << 20 for path in room.iterdir())


async def test_members_that_overlap_are_refused(tmp_path: Path, room: Path) -> None:
    """Two entries for the same data are the trick of the smallest bombs."""
    content = database_bytes(tmp_path)
    archive = foreign(tmp_path, ("a.db", content), ("b.db", content))
    with patching(archive) as (data, first):
        second = data.index(b"PK\x01\x02", first + 4)
        struct.pack_into("<L", data, second + 42, 0)
        data[second + 46] = ord("a")
    with pytest.raises(CourierError, match=r"twice|overlap|another name"):
        await brought(archive, room)


async def test_a_full_disk_is_told_beforehand(tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The declared sizes are held against the free space first."""
    archive = foreign(tmp_path, ("app.db", database_bytes(tmp_path)))
    monkeypatch.setattr(space, "SPARE_BYTES", 1 << 62)
    with pytest.raises(NoSpaceError, match="no space for the unpacked databases"):
        await brought(archive, room)
    assert not list(room.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is played by a device of Linux")
async def test_a_disk_that_fills_while_it_is_unpacked_is_no_fault_of_the_archive(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be written here says nothing of what was read there."""
    archive, open_really = foreign(tmp_path, ("app.db", database_bytes(tmp_path))), Path.open

    def open_full(path: Path, mode: str = "r", **more: Any) -> Any:
        return open_really(Path("/dev/full"), "wb") if mode == "xb" else open_really(path, mode, **more)

    monkeypatch.setattr(Path, "open", open_full)
    monkeypatch.setattr(Path, "chmod", lambda _path, _mode: None)
    with pytest.raises(NoSpaceError, match="could not be unpacked"):
        await brought(archive, room)


async def test_an_archive_without_times_is_read(tmp_path: Path, room: Path) -> None:
    """Some packers write zeros for the time; zipfile then names a month that is none."""
    archive = foreign(tmp_path, ("app.db", database_bytes(tmp_path)))
    with patching(archive) as (data, at):
        data[10:14] = data[at + 12 : at + 16] = bytes(4)
    assert [one.name for one in (await brought(archive, room)).databases] == ["app.db"]


async def test_a_database_that_is_cut_short_is_refused(tmp_path: Path, room: Path) -> None:
    """A header that promises more pages than there are is not restored."""
    content = database_bytes(tmp_path)
    with pytest.raises(CourierError, match="cut short"):
        await brought(foreign(tmp_path, ("app.db", content[:-4096])), room)


async def test_a_damaged_database_is_refused(tmp_path: Path, room: Path) -> None:
    """An integrity check of the private copy comes before any restore."""
    path = damage(make_database(tmp_path / "made.db", wal=False))
    with pytest.raises(CourierError, match="a damaged database is not restored"):
        await brought(foreign(tmp_path, ("app.db", path.read_bytes())), room)


async def test_a_foreign_archive_is_accepted_with_a_warning(tmp_path: Path, room: Path) -> None:
    """Archives of earlier tools hold databases and a text; folders in them do not matter."""
    content = database_bytes(tmp_path)
    others = (("backup_info.txt", b"hello"), ("log.txt", b"x"), ("app.db-wal", b"x"))
    taken = await brought(foreign(tmp_path, ("data/app.db", content), *others), room)
    (one,) = taken.databases
    assert (one.name, one.record, one.report.verdict) == ("app.db", None, Verdict.OK)
    assert dict(one.report.rows)["entries"] == 20
    said = " ".join(taken.warnings)
    assert "was not made by SQLite Courier" in said
    assert "log.txt, which is no database" in said
    assert "app.db-wal, which is left out" in said
    assert one.snapshot.file.parent == room
    assert one.snapshot.file.stat().st_mode & 0o777 == 0o600


async def test_stored_members_are_read_too(tmp_path: Path, room: Path) -> None:
    """Not every tool compresses."""
    taken = await brought(foreign(tmp_path, ("app.db", database_bytes(tmp_path)), method=zipfile.ZIP_STORED), room)
    assert taken.databases[0].report.verdict is Verdict.OK


async def test_only_what_is_asked_for_is_unpacked(tmp_path: Path, room: Path) -> None:
    """`--only` names members, whatever their case; an unknown one is told with what there is."""
    content = database_bytes(tmp_path)
    archive = foreign(tmp_path, ("one.db", content), ("two.db", content))
    taken = await brought(archive, room, only=("TWO.db",))
    assert [one.name for one in taken.databases] == ["two.db"]
    with pytest.raises(NotFoundError, match=r"no three\.db") as caught:
        await brought(archive, room, only=("three.db",))
    assert "one.db, two.db" in caught.value.hint


async def test_an_abort_ends_it(tmp_path: Path, room: Path) -> None:
    """Reading can be stopped at any time."""
    abort = Abort()
    abort.set()
    archive = foreign(tmp_path, ("app.db", database_bytes(tmp_path)))
    with pytest.raises(AbortedError):
        await take_in(RestoreSource(files=(archive,)), room, abort=abort)


# --- our own archives, forged ----------------------------------------------------------------------------------------


async def ours(folder: Path, second: str = "notes.db") -> tuple[Path, Backup]:
    rig = Rig(folder, [make_database(folder / "app.db", 20), make_database(folder / second, 5, wal=False)])
    backup = await rig.back_up()
    return rig.store.folder / backup.archive_name, backup


async def test_an_archive_of_ours_is_taken_in_and_proven(tmp_path: Path, room: Path) -> None:
    """Also when it is rewritten in the very same form, as a guard for the forgeries below."""
    archive, _ = await ours(tmp_path)
    taken = await brought(rewrite(archive, tmp_path / "same.zip", lambda _, content: content), room)
    assert [one.name for one in taken.databases] == ["app.db", "notes.db"]
    assert all(one.record is not None for one in taken.databases)


@pytest.mark.parametrize(
    ("claim", "value", "says"),
    [
        ("sha256", "0" * 64, "SHA-256"),
        ("bytes", 4096, "size"),
        ("page_count", 77, "page count"),
        ("user_version", 5, "user_version"),
        ("rows", [["entries", 21], ["totals", 1]], "number of rows"),
    ],
)
async def test_a_lying_manifest_is_refused(tmp_path: Path, room: Path, claim: str, value: object, says: str) -> None:
    """Every claim about a database is held against the database."""
    archive, _ = await ours(tmp_path)
    with pytest.raises(CourierError, match=says):
        await brought(lying(archive, tmp_path / "forged.zip", **{claim: value}), room)


async def test_what_can_not_be_checked_here_contradicts_no_manifest(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that this user may not start, say in the home of root, checks nothing: that is said, no more."""
    archive, _ = await ours(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "not there"))
    taken = await brought(archive, room)
    assert [one.record is not None for one in taken.databases] == [True, True]
    assert [one.report.verdict for one in taken.databases] == [Verdict.UNCHECKED] * 2
    assert "app.db could not be checked in full: the process of its check could not be started" in taken.warnings[0]


async def test_a_table_that_is_not_counted_here_contradicts_no_manifest(tmp_path: Path, room: Path) -> None:
    """The inner tables of a module that is missing on one of two machines are counted on the other alone."""
    archive, _ = await ours(tmp_path)
    one = (await brought(archive, room)).databases[0]
    assert one.record is not None
    fewer = replace(one.report, rows=one.report.rows[:1])
    require_claims("a.zip", one.record, one.snapshot, fewer, one.sha256)
    elsewhere = replace(fewer, schema=tuple(entry for entry in fewer.schema if entry[1] == fewer.rows[0][0]))
    with pytest.raises(CourierError, match="number of rows"):
        require_claims("a.zip", one.record, one.snapshot, elsewhere, one.sha256)


async def test_a_manifest_that_can_not_be_used_proves_nothing(tmp_path: Path, room: Path) -> None:
    """What would be unsafe to act upon is not acted upon: the archive is one like any stranger's."""
    archive, _ = await ours(tmp_path)
    taken = await brought(lying(archive, tmp_path / "forged.zip", name="../app.db"), room)
    assert [(one.name, one.record) for one in taken.databases] == [("app.db", None), ("notes.db", None)]
    assert "which is no file name" in taken.warnings[0]
    assert "nothing proves" in taken.warnings[0]


# --- our own archives, packed anew -----------------------------------------------------------------------------------

_UMLAUTS = "\u00dcn\u00efcode.db"


def unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as source:
        source.extractall(folder)
    return folder


def tool(*command: str) -> Callable[[Path, Path], None]:
    """A packer that stands in the folder which it packs."""

    def pack(folder: Path, target: Path) -> None:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed here")
        words = [word.replace("TARGET", str(target)) for word in command]
        subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)

    return pack


ZIP_FLAT = tool("zip", "-q", "-j", "TARGET", "-r", ".")


class MacInfo(zipfile.ZipInfo):
    """A member whose name is UTF-8 without saying so, its letters and their marks taken apart."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return unicodedata.normalize("NFD", self.filename).encode(), self.flag_bits & ~0x800


def as_a_mac(folder: Path, target: Path) -> None:
    """As the Archive Utility: sizes behind the data, and litter beside everything."""

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

    members = {"backup/.DS_Store": b"\0\0\0\1Bud1", "backup/old/.DS_Store": b"\0\0\0\1Bud1"}
    for path in sorted(folder.iterdir()):
        members[f"backup/{path.name}"] = path.read_bytes()
        members[f"__MACOSX/backup/._{path.name}"] = b"\0\5\x16\7litter"
    stream = Stream()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(MacInfo(name), content, zipfile.ZIP_DEFLATED)
    target.write_bytes(stream.getvalue())
    with zipfile.ZipFile(target) as archive:
        assert all(info.flag_bits & 0x808 == 8 for info in archive.infolist())


def as_windows(folder: Path, target: Path) -> None:
    """Stored, in a folder, with what Explorer leaves there."""
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("New folder\\Thumbs.db", b"\xd0\xcf\x11\xe0 no database")
        archive.writestr("New folder\\desktop.ini", b"[x]")
        for path in sorted(folder.iterdir()):
            archive.write(path, f"New folder/{path.name}")


@pytest.mark.parametrize(
    "pack",
    [
        ZIP_FLAT,
        tool("sh", "-c", "cd .. && zip -q -0 -r TARGET unpacked"),
        tool("7z", "a", "-tzip", "TARGET", "."),
        tool("bsdtar", "-a", "-cf", "TARGET", "-C", "..", "unpacked"),
        as_a_mac,
        as_windows,
    ],
    ids=["zip flat", "zip stored in a folder", "7z", "bsdtar", "a Mac", "Windows"],
)
async def test_an_archive_packed_anew_is_judged_by_its_content(
    tmp_path: Path, room: Path, pack: Callable[[Path, Path], None]
) -> None:
    """Whatever the ZIP around them looks like, databases with the SHA-256 of their manifest are proven."""
    archive, backup = await ours(tmp_path, _UMLAUTS)
    pack(unpacked(archive, tmp_path / "unpacked"), tmp_path / "brought.zip")
    taken = await brought(tmp_path / "brought.zip", room)
    assert [(one.name, one.record) for one in sorted(taken.databases, key=lambda one: one.name)] == [
        (record.name, record) for record in sorted(backup.databases, key=lambda record: record.name)
    ]
    assert taken.manifest is not None
    assert (taken.warnings, taken.missing) == ((), ())


async def test_what_an_archive_packed_anew_lacks_is_told(tmp_path: Path, room: Path) -> None:
    """One database taken out, one renamed, one added and a picture: what is there is proven, the rest is named."""
    folder = unpacked((await ours(tmp_path))[0], tmp_path / "unpacked")
    (folder / "notes.db").rename(folder / "notes (1).db")
    (folder / "added.db").write_bytes(database_bytes(tmp_path, 3))
    (folder / "app.db").unlink()
    (folder / "picture.jpg").write_bytes(b"x")
    ZIP_FLAT(folder, tmp_path / "brought.zip")
    taken = await brought(tmp_path / "brought.zip", room)
    assert {one.name: one.record is not None for one in taken.databases} == {"notes.db": True, "added.db": False}
    assert taken.missing == ("app.db",)
    said = " ".join(taken.warnings)
    assert "no longer holds app.db, which its manifest names" in said
    assert "does not name added.db: nothing proves what it is" in said
    assert "picture.jpg, which is no database" in said


async def test_a_database_whose_bytes_differ_is_damaged_and_the_others_are_not(tmp_path: Path, room: Path) -> None:
    """One flipped byte in one database; the other one comes back all the same when it is asked for."""
    folder = unpacked((await ours(tmp_path))[0], tmp_path / "unpacked")
    content = bytearray((folder / "app.db").read_bytes())
    content[-1] ^= 1
    (folder / "app.db").write_bytes(content)
    ZIP_FLAT(folder, tmp_path / "brought.zip")
    with pytest.raises(DamagedArchiveError, match=r"app\.db is not the database") as caught:
        await brought(tmp_path / "brought.zip", room)
    assert "--only" in caught.value.hint
    (room / "incoming-0000.db").unlink()
    taken = await brought(tmp_path / "brought.zip", room, only=("NOTES.db",))
    assert [(one.name, one.record is not None) for one in taken.databases] == [("notes.db", True)]


async def test_a_database_named_like_litter_comes_back(tmp_path: Path, room: Path) -> None:
    """A hidden file with a Mac's mark before its name is a database where it begins as one."""
    taken = await brought(foreign(tmp_path, ("._app.db", database_bytes(tmp_path))), room)
    assert [one.name for one in taken.databases] == ["._app.db"]


async def test_a_catalogued_backup_must_be_the_archive_that_was_written(tmp_path: Path, room: Path) -> None:
    """An archive that is sound in itself, and yet another one, is not taken for the backup."""
    archive, backup = await ours(tmp_path)
    forged = rewrite(
        archive, tmp_path / "forged.zip", lambda _, content: content.replace(b'"host": "here"', b'"host": "elsewhere"')
    )
    forged.replace(archive)
    with pytest.raises(CourierError, match="not the archive that was written"):
        await brought(archive, room, backup=backup)
    assert (await brought(archive, room)).databases  # without the catalogue's word it is an archive like any other


async def test_a_database_that_names_files_of_others_reads_none(tmp_path: Path, room: Path) -> None:
    """A schema with views over functions that reach outside is only looked at, never run."""
    path = make_database(tmp_path / "made.db", wal=False)
    change(path, "CREATE VIEW evil AS SELECT load_extension('/tmp/evil')")
    taken = await brought(foreign(tmp_path, ("app.db", path.read_bytes())), room)
    assert ("view", "evil") in {entry[:2] for entry in taken.databases[0].report.schema}


async def test_a_database_by_itself_is_an_archive_of_one(tmp_path: Path, room: Path) -> None:
    """Its own bytes arrive, under its own name, however its name fits among ours; without WAL nothing is missing."""
    file = make_database(tmp_path / "incoming-0000.db", 9, wal=False)
    found = await brought(file, room)
    (database,) = found.databases
    assert found.source == Reason(SourceCode.DATABASE_FILE, (("file", "incoming-0000.db"),))
    assert (database.name, database.record, found.manifest) == (file.name, None, None)
    assert database.snapshot.file.read_bytes() == file.read_bytes()
    assert found.warnings == ("It is in no archive: nothing proves that it is a backup.",)
