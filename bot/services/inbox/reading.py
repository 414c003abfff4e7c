"""Checks the fetched files in every way that an archive of unknown origin needs, and reads what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import MissingVolumesError
from bot.models import Backup, ReportRestore, RestoreProgress, RestoreStage
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.fetch.recognition import begins_zip
from bot.services.files.names import bare_name, volume_number
from bot.services.files.private_file import sha256_of
from bot.services.files.private_folder import private_folder
from bot.services.inbox.context import InboxContext
from bot.services.inbox.upload_view import FoundDatabase, UploadContents
from bot.services.restore.bare import is_bare_database
from bot.services.restore.incoming import Intake
from bot.services.restore.intake import take_in
from bot.services.restore.sources import RestoreSource
from bot.services.restore.volumes import arrange_volumes
from bot.services.sealing.header import is_sealed
from bot.services.sealing.volumes import arrange_sealed, require_last

_LOOKED_AT = 4096  # bytes: random ones have nearly all of the 256 values among them, text and zeros do not
_RANDOM = 250


async def put_together(files: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files of one archive in order, once they are all there; what is sealed stays so.

    Raises `MissingVolumesError` while files are missing, `UntrustedArchiveError` where they don't belong together.
    """
    return await asyncio.to_thread(_put_together, files)


def _put_together(files: Sequence[Path]) -> tuple[Path, ...]:
    if any(map(is_sealed, files)):
        files = arrange_sealed(files)
        if len(files) == 1:
            require_last(files)  # of several, the opening tells whether the last one is missing
    ordered = arrange_volumes(files)
    if len(ordered) == 1 and not (begins_zip(ordered[0]) or is_sealed(ordered[0]) or is_bare_database(ordered[0])):
        number = volume_number(ordered[0].name)
        raise MissingVolumesError(
            f"{ordered[0].name} does not begin as an archive: it is a later volume, or something else.",
            missing=() if number == 1 else (1,),
            hint="Send the other volumes too, if there are any; else it is not what I take.",
        )
    return ordered


async def stands_alone(file: Path) -> bool:
    """Tell whether a file is an archive in one piece, or a database."""

    def look() -> bool:
        if not begins_zip(file):
            return is_bare_database(file)
        try:
            arrange_volumes([file])
        except MissingVolumesError:
            return False
        return True

    return await asyncio.to_thread(look)


async def why_no_database(file: Path) -> str:
    """Say why a file is none that is called a database, and remove it."""

    def look() -> str:
        with file.open("rb") as opened:
            head = opened.read(_LOOKED_AT)
        file.unlink()
        if len(head) == _LOOKED_AT and len(set(head)) > _RANDOM:
            return (
                "not an SQLite database that can be read; it looks encrypted (SQLCipher?) or packed. An encrypted one "
                "is put back by hand while its program is stopped."
            )
        return "not an SQLite database, whatever its name says."

    return await asyncio.to_thread(look)


async def prove(
    files: Sequence[Path], context: InboxContext, *, report: ReportRestore
) -> tuple[UploadContents, RestoreSource]:
    """Read an archive (its files in order) in full and check every database in it, as every restore does.

    Returns what it holds, and what a restore of it begins from. The databases are unpacked into a private folder, and
    are gone when this returns. Raises what `take_in` raises.
    """
    abort = Abort()
    total = await asyncio.to_thread(lambda: sum(file.stat().st_size for file in files))
    report(RestoreProgress(stage=RestoreStage.READ, total=total, detail=files[0].name))
    sha256 = await run_to_end(lambda: sha256_of(*files, check=abort.check), stop=abort.set)
    backup = await context.catalogue.backups.with_sha256(sha256)
    source = RestoreSource(files=tuple(files), backup=backup, in_order=True)
    async with private_folder(context.store.work) as temp:
        # A volume that was damaged on its way can be sent again; of an archive in one piece, what is sound is all.
        alone = len(files) == 1
        intake = await take_in(source, temp, keys=context.keys, leave_out_damaged=alone, abort=abort, report=report)
    sound = tuple(one.name for one in intake.databases) if intake.damaged else ()
    return _contents(intake, files, total, sha256, backup), replace(source, only=sound)


def _contents(intake: Intake, files: Sequence[Path], total: int, sha256: str, backup: Backup | None) -> UploadContents:
    manifest = intake.manifest
    return UploadContents(
        name=bare_name(files[0].name) if len(files) > 1 else files[0].name,
        bytes=total,
        sha256=sha256,
        volumes=len(files),
        bare=len(files) == 1 and is_bare_database(files[0]),
        ours=manifest is not None,
        proven=manifest is not None
        and not (intake.missing or intake.damaged)
        and all(one.record for one in intake.databases),
        made_at=manifest.created_at if manifest else None,
        host=manifest.host if manifest else "",
        databases=tuple(
            FoundDatabase(name=one.name, bytes=one.snapshot.bytes, rows=one.report.rows, verdict=one.report.verdict)
            for one in intake.databases
        ),
        skipped=manifest.skipped if manifest else (),
        warnings=intake.warnings,
        backup=backup,
    )
