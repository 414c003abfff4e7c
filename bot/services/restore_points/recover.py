"""From a token and an admin's id to a restored folder: what is left to do when the server is gone."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.clock import utc_now
from bot.errors import ArchiveError, CourierError, DamagedArchiveError, NotFoundError, TelegramError
from bot.models import BackedUp, RestorePoint, StoredVolume
from bot.services.abort import Abort
from bot.services.delivery.destination import Outcome, Refused
from bot.services.drill import Rehearsal, rehearse
from bot.services.manifest import read_manifest
from bot.services.part_file import faults_of
from bot.services.restore_points.chat import Chats, PostedDocument
from bot.services.restore_points.document import (
    DOCUMENT_NAME,
    READABLE_BYTES,
    Document,
    choose,
    is_plain_name,
    merge,
)
from bot.services.restore_points.fetch import fetch_archive
from bot.services.restore_points.reading import read_posted
from bot.services.store import create_private_folder
from bot.services.verify import verify_archive

Tell = Callable[[str], None]
Report = Callable[[int, int], None]

SIDECARS = ("-wal", "-shm", "-journal")
_ARCHIVE = re.compile(r"(database_backup_\d{8}_\d{6}\.zip)(?:\.(\d{3,6}))?")
_NO_WINDOWS_NAME = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*].*|.*[. ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the pinned messages say, all chats together; `settings` are those of the newest one."""

    points: tuple[RestorePoint, ...]
    settings: dict[str, str]
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredDatabase:
    """A database in its new place, proven by opening it there before."""

    name: str
    path: Path
    bytes: int
    rows: int
    came_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a recovery has put into its folder; `set_aside` are the files that stood in its way."""

    archive: Path
    made_at: datetime
    databases: tuple[RecoveredDatabase, ...]
    set_aside: tuple[Path, ...] = ()


async def find_points(chats: Chats, chat_ids: Sequence[int]) -> Found:
    """Read the pinned messages of these chats and join what they say.

    One chat that can't be read or holds something else is no harm while another has the document. Raises
    `NotFoundError` with a sentence for every chat when none has it, `TelegramError` when the token is refused.
    """
    documents: list[Document] = []
    troubles: list[str] = []
    for chat_id in dict.fromkeys(chat_ids):
        try:
            documents.append(await _document_of(chats, chat_id))
        except Refused as outcome:
            raise TelegramError(
                f"{outcome.sentence}.", hint="Copy BOT_TOKEN again from @BotFather; a revoked token never works again."
            ) from None
        except Outcome as outcome:
            troubles.append(f"Chat {chat_id}: {outcome.sentence}.")
        except CourierError as error:
            troubles.append(f"Chat {chat_id}: {error.sentence}")
    if not documents:
        raise NotFoundError(
            "\n".join(["No pinned catalogue of restore points was found.", *troubles]),
            hint=(
                f"Run this with --wait, and forward to the bot either the document {DOCUMENT_NAME} or an archive "
                "(database_backup_….zip, all its volumes) from any chat that has it. --admin can be given more than "
                "once, a group's id too."
            ),
        )
    documents.sort(key=lambda document: document.written_at, reverse=True)
    return Found(
        points=merge(*(document.points for document in documents)),
        settings=documents[0].settings,
        troubles=tuple(troubles),
    )


def choose_point(
    points: Sequence[RestorePoint], *, at: datetime | None = None, only: Sequence[str] = ()
) -> RestorePoint:
    """Return the newest restore point, not after `at`, that holds the databases `only`. Raises `NotFoundError`."""
    holding = [point for point in points if set(only) <= {held.name for held in point.databases}]
    point = choose(holding, at=at)
    if point is None:
        asked = (f" of {', '.join(only)}" if only else "") + (f" before {at:%Y-%m-%d %H:%M:%S} UTC" if at else "")
        raise NotFoundError(f"The chat holds no restore point{asked}.", hint="--list shows those there are.")
    return point


async def _document_of(chats: Chats, chat_id: int) -> Document:
    pinned = await chats.pinned(chat_id)
    if pinned is None:
        raise NotFoundError("nothing is pinned there.")
    document = pinned.document
    if document is None or document.name != DOCUMENT_NAME:
        raise NotFoundError("something else is pinned on top; unpin it, and ours shows again if it is below.")
    if not document.ours:
        raise NotFoundError("the pinned catalogue was not sent by this bot, so it is not believed.")
    return await read_posted(chats, document)


async def wait_for_forwarded(
    chats: Chats, senders: Collection[int], folder: Path, *, seconds: float, tell: Tell
) -> Found | Path:
    """Wait until one of these people forwards the catalogue document or a whole archive to the bot.

    Returns what the document says, or the archive, fetched into `folder`: its volumes may come in any order. `tell` is
    told what arrived and what is wrong with it. Raises `NotFoundError` when the time is over, `TelegramError`.
    """
    archives: dict[str, dict[int, PostedDocument]] = {}
    try:
        async with aclosing(chats.forwarded(frozenset(senders), seconds=seconds)) as documents:
            async for posted in documents:
                match = _ARCHIVE.fullmatch(posted.name)
                if match is None and not (posted.name.endswith(".json") and posted.bytes <= READABLE_BYTES):
                    tell(f"{posted.name or 'a file'} is neither an archive nor the catalogue document; passed over.")
                    continue
                try:
                    if match is None:
                        document = await read_posted(chats, posted)
                        return Found(points=document.points, settings=document.settings)
                    volumes = archives.setdefault(match[1], {})
                    volumes[int(match[2] or 0)] = posted
                    if archive := await _whole(chats, match[1], volumes, folder, tell):
                        return archive
                except CourierError as error:
                    tell(error.sentence)
    except Outcome as outcome:
        raise TelegramError(
            f"{outcome.sentence}.", hint="If the old server still runs somewhere, stop it: two can't listen at once."
        ) from None
    raise NotFoundError("Nothing that helps was forwarded in time.", hint="Give more time: --wait 30 (minutes).")


async def _whole(chats: Chats, name: str, volumes: dict[int, PostedDocument], folder: Path, tell: Tell) -> Path | None:
    """Fetch an archive once all of it may be there; None while volumes are missing."""
    numbers = [0] if 0 in volumes else sorted(volumes)
    if numbers != [0] and numbers != list(range(1, len(numbers) + 1)):
        missing = next(number for number in range(1, numbers[-1]) if number not in volumes)
        tell(f"{name}: {len(numbers)} volumes are here; .{missing:03} is missing.")
        return None
    parts = tuple(StoredVolume(file_id=volumes[n].file_id, bytes=volumes[n].bytes) for n in numbers)
    size = sum(part.bytes for part in parts)
    point = RestorePoint(at=utc_now(), archive=name, bytes=size, sha256="", databases=(), volumes=parts)
    path = await fetch_archive(chats, point, folder)
    try:
        # Only the last volume holds the directory of a ZIP: it opens when all of them are here.
        await asyncio.to_thread(read_manifest, path)
    except DamagedArchiveError:
        await asyncio.to_thread(path.unlink)
        if numbers == [0]:
            raise
        tell(f"{name}: volume {numbers[-1]} is here, and it is not the last one; forward the next.")
        return None
    await verify_archive(path, abort=Abort())
    return path


@asynccontextmanager
async def temporary_folder() -> AsyncIterator[Path]:
    """Give a private folder of the system's, removed at the end."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="sqlite-courier-"))
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@asynccontextmanager
async def private_folder(into: Path) -> AsyncIterator[Path]:
    """Give a private folder inside `into` (made if missing), removed at the end: on its disk, so files can be moved."""
    with faults_of(into):
        await asyncio.to_thread(create_private_folder, into)
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".recover-", dir=into))
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def restore_into(
    archive: Path,
    into: Path,
    work: Path,
    *,
    only: Sequence[str] = (),
    force: bool = False,
    progress: Report = lambda _done, _total: None,
    clock: Callable[[], datetime] = utc_now,
) -> Recovered:
    """Prove every database of an archive in `work` and move those wanted into `into`, the archive beside them.

    All or nothing is moved: first everything is checked. What stands in the way is never written over; with `force` it
    is set aside together with its -wal, -shm and -journal, which would otherwise be mixed into the new file. Raises
    `NotFoundError` (no such name), `ArchiveError` (something stands in the way), `DamagedArchiveError`, `NoSpaceError`.
    """
    rehearsal = await rehearse(archive, work, abort=Abort(), progress=progress)
    if rehearsal.faults:
        raise DamagedArchiveError(
            " ".join(rehearsal.faults), hint="Recover an older restore point: --list shows them, --at chooses one."
        )
    unknown = sorted(set(only) - {entry.database.name for entry in rehearsal.databases})
    if unknown:
        names = ", ".join(entry.database.name for entry in rehearsal.databases)
        raise NotFoundError(f"This backup holds no {', '.join(unknown)}.", hint=f"It holds {names}.")
    return await asyncio.to_thread(_move, archive, rehearsal, into, only=only, force=force, now=clock())


def _move(
    archive: Path, rehearsal: Rehearsal, into: Path, *, only: Collection[str], force: bool, now: datetime
) -> Recovered:
    wanted = [entry for entry in rehearsal.databases if not only or entry.database.name in only]
    for entry in wanted:
        _refuse_bad_name(entry.database)
    targets = [into / entry.database.name for entry in wanted]
    in_the_way = [path for target in targets for path in _with_sidecars(target) if os.path.lexists(path)]
    if in_the_way and not force:
        raise ArchiveError(
            f"{', '.join(path.name for path in in_the_way)} exists already in {into}; nothing was changed.",
            hint="Recover into another folder with --to, or set what is there aside with --force.",
        )
    moved = []
    with faults_of(into):
        for entry in wanted:
            _sync(entry.file)
        for path in in_the_way:
            aside = path.with_name(f"{path.name}.before-recovery-{now.astimezone(UTC):%Y%m%d_%H%M%S}")
            path.rename(aside)
            moved.append(aside)
        for entry, target in zip(wanted, targets, strict=True):
            entry.file.replace(target)
        kept = into / archive.name
        if not os.path.lexists(kept):
            archive.replace(kept)
    return Recovered(
        archive=kept,
        made_at=rehearsal.manifest.created_at,
        databases=tuple(
            RecoveredDatabase(
                name=entry.database.name,
                path=target,
                bytes=entry.database.bytes,
                rows=sum(rows for _, rows in entry.report.rows if rows > 0),
                came_from=entry.database.path,
            )
            for entry, target in zip(wanted, targets, strict=True)
        ),
        set_aside=tuple(moved),
    )


def _refuse_bad_name(database: BackedUp) -> None:
    if not is_plain_name(database.name) or (os.name == "nt" and _NO_WINDOWS_NAME.fullmatch(database.name)):
        raise DamagedArchiveError(f"The archive calls a database {database.name!a}, which can be no file's name here.")


def _with_sidecars(target: Path) -> list[Path]:
    return [target, *(target.with_name(target.name + sidecar) for sidecar in SIDECARS)]


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
