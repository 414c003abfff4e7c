"""Puts in order what restores that were cut off have left, and reads from the journals what is to be said of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from loguru import logger

from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import CourierError, RestoreError
from bot.models import PendingRestore
from bot.services.catalogue import Catalogue
from bot.services.files.private_folder import sweep_private_folders
from bot.services.files.store import Store
from bot.services.restore.journal import IN_PLACE, TO_FOLDER, RecordState, RestoreJournal
from bot.words.actors import actor_words
from bot.words.restores import cut_off_words, source_words

SAID_FOR = timedelta(days=7)
"""How long a restore that was cut off is spoken of where no other one follows."""


class CutOffRestores:
    """The restores whose process has ended before them, this one's or another's."""

    def __init__(self, settings: Settings, store: Store, catalogue: Catalogue, *, clock: Clock) -> None:
        self._settings, self._store, self._catalogue, self._clock = settings, store, catalogue, clock
        self._trouble = ""

    async def settle(self) -> PendingRestore | None:
        """Put in order what one has left, and return that; see `pending_restore`. Where it can't be, it is logged."""
        try:
            pending = await self._settled()
        except (CourierError, OSError) as error:
            trouble = f"{error.sentence} {error.hint}".strip() if isinstance(error, CourierError) else str(error)
            if trouble != self._trouble:
                logger.error("a restore may have been cut off: {}", trouble)
            self._trouble = trouble
            return None
        self._trouble = ""
        return pending

    async def _settled(self) -> PendingRestore | None:
        if not await asyncio.to_thread(_may_be_cut_off, self._store):
            await sweep_private_folders(self._store.work)
            return None
        from bot.services.restore.context import RestoreContext  # noqa: PLC0415 - few starts find any
        from bot.services.restore.pending import pending_restore  # noqa: PLC0415

        context = RestoreContext.of(self._settings, self._store, self._catalogue, clock=self._clock)
        return await pending_restore(context)

    async def said(self) -> tuple[str, ...]:
        """Return what every command and screen says of them, and why one can't be put in order."""
        said = await asyncio.to_thread(cut_off_restores, self._store, self._clock(), self._settings.timezone)
        return tuple(dict.fromkeys((*said, *filter(None, [self._trouble]))))


def cut_off_restores(store: Store, now: datetime, timezone: ZoneInfo) -> tuple[str, ...]:
    """Return what every command and screen says of restores that were cut off: what they left, and what to do.

    Said until the next restore (one into the live databases, or one into a folder), or for a week; also that a journal
    can't be read. Blocking.
    """
    said = []
    for name in (IN_PLACE, TO_FOLDER):
        try:
            record = RestoreJournal(store.folder, name).read()
        except RestoreError as error:
            said.append(f"{error.sentence} {error.hint}")
            continue
        if record is None or now - record.started_at > SAID_FOR:
            continue
        if record.state is RecordState.UNDER_WAY and store.control != store.folder:  # nobody could put it in order here
            source, by = source_words(record.source, timezone), actor_words(record.requested_by)
            said.append(
                f"The restore from {source}, asked for by {by}, is under way or was cut off. The next command that can"
                f" write {store.folder} tells."
            )
        elif record.cut_off is not None:
            said.append(cut_off_words(record.cut_off, timezone, safety_id=record.safety_id))
    return tuple(said)


def _may_be_cut_off(store: Store) -> bool:
    """Tell whether a journal says that a restore is under way, or can't be read. Blocking."""
    try:
        records = [RestoreJournal(store.control, name).read() for name in (IN_PLACE, TO_FOLDER)]
    except RestoreError:
        return True
    return any(record is not None and record.state is RecordState.UNDER_WAY for record in records)
