"""What is recorded of an archive that can't be restored is a code that tells what to do about it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import CourierError
from bot.models import MANIFEST_NAME, Cause
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from bot.services.sealing.header import MAGIC
from tests.world.archives import archived
from tests.world.databases import make_database


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def flipped(content: bytes) -> bytes:
    at = content.index(b"PK\x07\x08") - 200  # within the data of the first member
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def anew(content: bytes, **manifest: object) -> bytes:
    """Pack it anew, with other claims in its manifest."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    claims = json.loads(members[MANIFEST_NAME]) | manifest
    return zipped(**members | {MANIFEST_NAME: json.dumps(claims).encode()})


@pytest.mark.parametrize(
    ("spoil", "verified", "taken"),
    [
        (lambda good: good[:-1], Cause.ARCHIVE_CUT_OFF, Cause.ARCHIVE_CUT_OFF),
        (lambda good: good[: len(good) // 2], Cause.ARCHIVE_CUT_OFF, Cause.ARCHIVE_CUT_OFF),
        (lambda _: b"", Cause.NO_ZIP, Cause.ARCHIVE_CUT_OFF),
        (lambda _: b"no ZIP at all " * 100, Cause.NO_ZIP, Cause.NO_ZIP),
        (lambda _: MAGIC + b"\n-> X25519 ", Cause.NO_ZIP, Cause.ARCHIVE_CUT_OFF),
        (lambda _: MAGIC + b"\nnonsense\n", Cause.NO_ZIP, Cause.ARCHIVE_CHANGED),
        (flipped, Cause.MEMBER_DAMAGED, Cause.MEMBER_DAMAGED),
        (anew, Cause.ARCHIVE_CHANGED, Cause.MEMBER_DAMAGED),
        (lambda good: anew(good, format=1000), Cause.NEWER_FORMAT, None),
        (lambda _: zipped(**{"a.txt": b"words"}), Cause.NO_MANIFEST, Cause.NO_DATABASE),
        (lambda _: zipped(**{"../a.db": b"SQLite format 3\0"}), Cause.NO_MANIFEST, Cause.UNSAFE),
        (lambda _: zipped(**{"a.zip": b"PK"}), Cause.NO_MANIFEST, Cause.NOT_UNPACKED),
        (lambda _: zipped(**{"a.db": b"SQLite format 3\0"}), Cause.NO_MANIFEST, Cause.MEMBER_DAMAGED),
    ],
)
async def test_every_fault_has_a_code_of_its_own(
    tmp_path: Path, spoil: Callable[[bytes], bytes], verified: Cause, taken: Cause | None
) -> None:
    """Cut off, changed, no ZIP, of a later version, nothing in it: for who verifies it, and for who restores it."""
    content = make_database(tmp_path / "shop.db", wal=False).read_bytes()
    good = (await archived(tmp_path, {"shop.db": content})).path
    bad = tmp_path / "bad.zip"
    bad.write_bytes(spoil(good.read_bytes()))
    assert bad.read_bytes() != good.read_bytes()
    with pytest.raises(CourierError) as refused:
        await verify_archive(bad, abort=Abort())
    assert refused.value.cause.code == verified
    folder = tmp_path / "private"
    folder.mkdir()
    if taken is None:  # its databases are as they were
        assert (await take_in(RestoreSource(files=(bad,)), folder, abort=Abort())).databases
        return
    with pytest.raises(CourierError) as refused:
        await take_in(RestoreSource(files=(bad,)), folder, abort=Abort())
    assert refused.value.cause.code == taken
