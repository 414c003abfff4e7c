"""Receives what admins send to the bot in private: one upload for each admin, bounded and swept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial

from loguru import logger

from bot.clock import Clock, utc_now
from bot.errors import CourierError, NotFoundError
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Chats, PostedDocument
from bot.services.fetch.recognition import CLOUD_LIMIT, Kind, recognise
from bot.services.files.private_folder import sweep_private_folders
from bot.services.files.store import Store
from bot.services.inbox.collection import Upload
from bot.services.inbox.means import InboxContext, RestoreOffers
from bot.services.inbox.seen import LeftOutReason, UploadEnd, UploadPhase, UploadView
from bot.services.inbox.unseal import unseal
from bot.services.restore.intake import take_in
from bot.services.restore.volumes import MAX_VOLUMES
from bot.services.sealing.keys import NO_KEYS, Keys

KEPT_FOR = 30 * 60.0
"""Seconds that a collection is kept after it was last touched."""

MOST_BYTES = 8 << 30
"""Bytes that the files of one collection may have together."""

MOST_EACH = 3
"""Collections of one admin: archives that are ready to be restored, and the one under way."""

LOOK_EVERY = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a document: the collection it went to, empty for none, and whether that was opened for it.

    `why` says why it went nowhere.
    """

    collection: str = ""
    opened: bool = False
    why: LeftOutReason | None = None


class Inbox:
    """Takes what admins send, and keeps for each of them what may become an archive.

    Everything is in memory and in private folders that the next start sweeps: a restart forgets it, and says so.
    """

    def __init__(
        self,
        chats: Chats,
        store: Store,
        catalogue: Catalogue,
        *,
        limit: int | None = CLOUD_LIMIT,
        keys: Keys = NO_KEYS,
        restores: RestoreOffers | None = None,
        clock: Clock = utc_now,
        kept_for: float = KEPT_FOR,
        most_files: int = MAX_VOLUMES,
        most_bytes: int = MOST_BYTES,
        delay: float = 2.0,
    ) -> None:
        """`limit` is the size that a bot can download (None: any). Without `keys` nothing called sealed is fetched."""
        self._means = InboxContext(
            chats=chats,
            store=store,
            catalogue=catalogue,
            clock=clock,
            limit=limit,
            unseal=unseal,
            take_in=partial(take_in, keys=keys),
            restores=restores,
            delay=delay,
            kept_for=kept_for,
            most_files=most_files,
            most_bytes=most_bytes,
        )
        self._opens_sealed = bool(keys)
        self._collections: dict[str, Upload] = {}  # oldest first
        self._lost: frozenset[int] = frozenset()  # whose files a restart has cost
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stopped = False

    # --- what is sent --------------------------------------------------------------------------------------------

    def receive(self, admin_id: int, posted: PostedDocument, *, actor: str, album: str | None = None) -> Accepted:
        """Take a document, or say why not; what becomes of it is seen by `look`. Returns at once."""
        if self._stopped:
            return Accepted(why=LeftOutReason.STOPPING)
        current = self._current(admin_id)
        kind = recognise(posted.name, posted.mime)
        if kind in (Kind.OTHER, Kind.DATABASE):
            why = LeftOutReason.BARE_DATABASE if kind is Kind.DATABASE else LeftOutReason.NOT_TAKEN
            beside = self._of_album(admin_id, album)
            if beside is None:
                return Accepted(why=why)
            beside.leave_out(posted, why)
            return Accepted(collection=beside.id)
        if kind is Kind.CATALOGUE and current is not None and current.bytes:
            current.leave_out(posted, LeftOutReason.CATALOGUE)
            return Accepted(collection=current.id)
        opened = current is None or kind is Kind.CATALOGUE
        if current is None or opened:
            current = self._open(admin_id, actor)
        if album is not None:
            current.albums.add(album)
        if kind is Kind.CATALOGUE:
            current.read_catalogue(posted)
        elif kind is Kind.SEALED and not self._opens_sealed:
            current.leave_out(posted, LeftOutReason.SEALED)
        else:
            current.take(posted)
        return Accepted(collection=current.id, opened=opened)

    def _current(self, admin_id: int) -> Upload | None:
        """The collection that what this admin sends next may belong to."""
        mine = [one for one in self._collections.values() if one.admin_id == admin_id]
        return mine[-1] if mine and mine[-1].collecting else None

    def _of_album(self, admin_id: int, album: str | None) -> Upload | None:
        """The collection that other items of an album went to."""
        mine = [
            one for one in self._collections.values() if one.admin_id == admin_id and one.phase is not UploadPhase.GONE
        ]
        return next((one for one in reversed(mine) if album is not None and album in one.albums), None)

    def _open(self, admin_id: int, actor: str) -> Upload:
        mine = [one for one in self._collections.values() if one.admin_id == admin_id]
        for old in mine[: max(0, len(mine) + 1 - MOST_EACH)]:
            self._behind(self._close(old, UploadEnd.REPLACED))
        collection = Upload(self._means, admin_id, actor, after_restart=admin_id in self._lost)
        self._lost -= {admin_id}
        self._collections[collection.id] = collection
        self._note()
        return collection

    # --- what is seen and asked ----------------------------------------------------------------------------------

    def look(self, collection_id: str) -> UploadView | None:
        """Return a collection as it stands, None when it is not known, or no more."""
        found = self._collections.get(collection_id)
        return found.seen() if found else None

    def collection(self, collection_id: str) -> Upload | None:
        """Return a collection to be followed to its end, None when it is not known."""
        return self._collections.get(collection_id)

    def choose(self, admin_id: int, collection_id: str, number: int) -> None:
        """Fetch one of the restore points that a catalogue document lists. Raises `NotFoundError`."""
        self._find(admin_id, collection_id).choose(number)

    def fetch_known(self, admin_id: int, collection_id: str) -> None:
        """Fetch the backup that a file over the limit seems to be, by its volumes. Raises `NotFoundError`."""
        self._find(admin_id, collection_id).fetch_known()

    def back(self, admin_id: int, collection_id: str) -> None:
        """Show the restore points again. Raises `NotFoundError`."""
        self._find(admin_id, collection_id).back()

    async def forget(self, admin_id: int, collection_id: str) -> None:
        """Remove a collection with its files. Raises `NotFoundError`."""
        await self._close(self._find(admin_id, collection_id), UploadEnd.FORGOTTEN)

    def _find(self, admin_id: int, collection_id: str) -> Upload:
        found = self._collections.get(collection_id)
        if found is None or found.admin_id != admin_id or found.phase is UploadPhase.GONE:
            raise NotFoundError("What you sent is no longer here.", hint="Send it again.")
        return found

    # --- the beginning and the end -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Sweep what a killed process left, and begin to let go what nobody comes back for."""
        for path in await sweep_private_folders(self._means.store.work):
            logger.warning("swept {}", path)
        lost, at = await self._means.catalogue.was_collecting()
        if at is not None and (self._means.clock() - at).total_seconds() < 2 * self._means.kept_for:
            self._lost = lost
        self._watch = asyncio.create_task(self._keep_watch(), name="inbox")

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.expire()
            except Exception as error:  # the catalogue, the disk: looked at again in a while
                logger.opt(exception=not isinstance(error, CourierError)).warning("the inbox: {}", error)

    async def expire(self) -> None:
        """Let go every collection that nobody touched for a while, unless something is still being done with it."""
        now = self._means.clock()
        for one in tuple(self._collections.values()):
            idle = (now - one.touched).total_seconds()
            if one.phase is UploadPhase.GONE or (not one.in_use and idle >= self._means.kept_for):
                await self._close(one, UploadEnd.EXPIRED)

    async def stop(self) -> None:
        """Take nothing more, end what is under way, and remove every file."""
        self._stopped = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await asyncio.gather(*(self._close(one, UploadEnd.STOPPED) for one in tuple(self._collections.values())))
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _close(self, collection: Upload, gone: UploadEnd) -> None:
        await collection.close(gone)
        self._collections.pop(collection.id, None)
        if not self._stopped:  # what a stop removes is to be known at the next start
            self._note()

    def _note(self) -> None:
        """Write down whose files are here, for the next start; nobody waits for it."""
        admins = {one.admin_id for one in self._collections.values() if one.phase is not UploadPhase.GONE}
        self._behind(self._means.catalogue.set_collecting(admins))

    def _behind(self, work: Coroutine[None, None, None]) -> None:
        async def quietly() -> None:
            try:
                await work
            except CourierError as error:
                logger.warning("the inbox: {}", error.sentence)

        task = asyncio.create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
