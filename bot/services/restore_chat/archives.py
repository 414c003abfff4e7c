"""Opens the archive of a chat's restore: as it was uploaded, from the disk, or fetched from Telegram."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from loguru import logger

from bot.errors import NotFoundError
from bot.models import Backup, ReportRestore, RestoreProgress, RestoreStage
from bot.services.concurrency.abort import Abort
from bot.services.contracts.chats import Files
from bot.services.fetch.choice import point_of
from bot.services.fetch.fetch import fetch_archive
from bot.services.files.private_folder import private_folder
from bot.services.restore.context import RestoreContext
from bot.services.restore.sources import RestoreSource


async def open_archive(
    context: RestoreContext,
    files: Files | None,
    backup_id: int,
    fetched: AsyncExitStack,
    *,
    abort: Abort,
    report: ReportRestore,
) -> RestoreSource:
    """Return the archive of a backup; one fetched back with `files` is private, and gone when `fetched` ends.

    Raises `NotFoundError`, and what `fetch_archive` raises.
    """
    catalogue, store = context.catalogue, context.store
    backup = await catalogue.backups.get(backup_id)  # it may have been deleted since it was chosen
    file = store.folder / backup.archive_name
    if backup.sound and await asyncio.to_thread(file.is_file):
        return RestoreSource(files=(file,), backup=backup)
    point = await point_of(catalogue, backup)
    if files is None or point is None:
        raise nowhere(backup)
    logger.info("{} is not on the disk; it is fetched back from Telegram", backup.archive_name)
    scratch = await fetched.enter_async_context(private_folder(store.work))

    def tell(done: int, total: int) -> None:
        report(RestoreProgress(stage=RestoreStage.FETCH, done=done, total=total, detail=backup.archive_name))

    archive = await fetch_archive(files, point, scratch, abort=abort, progress=tell)
    return RestoreSource(files=(archive,), backup=backup)


def nowhere(backup: Backup) -> NotFoundError:
    """Return the error for an archive that is lost."""
    here = "damaged on the server's disk, and not" if backup.damaged else "neither on the server's disk nor"
    return NotFoundError(
        f"The archive of backup {backup.id} is {here} in the chats.", hint="Choose another backup in History."
    )
