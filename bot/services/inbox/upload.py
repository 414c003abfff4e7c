"""Follows one admin's upload from the first file to a proven archive: fetched, joined, checked, kept for a while."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from loguru import logger

from bot.errors import CourierError, MissingVolumesError, NotFoundError
from bot.models import Action, RestorePoint
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.chats import PostedDocument
from bot.services.contracts.destination import Outcome
from bot.services.fetch.choice import point_of
from bot.services.fetch.fetch import fetch_archive
from bot.services.fetch.recognition import archive_meant
from bot.services.inbox.context import InboxContext
from bot.services.inbox.fetching import UploadSpace, fetch_items
from bot.services.inbox.reading import prove, put_together
from bot.services.inbox.upload_files import UploadFiles
from bot.services.inbox.upload_view import (
    COLLECTING,
    LeftOutReason,
    PointListing,
    UploadContents,
    UploadEnd,
    UploadPhase,
    UploadView,
)
from bot.services.recovery.document import read_posted
from bot.services.restore.sources import RestoreSource


class Upload:
    """The documents of one admin that belong together, and what became of them.

    One job at a time works on it. What is called here returns at once, but for `close`; `changed` tells of news.
    """

    def __init__(self, context: InboxContext, admin_id: int, actor: str, *, after_restart: bool) -> None:
        self.id = secrets.token_hex(4)
        self.admin_id = admin_id
        self.albums: set[str] = set()
        self.touched = context.clock()
        self._context, self._actor = context, actor
        self._space = UploadSpace(context.store.work)
        self._files = UploadFiles()
        self._view = UploadView(
            id=self.id, admin_id=admin_id, version=1, phase=UploadPhase.FETCHING, after_restart=after_restart
        )
        self._change = asyncio.Event()
        self._jobs: deque[Callable[[], Awaitable[None]]] = deque()
        self._tasks = Nursery()
        self._fresh = False  # something came since it was last put together
        self._spent = False  # what comes next is another archive
        self._fetchable: RestorePoint | None = None

    # --- what is seen --------------------------------------------------------------------------------------------

    @property
    def phase(self) -> UploadPhase:
        return self._view.phase

    @property
    def collecting(self) -> bool:
        """Whether what is sent next may belong here."""
        return self.phase in COLLECTING and not self._spent

    @property
    def busy(self) -> bool:
        """Whether something is under way that ends by itself."""
        return self._tasks.busy

    @property
    def in_use(self) -> bool:
        """Whether somebody still needs it: a job, or a restore."""
        return self.busy or (bool(self._view.offer) and self._context.offers.holds(self._view.offer))

    @property
    def bytes(self) -> int:
        return self._files.bytes

    def view(self) -> UploadView:
        """Return how it stands now."""
        group, view = self._files.group, self._view
        if view.point is None:
            done, total = sum(item.done for item in group), sum(item.posted.bytes for item in group)
            view = replace(view, done=done, total=total)
        return replace(view, files=tuple(item.view() for item in group), left_out=self._files.aside)

    async def changed(self, since: int) -> None:
        """Return once its version is another one."""
        while self._view.version == since:
            await self._change.wait()

    def _show(self, phase: UploadPhase | None = None, **changes: Any) -> None:
        """Pass on to another phase, or tell news of this one: fields of the view. What is gone changes no more."""
        if self.phase is UploadPhase.GONE:
            return
        self.touched = self._context.clock()
        self._view = replace(self._view, phase=phase or self.phase, version=self._view.version + 1, **changes)
        self._change.set()
        self._change = asyncio.Event()

    # --- what is asked of it -------------------------------------------------------------------------------------

    def take(self, posted: PostedDocument) -> None:
        """Add a document that may be a file of the archive; one that is here already counts once."""
        if self._files.holds(posted):
            return
        if self._context.limit is not None and posted.bytes > self._context.limit:
            self.leave_out(posted, LeftOutReason.TOO_LARGE)
            self._go(partial(self._look_up, posted))
        elif len(self._files.items) >= self._context.most_files or self.bytes + posted.bytes > self._context.most_bytes:
            self.leave_out(posted, LeftOutReason.TOO_MUCH)
        else:
            self._files.add(posted, anew=self.phase is UploadPhase.REFUSED)  # those that are here do not fit together
            self._fresh = True
            self._show(UploadPhase.FETCHING)
            self._go(self._gather)

    def leave_out(self, posted: PostedDocument, why: LeftOutReason) -> None:
        """Note a document that is not fetched; without any other, that is all there is to say."""
        self._files.leave_out(posted, why)
        alone = not self._files.items and not self.busy and not self._spent
        self._show(UploadPhase.REFUSED if alone else None)

    def read_catalogue(self, posted: PostedDocument) -> None:
        """Read a catalogue document and list its restore points."""
        self._spent = True
        self._go(partial(self._list, posted))

    def choose(self, number: int) -> None:
        """Fetch one of the restore points that are listed. Raises `NotFoundError`."""
        points = self._view.listing.points if self._view.listing else ()
        if not 0 <= number < len(points):
            raise NotFoundError("There is no such restore point in this list.")
        self._go(partial(self._fetch_point, points[number]))

    def fetch_known(self) -> None:
        """Fetch the backup that a file over the limit seems to be. Raises `NotFoundError`."""
        if self._fetchable is None:
            raise NotFoundError("Telegram does not hold this backup in volumes that a bot can download.")
        self._go(partial(self._fetch_point, self._fetchable))

    def back(self) -> None:
        """Show the list again."""
        if self._view.listing is not None and not self.busy:
            self._withdraw()
            self._show(UploadPhase.LISTING, contents=None, problem=None, point=None)

    async def close(self, gone: UploadEnd) -> None:
        """End what is under way and remove every file; returns when nothing of it is left."""
        self._withdraw()
        self._show(UploadPhase.GONE, gone=gone)
        self._jobs.clear()
        await self._tasks.drain()
        await self._space.close()

    # --- the jobs ------------------------------------------------------------------------------------------------

    def _go(self, job: Callable[[], Awaitable[None]]) -> None:
        """Do a job after those under way."""
        self._jobs.append(job)
        if not self.busy:
            self._tasks.start(self._work(), failure=f"the files of upload {self.id} can't be removed")

    async def _work(self) -> None:
        while self._jobs:
            job = self._jobs.popleft()
            try:
                await job()
                continue
            except CourierError as error:
                problem = error
            except Outcome as outcome:
                problem = CourierError(f"It can't be fetched from Telegram: {outcome.sentence}.")
            except Exception:
                logger.exception("what admin {} sent could not be read", self.admin_id)
                self._spent = True
                problem = CourierError("Something went wrong with this file here; the log has the details.")
            logger.info("what admin {} sent is refused: {}", self.admin_id, problem.sentence)
            self._show(UploadPhase.REFUSED, problem=problem, progress=None)
            if self._spent:
                await self._space.keep_only(())  # nothing can become of it any more

    async def _gather(self) -> None:
        """Fetch what is not here yet; once it is whole, prove it."""
        if not self._fresh or not self.collecting:
            return
        await self._space.keep_only(self._files.items)
        while pending := [item for item in self._files.items if item.file is None]:
            self._fresh = False
            failed = await fetch_items(
                pending, self._space, self._context.chats, delay=self._context.delay, arrived=self._show
            )
            self._files.give_up(failed)
        if not self._files.items:
            self._show(UploadPhase.REFUSED)  # what was left out says why
            return
        self._files.keep_newest_whole()
        files = [item.file for item in self._files.group if item.file is not None]
        try:
            ordered = await put_together(files)
            if self._fresh:  # something came meanwhile, and the next job looks at all of it
                return
            self._spent = True
            await self._prove(ordered)
        except MissingVolumesError as error:  # of a sealed archive that shows only when it is opened
            self._spent = False
            self._show(None if self._fresh else UploadPhase.WAITING, problem=error, progress=None)

    async def _look_up(self, posted: PostedDocument) -> None:
        """See whether the catalogue knows what is too large to be fetched, by its file id or by its name."""
        catalogue, limit = self._context.catalogue, self._context.limit
        found = await catalogue.volumes.backup_with_file(posted.file_id)
        if found is None and (name := archive_meant(posted.name)):
            with suppress(NotFoundError):
                found = await catalogue.backups.find(name)
        if found is None or not found.proven:
            return
        point = await point_of(catalogue, found)
        if point is not None and limit is not None and any(volume.bytes > limit for volume in point.volumes):
            point = None
        self._fetchable = point
        self._show(known=found, fetchable=point is not None)

    async def _list(self, posted: PostedDocument) -> None:
        document = await read_posted(self._context.chats, posted)
        points = tuple(sorted(document.points, key=lambda point: point.at, reverse=True))
        listing = PointListing(points=points, written_at=document.written_at, ours=posted.ours)
        self._show(UploadPhase.LISTING, listing=listing)

    async def _fetch_point(self, point: RestorePoint) -> None:
        self._spent = True
        self._withdraw()
        self._files.drop(self._files.items)
        self._show(UploadPhase.FETCHING, point=point, done=0, total=point.bytes, contents=None, problem=None)
        await self._space.keep_only(())
        slot = await self._space.slot()
        file = await fetch_archive(
            self._context.chats,
            point,
            slot,
            delay=self._context.delay,
            progress=lambda done, _total: self._show(done=done),
        )
        await self._prove((file,))

    async def _prove(self, files: tuple[Path, ...]) -> None:
        audit, called = self._context.catalogue.service.audit, files[0].name
        self._show(UploadPhase.CHECKING, problem=None)
        try:
            async with self._context.turn:
                contents, source = await prove(
                    files, self._context, report=lambda progress: self._show(progress=progress)
                )
        except MissingVolumesError:
            raise
        except CourierError as error:
            await audit(self._actor, Action.ARCHIVE_REFUSED, ("archive", called), ("error", error.code))
            raise
        logger.info("admin {} sent {}: it is whole, sha256 {}", self.admin_id, called, contents.sha256[:16])
        await audit(self._actor, Action.ARCHIVE_SENT, ("archive", called), ("sha256", contents.sha256))
        offer = self._make_offer(contents, source)
        self._show(UploadPhase.READY, progress=None, contents=contents, offer=offer)

    def _make_offer(self, contents: UploadContents, source: RestoreSource) -> str:
        async def release() -> None:
            if offered == self._view.offer:
                await self.close(UploadEnd.RELEASED)

        offered = self._context.offers.offer(
            source,
            admin_id=self.admin_id,
            label=f"backup {contents.backup.id}" if contents.backup else contents.name,
            names=[database.name for database in contents.databases],
            release=release,
        )
        return offered

    def _withdraw(self) -> None:
        """Offer it no longer."""
        offered = self._view.offer
        self._view = replace(self._view, offer="")
        if offered:
            self._context.offers.withdraw(offered)
