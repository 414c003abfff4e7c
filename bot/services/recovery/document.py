"""Writes and reads the document of restore points that is kept pinned in the chat, and validates what it reads.

It is JSON that people can read. Whoever can write into an admin's chat may have made it, so it is read strictly and
within bounds, and nothing in it is a place on this machine.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from bot.errors import CatalogueError
from bot.models import RestorePoint, StoredVolume
from bot.services.catalogue.newest import newest_first
from bot.services.contracts.chats import Chats, PostedDocument
from bot.services.files.names import folded
from bot.services.files.store import is_archive_name, is_plain_name

DOCUMENT_NAME = "sqlite_courier_restore_points.json"
DOCUMENT_BYTES = 256 * 1024
"""The most that is written; with five databases and one volume each, some 250 restore points."""

READABLE_BYTES = 4 * DOCUMENT_BYTES
"""The most that is read, so that a later version may write more."""

VERSION = 1

# What recovery offers to write into a new `.env`. No secret, and no path that only the old machine had but DATABASES.
KEPT_SETTINGS = (
    "ADMIN_IDS",
    "DELIVER_TO",
    "SERVER_NAME",
    "RECEIVE",
    "DATABASES",
    "SCHEDULE",
    "TIMEZONE",
    "MAX_BACKUP_AGE_DAYS",
    "MAX_BACKUP_COUNT",
    "VOLUME_SIZE_MB",
    "AGE_RECIPIENTS",
    "CHECK",
    "COMPRESSION",
)

TOPICS = "TOPICS"
"""Beside the settings: the topics that were made for DELIVER_TO=-100…/auto, such as -100123/42; no setting."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,400}")
_LARGEST = 1 << 50
_MOST_SERVERS, _LONGEST_NAME = 100, 100
_LONGEST_LABEL = 2000  # fingerprints of a hundred keys


class DocumentError(CatalogueError):
    """A document that can't be believed; nothing of it was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPart:
    """What one server says of itself: its restore points, newest first, and its settings that are no secrets.

    `server` is its SERVER_NAME, empty where it has none.
    """

    server: str = ""
    written_at: datetime
    settings: dict[str, str]
    points: tuple[RestorePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the pinned document holds: what its writer says of itself, and what `others` with the same bot said before.

    Whoever writes it keeps the parts of the others as it found them.
    """

    format: Literal["sqlite-courier restore points"] = "sqlite-courier restore points"
    version: int = VERSION
    bot_id: int
    written_at: datetime
    settings: dict[str, str]
    points: tuple[RestorePoint, ...]
    server: str = ""
    others: tuple[ServerPart, ...] = ()

    @property
    def parts(self) -> tuple[ServerPart, ...]:
        """Return what every server says, the writer first."""
        mine = ServerPart(server=self.server, written_at=self.written_at, settings=self.settings, points=self.points)
        return (mine, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heading:
    """What every version begins with."""

    format: Literal["sqlite-courier restore points"]
    version: int


@cache
def _heading() -> TypeAdapter[_Heading]:
    return TypeAdapter(_Heading)


@cache
def _adapter() -> TypeAdapter[Document]:
    return TypeAdapter(Document)


@cache
def _point() -> TypeAdapter[RestorePoint]:
    return TypeAdapter(RestorePoint)


@cache
def _parts() -> TypeAdapter[tuple[ServerPart, ...]]:
    return TypeAdapter(tuple[ServerPart, ...])


def write_document(document: Document) -> tuple[Document, bytes]:
    """Return what was written and its bytes: points are left out from the oldest until it fits `DOCUMENT_BYTES`.

    Points that hold the newest backup of some database of their server are left out last, and one that would not be
    believed when read (a database with an impossible name) always: it must not cost the others. What is left out stays
    in the chat. Of sealed ones the paths of origin are left out, which stand in the archives.
    """
    parts = tuple(
        replace(part, points=tuple(_without_paths(one) for one in part.points if not _fault_of(one)))
        for part in document.parts
    )
    document = _joined(document, parts)
    space = DOCUMENT_BYTES - len(_adapter().dump_json(_joined(document, [replace(part, points=()) for part in parts])))
    ranked = []
    for number, part in enumerate(parts):
        last = {point.sha256 for point in _newest_of_each_database(part.points, document.written_at)}
        ranked += [(point.sha256 in last, point.at, number, point) for point in part.points]
    kept: set[tuple[int, str]] = set()
    for _, _, number, point in sorted(ranked, key=lambda one: one[:3], reverse=True):
        space -= len(_point().dump_json(point)) + 1
        if space < 0:
            break
        kept.add((number, point.sha256))
    written = _joined(
        document,
        [
            replace(part, points=tuple(point for point in part.points if (number, point.sha256) in kept))
            for number, part in enumerate(parts)
        ],
    )
    return written, _adapter().dump_json(written)


def _joined(document: Document, parts: Sequence[ServerPart]) -> Document:
    return replace(document, points=parts[0].points, others=tuple(parts[1:]))


def write_parts(parts: Sequence[ServerPart]) -> str:
    """Return parts as the catalogue keeps them."""
    return _parts().dump_json(tuple(parts)).decode()


def read_parts(text: str) -> tuple[ServerPart, ...]:
    """Read what `write_parts` wrote; nothing of what can't be read."""
    try:
        return _parts().validate_json(text, strict=True) if text else ()
    except ValidationError:
        return ()


def read_document(content: bytes, *, bot_id: int | None) -> Document:
    """Return what a document says. Raises `DocumentError` unless every word of it can be meant.

    With `bot_id`, a document of another bot is refused: a file_id means something to the bot that sent the file alone.
    """
    if len(content) > READABLE_BYTES:
        raise DocumentError("The catalogue of restore points is larger than any that SQLite Courier writes.")
    try:
        version = _heading().validate_json(content, strict=True).version
        if version > VERSION:
            raise DocumentError(
                f"The catalogue of restore points has version {version}; this program knows {VERSION}.",
                hint="A newer SQLite Courier wrote it: install that version, or a newer one.",
            )
        document = _adapter().validate_json(content, strict=True)
    except ValidationError as error:
        raise DocumentError(f"This is not a catalogue of restore points: {_first_fault(error)}.") from None
    if bot_id is not None and document.bot_id != bot_id:
        raise DocumentError(
            f"The catalogue of restore points was written by bot {document.bot_id}, and BOT_TOKEN is that of bot "
            f"{bot_id}: Telegram gives a bot only the files that it sent itself.",
            hint="Use the token of that bot, or forward the archives themselves to this one (recover --wait).",
        )
    names = [part.server for part in document.parts]
    if len(names) > _MOST_SERVERS or any(len(name) > _LONGEST_NAME or not name.isprintable() for name in names):
        raise DocumentError("The catalogue of restore points can't be believed: a server has an impossible name.")
    for point in (point for part in document.parts for point in part.points):
        if fault := _fault_of(point):
            raise DocumentError(f"The catalogue of restore points can't be believed: {fault}.")
    return document


async def read_posted(chats: Chats, posted: PostedDocument) -> Document:
    """Fetch a document from the chat and read it. Raises `DocumentError`, or an `Outcome` when it can't be fetched."""
    if not 0 < posted.bytes <= READABLE_BYTES:
        raise DocumentError(f"{posted.name} has {posted.bytes:,} bytes: no catalogue of restore points has.")
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="sqlite-courier-")
    try:
        file = Path(folder.name) / "document"
        await asyncio.to_thread(file.touch, 0o600)
        await chats.fetch(StoredVolume(file_id=posted.file_id, bytes=posted.bytes), file)
        content = await asyncio.to_thread(file.read_bytes)
    finally:
        await asyncio.to_thread(folder.cleanup)
    return await asyncio.to_thread(read_document, content, bot_id=chats.bot_id)


def merge(*lists: Iterable[RestorePoint]) -> tuple[RestorePoint, ...]:
    """Return every restore point of all lists once, newest first; of two that name one archive, the first list's."""
    found: dict[tuple[str, str], RestorePoint] = {}
    for points in lists:
        for point in points:
            found.setdefault((point.archive, point.sha256), point)
    return tuple(sorted(found.values(), key=lambda point: (point.at, point.archive), reverse=True))


def choose(points: Iterable[RestorePoint], *, now: datetime, at: datetime | None = None) -> RestorePoint | None:
    """Return the newest restore point, or the newest not younger than `at`; None when there is none."""
    fitting = [point for point in points if at is None or point.at <= at]
    return next(iter(newest_first(fitting, now=now, at=lambda point: point.at)), None)


def kept_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are kept in the document: those named above, on one line, of a length people write."""
    values = {name: given.get(name, "") for name in KEPT_SETTINGS}
    return {name: value for name, value in values.items() if 0 < len(value) <= 20_000 and value.isprintable()}


def topics_in(settings: Mapping[str, str]) -> dict[int, int]:
    """Return the topics of the server by their groups, as `TOPICS` lists them; what can't be meant is left out."""
    found = re.findall(r"(-[0-9]{1,16})/([0-9]{1,9})(?:,|$)", settings.get(TOPICS, ""))
    return {int(chat): int(thread) for chat, thread in found}


def _without_paths(point: RestorePoint) -> RestorePoint:
    if not point.sealed:
        return point
    return replace(point, databases=tuple(replace(held, path=held.name) for held in point.databases))


def _newest_of_each_database(points: Iterable[RestorePoint], now: datetime) -> list[RestorePoint]:
    newest: dict[str, RestorePoint] = {}
    for point in newest_first(points, now=now, at=lambda point: point.at):
        for held in point.databases:
            newest.setdefault(folded(held.name), point)
    return list(newest.values())


def _fault_of(point: RestorePoint) -> str:
    """Return what can't be meant in a restore point, empty where all can."""
    if not is_archive_name(point.archive):
        return "an archive has a name that SQLite Courier gives to none"
    names = [folded(held.name) for held in point.databases]
    hashes = [point.sha256, *(held.sha256 for held in point.databases)]
    hashes += [volume.sha256 for volume in point.volumes if volume.sha256]
    sizes = [point.bytes, *(volume.bytes for volume in point.volumes)]
    faults = (
        (point.at.tzinfo is None, "a time without a time zone"),
        (len(point.sealed) > _LONGEST_LABEL or not point.sealed.isprintable(), "an impossible seal"),
        (not point.databases, "no databases"),
        (not all(is_plain_name(held.name) for held in point.databases), "a database whose name is no file name"),
        (len(set(names)) < len(names), "two databases of one name"),
        (not all(_SHA256.fullmatch(text) for text in hashes), "something that is no SHA-256"),
        (not all(0 < size <= _LARGEST for size in sizes), "an impossible size"),
        (not all(0 <= held.bytes <= _LARGEST for held in point.databases), "an impossible size"),
        (sum(volume.bytes for volume in point.volumes) != point.bytes, "volumes that don't add up to the archive"),
        (not all(_FILE_ID.fullmatch(volume.file_id) for volume in point.volumes), "something that is no file_id"),
    )
    return next((f"{point.archive} has {fault}" for found, fault in faults if found), "")


def _first_fault(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in detail["loc"])
    return f"{detail['msg']}{f' ({where[:80]})' if where else ''}"
