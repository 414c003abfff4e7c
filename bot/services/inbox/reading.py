"""Checks the fetched files in every way that an archive of unknown origin needs, and reads what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import MissingVolumesError
from bot.models import Backup, ReportRestore, RestoreProgress, RestoreStage
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.fetch.recognition import bare_name, begins_zip, volume_number
from bot.services.files.private_file import sha256_of
from bot.services.files.private_folder import private_folder
from bot.services.inbox.unseal import Unseal
from bot.services.inbox.upload_view import FoundDatabase, UploadContents
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.sources import RestoreSource
from bot.services.restore.volumes import arrange_volumes
from bot.services.sealing.header import is_sealed

TakeIn = Callable[..., Awaitable[Intake]]

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An archive that passed every check, and what a restore of it begins from."""

    contents: UploadContents
    origin: RestoreSource


async def put_together(files: Sequence[Path], folder: Path, *, unseal: Unseal, abort: Abort) -> tuple[Path, ...]:
    """Return the files of one archive in order, once they are all there; what is sealed is opened into `folder`.

    Raises `MissingVolumesError` while files are missing, `UntrustedArchiveError` where they don't belong together.
    """
    if await asyncio.to_thread(lambda: any(map(is_sealed, files))):
        files = await unseal(files, folder, abort)
    ordered = await run_to_end(lambda: arrange_volumes(files, check=abort.check), stop=abort.set)
    if len(ordered) == 1 and not await asyncio.to_thread(lambda: begins_zip(ordered[0]) or is_sealed(ordered[0])):
        number = volume_number(ordered[0].name)
        raise MissingVolumesError(
            f"{ordered[0].name} does not begin as an archive: it is a later volume, or something else.",
            missing=() if number == 1 else (1,),
            hint="Send the other volumes too, if there are any; else it is not what I take.",
        )
    return ordered


async def stands_alone(file: Path) -> bool:
    """Tell whether a file is an archive in one piece."""

    def look() -> bool:
        if not begins_zip(file):
            return False
        try:
            arrange_volumes([file])
        except MissingVolumesError:
            return False
        return True

    return await asyncio.to_thread(look)


async def prove(
    files: Sequence[Path],
    work: Path,
    *,
    catalogue: Catalogue,
    take_in: TakeIn,
    abort: Abort,
    report: ReportRestore,
) -> Proven:
    """Read an archive (its files in order) in full, check every database in it, and say what it holds.

    `take_in` is the untrusted intake of every restore. The databases are unpacked into a private folder inside `work`
    and are gone when this returns. Raises what `take_in` raises.
    """
    total = await asyncio.to_thread(lambda: sum(file.stat().st_size for file in files))
    report(RestoreProgress(stage=RestoreStage.READ, total=total, detail=files[0].name))
    sha256 = await run_to_end(lambda: sha256_of(*files, check=abort.check), stop=abort.set)
    backup = await catalogue.backups.with_sha256(sha256)
    async with private_folder(work) as temp:
        # A volume that was damaged on its way can be sent again; of an archive in one piece, what is sound is all.
        alone = len(files) == 1
        source = RestoreSource(files=tuple(files), backup=backup)
        intake = await take_in(source, temp, leave_out_damaged=alone, abort=abort, report=report)
    sound = tuple(one.name for one in intake.databases) if intake.damaged else ()
    return Proven(contents=_contents(intake, files, total, sha256, backup), origin=replace(source, only=sound))


def _contents(intake: Intake, files: Sequence[Path], total: int, sha256: str, backup: Backup | None) -> UploadContents:
    manifest = intake.manifest
    return UploadContents(
        name=bare_name(files[0].name) if len(files) > 1 else files[0].name,
        bytes=total,
        sha256=sha256,
        volumes=len(files),
        ours=manifest is not None,
        proven=manifest is not None
        and not (intake.missing or intake.damaged)
        and all(one.record for one in intake.databases),
        made_at=manifest.created_at if manifest else None,
        host=manifest.host if manifest else "",
        databases=tuple(map(_found, intake.databases)),
        skipped=manifest.skipped if manifest else (),
        warnings=intake.warnings,
        backup=backup,
    )


def _found(database: Incoming) -> FoundDatabase:
    return FoundDatabase(
        name=database.name,
        bytes=database.snapshot.bytes,
        rows=database.report.rows,
        verdict=database.report.verdict,
    )
