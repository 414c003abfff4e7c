"""Archives to test with: sources, a manifest that fits them, and a writer that needs nothing but a folder."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.models import (
    INFO_NAME,
    MANIFEST_NAME,
    OTHER,
    Archive,
    BackedUp,
    CheckMethod,
    CheckReport,
    Compression,
    Database,
    Member,
    Reason,
    ReportBytes,
    SkippedRecord,
    SkipReason,
    Snapshot,
    Trigger,
    Verdict,
)
from bot.services.archive.backup_info import build_info
from bot.services.archive.manifest import Manifest, backed_up, build_manifest
from bot.services.archive.stream import MemberSource
from bot.services.archive.write import ArchiveWriter
from bot.services.concurrency.abort import Abort
from tests.world.databases import make_database
from tests.world.snapshots import as_snapshot

MOMENT = datetime(2026, 3, 29, 1, 30, 7, tzinfo=UTC)


def snapshot_of(name: str, file: Path) -> Snapshot:
    database = Database(path=Path("/srv/app") / name, name=name)
    told: dict[str, Any] = {"journal_mode": "wal", "user_version": 3, "sqlite_version": "3.40.1", "taken_at": MOMENT}
    return replace(as_snapshot(file), database=database, **told)


def report(**changes: Any) -> CheckReport:
    fields: dict[str, Any] = {
        "verdict": Verdict.OK,
        "method": CheckMethod.FULL,
        "messages": (),
        "foreign_key_violations": 0,
        "rows": (("users", 12), ("broken", -1)),
        "schema_sha256": "0" * 64,
    }
    return CheckReport(**(fields | changes))


GONE = SkippedRecord(
    name="gone.db",
    path="/srv/app/gone.db",
    reason=SkipReason.MISSING,
    why=Reason(OTHER, (("said", "There is no such file."),)),
)


def manifest_with(*databases: BackedUp, skipped: SkippedRecord = GONE) -> Manifest:
    return build_manifest(
        created_at=MOMENT,
        trigger=Trigger.SCHEDULE,
        host="server",
        timezone="Europe/Berlin",
        databases=databases,
        skipped=[skipped],
    )


def manifest_of(members: Sequence[Member], files: dict[str, Path], **changes: Any) -> Manifest:
    return manifest_with(*(backed_up(snapshot_of(m.name, files[m.name]), report(**changes), m) for m in members))


Closing = Callable[[Sequence[Member]], Awaitable[Sequence[MemberSource]]]


async def nothing(_members: Sequence[Member]) -> Sequence[MemberSource]:
    return ()


async def write_sources(
    target: Path,
    sources: Sequence[MemberSource],
    closing: Closing = nothing,
    *,
    progress: ReportBytes = lambda _done, _total: None,
    compression: Compression = Compression.AUTO,
    abort: Abort | None = None,
    **options: Any,
) -> Archive:
    """Write an archive of sources; `closing` gets their members and says what closes it."""
    async with ArchiveWriter(target, compression=compression, abort=abort or Abort(), **options) as writer:
        return await writer.finish(await closing(await writer.write(sources, progress=progress)))


async def archived(folder: Path, contents: dict[str, bytes], **options: Any) -> Archive:
    """Write a complete archive of these contents, with its manifest and its info file."""
    files = {}
    for number, (name, content) in enumerate(contents.items()):
        files[name] = folder / f"snapshot-{number}"
        files[name].write_bytes(content)

    members_seen = options.pop("members_seen", list)

    async def described(members: Sequence[Member]) -> Sequence[MemberSource]:
        members_seen(members)
        manifest = manifest_of(members, files)
        info = build_info(manifest, "database_backup_20260329_013007.zip")
        return (
            MemberSource(name=INFO_NAME, content=info, modified=MOMENT),
            MemberSource(name=MANIFEST_NAME, content=manifest.to_json(), modified=MOMENT),
        )

    return await write_sources(
        options.pop("target", folder / "database_backup_20260329_013007.zip"),
        [MemberSource(name=name, file=file, modified=MOMENT) for name, file in files.items()],
        options.pop("closing", described),
        **options,
    )


def means_nothing(good: bytes, flipped: bytes) -> bool:
    """Whether one flipped bit is of those with which deflate fills up a byte: all else in the archive is as it was."""
    at = next(at for at, (one, other) in enumerate(zip(good, flipped, strict=True)) if one != other)
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<2H", good, entry.header_offset + 26)
            start = entry.header_offset + 30 + name + extra
            if start <= at < start + entry.compress_size:
                content = archive.read(entry)
                try:
                    with zipfile.ZipFile(io.BytesIO(flipped)) as other:
                        return other.read(entry.filename) == content
                except (zipfile.BadZipFile, zlib.error, EOFError):
                    return False
    return False


def database_bytes(folder: Path, rows: int = 20) -> bytes:
    path = make_database(folder / "made.db", rows, wal=False)
    content = path.read_bytes()
    path.unlink()
    return content


def foreign(folder: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive as another tool, or an enemy, makes it."""
    archive = folder / "brought.zip"
    with zipfile.ZipFile(archive, "w", method) as target:
        for name, content in members:
            target.writestr(name, content)
    return archive


def cut(archive: Path, count: int, folder: Path, name: str = "{archive}.{number:03}") -> list[Path]:
    """Cut an archive into volumes as the service would, under names of choice."""
    content = archive.read_bytes()
    size = -(-len(content) // count)
    paths = [folder / name.format(archive=archive.name, number=number) for number in range(1, count + 1)]
    for number, path in enumerate(paths):
        path.write_bytes(content[number * size : (number + 1) * size])
    return paths


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def rewrite(source: Path, target: Path, forge: Callable[[str, bytes], bytes]) -> Path:
    """Write an archive of ours anew, byte for byte as this product does it, with changed content."""
    from bot.services.zip.records import STANDARD, ZipEntry  # noqa: PLC0415

    out, entries = bytearray(), []
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            content = forge(info.filename, archive.read(info))
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = packer.compress(content) + packer.flush()
            (modified,) = struct.unpack("<l", info.extra[-4:])
            entry = ZipEntry(
                name=info.filename,
                modified=modified,
                bytes=len(content),
                compressed_bytes=len(packed),
                crc32=zlib.crc32(content),
                offset=len(out),
            )
            out += STANDARD.local_header(entry) + packed + STANDARD.descriptor(entry)
            entries.append(entry)
    at = len(out)
    for entry in entries:
        out += STANDARD.central_header(entry)
    out += STANDARD.end(count=len(entries), size=len(out) - at, offset=at)
    target.write_bytes(out)
    return target


def lying(source: Path, target: Path, **claims: object) -> Path:
    """Write an archive of ours anew, whose manifest claims something else of its first database."""

    def forge(name: str, content: bytes) -> bytes:
        if name != MANIFEST_NAME:
            return content
        manifest = json.loads(content)
        manifest["databases"][0] |= claims
        return json.dumps(manifest).encode()

    return rewrite(source, target, forge)
