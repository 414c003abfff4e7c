"""What anybody who got into an admin's chat may send: each refused with its sentence, and nothing written elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from bot.demo.stand_in.state import Message
from bot.models import MANIFEST_NAME
from tests.world.archives import database_bytes, foreign, link, rewrite
from tests.world.databases import damage, make_database
from tests.world.inbox import House


def lying_about_its_size(folder: Path) -> Path:
    archive = foreign(folder, ("app.db", b"SQLite format 3\0" + bytes(1 << 20)))
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + 24, 4096)
    archive.write_bytes(data)
    return archive


def damaged(folder: Path) -> Path:
    content = damage(make_database(folder / "made.db", wal=False)).read_bytes()
    return foreign(folder, ("app.db", content))


def is_text(folder: Path) -> Path:
    (folder / "brought.zip").write_bytes(b"hello, I am no archive at all")
    return folder / "brought.zip"


def cut_short(folder: Path) -> Path:
    archive = foreign(folder, ("app.db", database_bytes(folder)))
    archive.write_bytes(archive.read_bytes()[:-40])
    return archive


HOSTILE: list[tuple[Callable[[Path], Path], str]] = [
    (lambda folder: foreign(folder, ("../evil.db", database_bytes(folder))), "leads out of the folder"),
    (lambda folder: foreign(folder, ("/etc/evil.db", database_bytes(folder))), "absolute path"),
    (lambda folder: foreign(folder, ("C:\\evil.db", database_bytes(folder))), "drive letter"),
    (lambda folder: foreign(folder, (link("app.db"), b"/etc/passwd")), "a link to another file"),
    (
        lambda folder: foreign(folder, ("app.db", database_bytes(folder)), ("sub/APP.db", database_bytes(folder))),
        "twice",
    ),
    (lambda folder: foreign(folder, ("app.db", bytes(80 << 20))), "a bomb"),
    (lying_about_its_size, "more than the 4,096 bytes"),
    (lambda folder: foreign(folder, ("app.db", b"this is a text")), "is not an SQLite database"),
    (lambda folder: foreign(folder, ("app.db", database_bytes(folder)[:-4096])), "cut short"),
    (lambda folder: foreign(folder, ("inner.zip", b"PK\x05\x06" + bytes(18))), "an archive within the archive"),
    (damaged, "a damaged database is not restored"),
    (lambda folder: foreign(folder, ("readme.txt", os.urandom(50))), "readme.txt"),
]


async def test_each_hostile_archive_gets_its_sentence(inbox: House, tmp_path: Path) -> None:
    """Paths, links, twins, bombs, lies and what is no database; the sentence stays when others come."""
    make = tmp_path / "evil"
    make.mkdir()
    outside = {path for path in tmp_path.rglob("*") if ".work" not in path.parts and "logs" not in path.parts}
    for build, says in HOSTILE:
        await inbox.ann.send_document(build(make))
        refused = await inbox.shows("This can't be used", says, since=None)
        assert "Nothing was restored" in refused.text
        assert refused.button_texts == ["✖️ Cancel"]
    for _, says in HOSTILE:
        assert inbox.said(says), says
    shutil.rmtree(make)
    after = {path for path in tmp_path.rglob("*") if ".work" not in path.parts and "logs" not in path.parts}
    assert {path for path in after - outside if "catalogue" not in path.name} == set()
    kept = [path for room in inbox.left() for path in room.rglob("*") if path.is_file()]
    assert kept == []


async def test_what_never_was_an_archive_asks_for_the_rest_of_it(inbox: House, tmp_path: Path) -> None:
    """A text called .zip, and an archive without its end, may be volumes: so it says, and what else they may be."""
    await inbox.ann.send_document(is_text(tmp_path))
    text = await inbox.shows("does not begin as an archive", "or something else")
    await inbox.press("✖️ Cancel", text)
    await inbox.ann.send_document(cut_short(tmp_path))
    await inbox.shows("only the beginning of an archive", "download it again")


async def test_a_manifest_that_lies_is_refused(inbox: House, tmp_path: Path) -> None:
    """An archive of ours in which a claim was changed is not what was written."""
    archive = inbox.archive(await inbox.made())

    def forge(name: str, content: bytes) -> bytes:
        if name != MANIFEST_NAME:
            return content
        manifest = json.loads(content)
        manifest["databases"][0]["rows"] = [["entries", 5], ["totals", 1]]
        return json.dumps(manifest).encode()

    await inbox.ann.send_document(rewrite(archive, tmp_path / "database_backup_20200101_000000.zip", forge))
    await inbox.shows("This can't be used", "number of rows")


async def test_names_from_outside_are_shown_harmlessly(inbox: House, tmp_path: Path) -> None:
    """Markup, reversals and paths in a file's name are text, and lead nowhere."""
    archive = inbox.archive(await inbox.made())
    for name in ("<b>evil</b>&\u202e.zip", "../../etc/cron.d/evil.zip", "x" * 300 + ".zip"):
        await inbox.ann.send_document(archive, name=name)
        shown: Message = await inbox.shows("A backup, intact", since=None)
        assert "\u202e" not in shown.text
        await inbox.press("✖️ Cancel", shown)
    assert not (tmp_path / "etc").exists()


async def test_a_damaged_volume_is_replaced_by_sending_it_again(inbox: House) -> None:
    """One flipped bit in a volume is found, and the good one under the same number mends it."""
    volumes = await inbox.made_volumes(3)
    good = volumes[1].read_bytes()
    volumes[1].write_bytes(good[:500] + bytes([good[500] ^ 4]) + good[501:])
    await inbox.ann.send_album(volumes)
    refused = await inbox.shows("This can't be used", "do not make an archive", "A file is damaged")
    volumes[1].write_bytes(good)
    await inbox.ann.send_document(volumes[1])
    assert (await inbox.shows("A backup, intact")).id == refused.id


async def test_a_volume_of_another_archive_is_told(inbox: House) -> None:
    """Its name says which archive it is of: it waits aside, and completes nothing it does not belong to."""
    one, two = await inbox.made_volumes(2)
    other = two.rename(two.with_name("database_backup_20200101_000000.zip.002"))
    await inbox.ann.send_document(one)
    await inbox.shows("I have 1")
    await inbox.ann.send_document(other)
    await inbox.shows("I have 2", f"{one.name} belongs to another archive")
