"""A proven archive's databases put into a folder: all of them or none, and nothing written over."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.clock import utc_now
from bot.errors import ArchiveError, DamagedArchiveError, NotFoundError
from bot.models import BackedUp
from bot.services.abort import Abort
from bot.services.drill import Rehearsal, rehearse
from bot.services.part_file import faults_of
from bot.services.restore_points.document import is_plain_name
from bot.services.store import create_private_folder

Report = Callable[[int, int], None]

SIDECARS = ("-wal", "-shm", "-journal")
_NO_WINDOWS_NAME = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*].*|.*[. ]")


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


def refuse_to_replace(into: Path, names: Sequence[str]) -> None:
    """Raise `ArchiveError` if a file of these names, or one that belongs to it, is in the folder."""
    found = [path.name for name in names for path in _with_sidecars(into / name) if os.path.lexists(path)]
    if found:
        raise ArchiveError(
            f"{', '.join(found)} exists already in {into}; nothing was changed.",
            hint="Recover into another folder with --to, or set what is there aside with --force.",
        )


def _move(
    archive: Path, rehearsal: Rehearsal, into: Path, *, only: Collection[str], force: bool, now: datetime
) -> Recovered:
    wanted = [entry for entry in rehearsal.databases if not only or entry.database.name in only]
    for entry in wanted:
        _refuse_bad_name(entry.database)
    targets = [into / entry.database.name for entry in wanted]
    in_the_way = [path for target in targets for path in _with_sidecars(target) if os.path.lexists(path)]
    if not force:
        refuse_to_replace(into, [target.name for target in targets])
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
