"""Opens the archive of a chat's restore: as it was uploaded, from the disk, or fetched from Telegram."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from loguru import logger

from bot.errors import NotFoundError
from bot.models import Backup, RestorePoint, RestoreProgress, RestoreStage
from bot.services.catalogue import Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.contracts.chats import Files
from bot.services.fetch.fetch import fetch_archive
from bot.services.files.private_folder import private_folder
from bot.services.files.store import Store
from bot.services.restore.context import Report
from bot.services.restore.sources import RestoreSource
from bot.services.restore_chat.choices import RestoreChoice


class Archives:
    """Finds archives. `files` is where they are fetched back from, None where nobody talks to Telegram."""

    def __init__(self, catalogue: Catalogue, store: Store, files: Files | None) -> None:
        self._catalogue, self._store, self._files = catalogue, store, files

    async def has(self, backup: Backup) -> bool:
        """Tell whether the archive of a backup is on the disk, with nothing known against it, or in Telegram."""
        if not backup.proven:
            return False
        return backup.sound or (self._files is not None and await self._point(backup) is not None)

    async def origin(
        self, choice: RestoreChoice, fetched: AsyncExitStack, abort: Abort, report: Report
    ) -> RestoreSource:
        """Return the archive that was chosen; one fetched back is private, and gone when `fetched` ends.

        Raises `NotFoundError`, and what `fetch_archive` raises.
        """
        if choice.offer is not None:
            return choice.offer.origin
        backup = await self._catalogue.backups.get(int(choice.source[1:]))  # it may have been deleted since
        file = self._store.folder / backup.archive_name
        if backup.sound and await asyncio.to_thread(file.is_file):
            return RestoreSource(files=(file,), backup=backup)
        point = await self._point(backup)
        if self._files is None or point is None:
            raise nowhere(backup)
        logger.info("{} is not on the disk; it is fetched back from Telegram", backup.archive_name)
        room = await fetched.enter_async_context(private_folder(self._store.work))

        def tell(done: int, total: int) -> None:
            report(RestoreProgress(stage=RestoreStage.FETCH, done=done, total=total, detail=backup.archive_name))

        archive = await fetch_archive(self._files, point, room, abort=abort, progress=tell)
        return RestoreSource(files=(archive,), backup=backup)

    async def _point(self, backup: Backup) -> RestorePoint | None:
        points = await self._catalogue.restore_points.select()
        same = (backup.archive_name, backup.archive_sha256)
        return next((point for point in points if (point.archive, point.sha256) == same), None)


def nowhere(backup: Backup) -> NotFoundError:
    """Return the error for an archive that is lost."""
    here = "damaged on the server's disk, and not" if backup.damaged else "neither on the server's disk nor"
    return NotFoundError(
        f"The archive of backup {backup.id} is {here} in the chats.",
        hint="Choose another backup in History.",
    )
