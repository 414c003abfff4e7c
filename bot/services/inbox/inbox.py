"""Receives what admins send to the bot in private: one upload for each admin, bounded and swept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from loguru import logger

from bot.errors import NotFoundError
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.chats import PostedDocument
from bot.services.fetch.recognition import Kind, recognise
from bot.services.files.private_folder import sweep_private_folders
from bot.services.inbox.context import InboxContext
from bot.services.inbox.upload import Upload
from bot.services.inbox.upload_view import KEPT_FOR, LeftOutReason, UploadEnd, UploadPhase

MOST_EACH = 3
"""Uploads of one admin: archives that are ready to be restored, and the one under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a document: the upload it went to, empty for none, and whether that was opened for it.

    `why` says why it went nowhere.
    """

    upload: str = ""
    opened: bool = False
    why: LeftOutReason | None = None


class Inbox:
    """Takes what admins send, and keeps for each of them what may become an archive.

    Everything is in memory and in private folders that the next start sweeps: a restart forgets it, and says so.
    """

    def __init__(self, context: InboxContext) -> None:
        self._context = context
        self._uploads: dict[str, Upload] = {}  # oldest first
        self._lost: frozenset[int] = frozenset()  # whose files a restart has cost
        self._tasks = Nursery()
        self._stopped = False

    # --- what is sent --------------------------------------------------------------------------------------------

    def receive(self, admin_id: int, posted: PostedDocument, *, actor: str, album: str | None = None) -> Accepted:
        """Take a document, or say why not; what becomes of it is seen by `upload`. Returns at once."""
        if self._stopped:
            return Accepted(why=LeftOutReason.STOPPING)
        current = self._current(admin_id)
        kind = recognise(posted.name, posted.mime)
        if kind in (Kind.OTHER, Kind.SIDECAR):
            why = LeftOutReason.SIDECAR if kind is Kind.SIDECAR else LeftOutReason.NOT_TAKEN
            beside = self._of_album(admin_id, album)
            if beside is None:
                return Accepted(why=why)
            beside.leave_out(posted, why)
            return Accepted(upload=beside.id)
        if kind is Kind.CATALOGUE and current is not None and current.bytes:
            current.leave_out(posted, LeftOutReason.CATALOGUE)
            return Accepted(upload=current.id)
        opened = current is None or kind is Kind.CATALOGUE
        if current is None or opened:
            current = self._open(admin_id, actor)
        if album is not None:
            current.albums.add(album)
        if kind is Kind.CATALOGUE:
            current.read_catalogue(posted)
        elif kind is Kind.SEALED and not self._context.keys:
            current.leave_out(posted, LeftOutReason.SEALED)
        else:
            current.take(posted)
        return Accepted(upload=current.id, opened=opened)

    def _current(self, admin_id: int) -> Upload | None:
        """The upload that what this admin sends next may belong to."""
        mine = [one for one in self._uploads.values() if one.admin_id == admin_id]
        return mine[-1] if mine and mine[-1].collecting else None

    def _of_album(self, admin_id: int, album: str | None) -> Upload | None:
        """The upload that other items of an album went to."""
        mine = [one for one in self._uploads.values() if one.admin_id == admin_id and one.phase is not UploadPhase.GONE]
        return next((one for one in reversed(mine) if album is not None and album in one.albums), None)

    def _open(self, admin_id: int, actor: str) -> Upload:
        mine = [one for one in self._uploads.values() if one.admin_id == admin_id]
        for old in mine[: max(0, len(mine) + 1 - MOST_EACH)]:
            self._tasks.start(self._close(old, UploadEnd.REPLACED), failure="the inbox")
        upload = Upload(self._context, admin_id, actor, after_restart=admin_id in self._lost)
        self._lost -= {admin_id}
        self._uploads[upload.id] = upload
        self._note()
        return upload

    # --- what is seen and asked ----------------------------------------------------------------------------------

    def upload(self, upload_id: str) -> Upload | None:
        """Return an upload to be followed to its end, None when it is not known."""
        return self._uploads.get(upload_id)

    async def forget(self, admin_id: int, upload_id: str) -> None:
        """Remove an upload with its files. Raises `NotFoundError`."""
        await self._close(self.find(admin_id, upload_id), UploadEnd.FORGOTTEN)

    def find(self, admin_id: int, upload_id: str) -> Upload:
        """Return an upload of this admin that is still here. Raises `NotFoundError`."""
        found = self._uploads.get(upload_id)
        if found is None or found.admin_id != admin_id or found.phase is UploadPhase.GONE:
            raise NotFoundError("What you sent is no longer here.", hint="Send it again.")
        return found

    # --- the beginning and the end -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Sweep what a killed process left."""
        for path in await sweep_private_folders(self._context.store.work):
            logger.warning("swept {}", path)
        lost, at = await self._context.catalogue.inbox.was_collecting()
        if at is not None and (self._context.clock() - at).total_seconds() < 2 * KEPT_FOR:
            self._lost = lost

    async def expire(self) -> None:
        """Let go every upload that nobody touched for a while, unless something is still being done with it.

        The service asks for it every few seconds.
        """
        now = self._context.clock()
        for one in tuple(self._uploads.values()):
            idle = (now - one.touched).total_seconds()
            if one.phase is UploadPhase.GONE or (not one.in_use and idle >= KEPT_FOR):
                await self._close(one, UploadEnd.EXPIRED)

    async def stop(self) -> None:
        """Take nothing more, end what is under way, and remove every file."""
        self._stopped = True
        await asyncio.gather(*(self._close(one, UploadEnd.STOPPED) for one in tuple(self._uploads.values())))
        await self._tasks.over()

    async def _close(self, upload: Upload, gone: UploadEnd) -> None:
        await upload.close(gone)
        self._uploads.pop(upload.id, None)
        if not self._stopped:  # what a stop removes is to be known at the next start
            self._note()

    def _note(self) -> None:
        """Write down whose files are here, for the next start; nobody waits for it."""
        admins = {one.admin_id for one in self._uploads.values() if one.phase is not UploadPhase.GONE}
        self._tasks.start(self._context.catalogue.inbox.set_collecting(admins), failure="the inbox")
