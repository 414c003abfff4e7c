"""Follows one admin's upload from the first file to a proven archive: fetched, joined, checked, kept for a while."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from loguru import logger

from bot.errors import CourierError, MissingVolumesError, NotFoundError
from bot.models import Backup, RestorePoint, RestoreProgress
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.chats import PostedDocument
from bot.services.contracts.destination import Outcome
from bot.services.fetch.fetch import fetch_archive
from bot.services.inbox.context import InboxContext
from bot.services.inbox.fetching import UploadSpace, fetch_items
from bot.services.inbox.lookup import fetchable_point, known_backup
from bot.services.inbox.reading import Proven, prove, put_together
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
from bot.services.recovery.reading import read_posted


class Upload:
    """The documents of one admin that belong together, and what became of them.

    One job at a time works on it. What is called here returns at once, but for `close`; `changed` tells of news.
    """

    def __init__(self, context: InboxContext, admin_id: int, actor: str, *, after_restart: bool) -> None:
        self.id = secrets.token_hex(4)
        self.admin_id = admin_id
        self.albums: set[str] = set()
        self.touched = context.clock()
        self._context = context
        self._actor = actor
        self._after_restart = after_restart
        self._space = UploadSpace(context.store.work)
        self._files = UploadFiles()
        self._phase = UploadPhase.FETCHING
        self._version = 1
        self._change = asyncio.Event()
        self._jobs: deque[Callable[[], Awaitable[None]]] = deque()
        self._tasks = Nursery()
        self._fresh = False  # something came since it was last put together
        self._spent = False  # what comes next is another archive
        self._progress: RestoreProgress | None = None
        self._problem: CourierError | None = None
        self._known: Backup | None = None
        self._fetchable: RestorePoint | None = None
        self._contents: UploadContents | None = None
        self._listing: PointListing | None = None
        self._point: RestorePoint | None = None
        self._point_done = 0
        self._offer = ""
        self._gone: UploadEnd | None = None

    # --- what is seen --------------------------------------------------------------------------------------------

    @property
    def phase(self) -> UploadPhase:
        return self._phase

    @property
    def collecting(self) -> bool:
        """Whether what is sent next may belong here."""
        return self._phase in COLLECTING and not self._spent

    @property
    def busy(self) -> bool:
        """Whether something is under way that ends by itself."""
        return self._tasks.busy

    @property
    def in_use(self) -> bool:
        """Whether somebody still needs it: a job, or a restore."""
        restores = self._context.restores
        return self.busy or (restores is not None and bool(self._offer) and restores.holds(self._offer))

    @property
    def bytes(self) -> int:
        return self._files.bytes

    def view(self) -> UploadView:
        """Return how it stands now."""
        group, point = self._files.group, self._point
        missing = self._problem if isinstance(self._problem, MissingVolumesError) else None
        return UploadView(
            id=self.id,
            admin_id=self.admin_id,
            version=self._version,
            phase=self._phase,
            files=tuple(item.view() for item in group),
            left_out=self._files.aside,
            done=self._point_done if point else sum(item.done for item in group),
            total=point.bytes if point else sum(item.posted.bytes for item in group),
            progress=self._progress,
            problem=self._problem,
            missing=missing.missing if missing else (),
            total_volumes=missing.total if missing else 0,
            known=self._known,
            fetchable=self._fetchable is not None,
            contents=self._contents,
            listing=self._listing,
            point=point,
            offer=self._offer,
            after_restart=self._after_restart,
            gone=self._gone,
            kept_for=self._context.kept_for,
        )

    async def changed(self, since: int) -> None:
        """Return once its version is another one."""
        while self._version == since:
            await self._change.wait()

    def _turn(self, phase: UploadPhase | None = None) -> None:
        """Pass on to another phase, or tell news of this one."""
        if self._phase is UploadPhase.GONE:
            return
        self._phase = phase or self._phase
        self.touched = self._context.clock()
        self._version += 1
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
            self._files.add(posted, anew=self._phase is UploadPhase.REFUSED)  # those that are here do not fit together
            self._fresh = True
            self._turn(UploadPhase.FETCHING)
            self._go(self._gather)

    def leave_out(self, posted: PostedDocument, why: LeftOutReason) -> None:
        """Note a document that is not fetched; without any other, that is all there is to say."""
        self._files.leave_out(posted, why)
        alone = not self._files.items and not self.busy and not self._spent
        self._turn(UploadPhase.REFUSED if alone else None)

    def read_catalogue(self, posted: PostedDocument) -> None:
        """Read a catalogue document and list its restore points."""
        self._spent = True
        self._go(partial(self._list, posted))

    def choose(self, number: int) -> None:
        """Fetch one of the restore points that are listed. Raises `NotFoundError`."""
        points = self._listing.points if self._listing else ()
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
        if self._listing is not None and not self.busy:
            self._withdraw()
            self._contents, self._problem, self._point = None, None, None
            self._turn(UploadPhase.LISTING)

    async def close(self, gone: UploadEnd) -> None:
        """End what is under way and remove every file; returns when nothing of it is left."""
        self._gone = self._gone or gone
        self._turn(UploadPhase.GONE)
        self._withdraw()
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
            except CourierError as error:
                self._refuse(error)
            except Outcome as outcome:
                self._refuse(CourierError(f"It can't be fetched from Telegram: {outcome.sentence}."))
            except Exception:
                logger.exception("what admin {} sent could not be read", self.admin_id)
                self._spent = True
                self._refuse(CourierError("Something went wrong with this file here; the log has the details."))
            if self._spent and self._phase is UploadPhase.REFUSED:
                await self._space.keep_only(())  # nothing can become of it any more

    def _refuse(self, error: CourierError) -> None:
        logger.info("what admin {} sent is refused: {}", self.admin_id, error.sentence)
        self._problem, self._progress = error, None
        self._turn(UploadPhase.REFUSED)

    async def _gather(self) -> None:
        """Fetch what is not here yet; once it is whole, prove it."""
        if not self._fresh or not self.collecting:
            return
        await self._space.keep_only(self._files.items)
        while pending := [item for item in self._files.items if item.file is None]:
            self._fresh = False
            failed = await fetch_items(
                pending, self._space, self._context.chats, delay=self._context.delay, arrived=self._turn
            )
            self._files.give_up(failed)
        if not self._files.items:
            self._turn(UploadPhase.REFUSED)  # what was left out says why
            return
        self._files.keep_newest_whole()
        files = [item.file for item in self._files.group if item.file is not None]
        try:
            ordered = await put_together(files, await self._space.slot(), unseal=self._context.unseal, abort=Abort())
            if self._fresh:  # something came meanwhile, and the next job looks at all of it
                return
            self._spent = True
            await self._prove(ordered, files[0].name)
        except MissingVolumesError as error:  # of a sealed archive that shows only when it is opened
            self._spent, self._problem, self._progress = False, error, None
            if not self._fresh:
                self._turn(UploadPhase.WAITING)

    async def _look_up(self, posted: PostedDocument) -> None:
        """See whether the catalogue knows what is too large to be fetched."""
        found = await known_backup(self._context.catalogue, posted)
        if found is not None:
            self._fetchable = await fetchable_point(self._context.catalogue, found, self._context.limit)
            self._known = found
            self._turn()

    async def _list(self, posted: PostedDocument) -> None:
        document = await read_posted(self._context.chats, posted)
        points = tuple(sorted(document.points, key=lambda point: point.at, reverse=True))
        self._listing = PointListing(points=points, written_at=document.written_at, ours=posted.ours)
        self._turn(UploadPhase.LISTING)

    async def _fetch_point(self, point: RestorePoint) -> None:
        def arrived(done: int, _total: int) -> None:
            self._point_done = done
            self._turn()

        self._spent = True
        self._withdraw()
        self._contents, self._problem = None, None
        self._point, self._point_done = point, 0
        self._files.drop(self._files.items)
        self._turn(UploadPhase.FETCHING)
        await self._space.keep_only(())
        slot = await self._space.slot()
        file = await fetch_archive(self._context.chats, point, slot, delay=self._context.delay, progress=arrived)
        await self._prove((file,), file.name)

    async def _prove(self, files: tuple[Path, ...], called: str) -> None:
        def report(progress: RestoreProgress) -> None:
            self._progress = progress
            self._turn()

        context = self._context
        self._problem = None
        self._turn(UploadPhase.CHECKING)
        try:
            async with context.turn:
                proven = await prove(
                    files, context.store.work, catalogue=context.catalogue, take_in=context.take_in,
                    abort=Abort(), report=report,
                )  # fmt: skip
        except MissingVolumesError:
            raise
        except CourierError as error:
            await context.catalogue.service.audit(self._actor, "sent an archive that was refused", error.sentence)
            raise
        found = proven.contents
        logger.info("admin {} sent {}: it is whole, sha256 {}", self.admin_id, called, found.sha256[:16])
        await context.catalogue.service.audit(self._actor, "sent an archive", f"{called}, SHA-256 {found.sha256}")
        self._progress, self._contents = None, found
        self._make_offer(proven)
        self._turn(UploadPhase.READY)

    def _make_offer(self, proven: Proven) -> None:
        if self._context.restores is None:
            return

        async def release() -> None:
            if offered == self._offer:
                await self.close(UploadEnd.RELEASED)

        contents = proven.contents
        self._offer = offered = self._context.restores.offer(
            proven.origin,
            admin_id=self.admin_id,
            label=f"backup {contents.backup.id}" if contents.backup else contents.name,
            names=[database.name for database in contents.databases],
            release=release,
        )

    def _withdraw(self) -> None:
        """Offer it no longer."""
        offered, self._offer = self._offer, ""
        if offered and self._context.restores is not None:
            self._context.restores.withdraw(offered)
