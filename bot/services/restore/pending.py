"""Puts in order what a restore that was cut off by a kill has left, and reports it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from bot.errors import BusyError, CourierError, SnapshotError
from bot.models import Action, Actor, Database, PendingOutcome, PendingRestore, RestoreMethod, Trigger
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.locks import RunLock
from bot.services.files.private_folder import private_folder, sweep_private_folders
from bot.services.restore.context import RestoreContext
from bot.services.restore.journal import (
    IN_PLACE,
    TO_FOLDER,
    Record,
    RecordEntry,
    RecordState,
    RestoreJournal,
    RestorePhase,
)
from bot.services.restore.kept_copies import sweep_parts
from bot.services.restore.private_copy import fingerprint_of
from bot.services.restore.replacement import bring_back, is_new, swap_back
from bot.services.restore.unannounced import CUT_OFF
from bot.services.snapshot.snapshot import take_snapshot
from bot.services.snapshot.source import uri_of
from bot.services.snapshot.sqlite_faults import FAULTS
from bot.words.restores import cut_off_words


async def pending_restore(context: RestoreContext) -> PendingRestore | None:
    """Put the files of a restore in order that a dead process left, and say what each database is now.

    Each is the old one or the new one: SQLite rolls a half copy back, and files that were set aside come back where
    the new one is not complete. Told once; None where nothing was cut off or a restore is under way right now. To be
    called at every start. Raises `RestoreError` where the journal can't be read.
    """
    found = None
    for name in (IN_PLACE, TO_FOLDER):
        journal = RestoreJournal(context.store.control, name)
        record = await asyncio.to_thread(journal.read)
        if record is None or record.state is not RecordState.UNDER_WAY:
            continue
        lock = RunLock(context.store.control, clock=context.clock)
        try:
            async with lock.hold(trigger=Trigger.SAFETY, requested_by=Actor.START):
                record = await asyncio.to_thread(journal.read)
                if record is not None and record.state is RecordState.UNDER_WAY:
                    found = await _settle(context, journal, record, in_place=name == IN_PLACE)
        except BusyError:
            continue  # it is under way, and not cut off
    await sweep_private_folders(context.store.work)
    return found


async def _settle(
    context: RestoreContext, journal: RestoreJournal, record: Record, *, in_place: bool
) -> PendingRestore:
    outcomes = []
    await asyncio.to_thread(sweep_parts, context.store.folder)
    async with private_folder(context.store.work) as scratch:
        for entry in record.entries:
            try:
                outcomes.append((entry.name, await _outcome(context, entry, scratch)))
            except (CourierError, OSError, *FAULTS) as error:
                logger.error("{} can't be put in order: {}", entry.target, error)
                outcomes.append((entry.name, PendingOutcome.UNREADABLE))
    pending = PendingRestore(
        id=record.id,
        started_at=record.started_at,
        requested_by=record.requested_by,
        source=record.source,
        databases=tuple(outcomes),
        undoable=in_place and any(what is not PendingOutcome.OLD for _, what in outcomes),
    )
    await CUT_OFF.keep(context.catalogue, pending)  # first: better told twice than never
    await asyncio.to_thread(journal.write, replace(_settled(record, dict(outcomes)), cut_off=pending))
    logger.warning("{}", cut_off_words(pending, ZoneInfo(context.timezone), safety_id=record.safety_id))
    await context.catalogue.service.audit(
        record.requested_by, Action.RESTORE_CUT_OFF, *(("database", name) for name, _ in outcomes)
    )
    return pending


def _settled(record: Record, outcomes: dict[str, PendingOutcome]) -> Record:
    """The record as an undo reads it: what is as before needs none."""
    untouched = all(outcome is PendingOutcome.OLD for outcome in outcomes.values())
    phases = {
        name: RestorePhase.WAITING if what is PendingOutcome.OLD else RestorePhase.DONE
        for name, what in outcomes.items()
    }
    entries = tuple(replace(entry, phase=phases[entry.name]) for entry in record.entries)
    return replace(record, state=RecordState.ROLLED_BACK if untouched else RecordState.INTERRUPTED, entries=entries)


async def _outcome(context: RestoreContext, entry: RecordEntry, scratch: Path) -> PendingOutcome:
    if entry.phase is RestorePhase.WAITING:
        return PendingOutcome.OLD
    if entry.replacement is not None and entry.undoes is not None:  # moving files back: go on to the end
        await run_to_end(partial(swap_back, entry.undoes, entry.replacement, on_step=context.on_step), stop=bool)
        return PendingOutcome.NEW
    if entry.replacement is not None:
        new = await asyncio.to_thread(is_new, entry.replacement)
        await run_to_end(partial(bring_back, entry.replacement, even_if_new=False), stop=bool)
        return PendingOutcome.NEW if new else PendingOutcome.OLD
    return await _live_outcome(context, entry, scratch)


async def _live_outcome(context: RestoreContext, entry: RecordEntry, scratch: Path) -> PendingOutcome:
    """Let SQLite roll a half copy back, and compare what is there with both contents."""
    await run_to_end(partial(_recover, entry), stop=bool)
    try:
        snapshot = await take_snapshot(
            Database(path=Path(entry.target), name=entry.name),
            scratch,
            busy_timeout=context.busy_timeout,
            abort=Abort(),
            allow_journal_recovery=True,
            clock=context.clock,
        )
    except SnapshotError:
        return PendingOutcome.UNREADABLE if entry.old_fingerprint else PendingOutcome.OLD
    fingerprint = await asyncio.to_thread(fingerprint_of, snapshot.file)
    if fingerprint == entry.new_fingerprint:
        return PendingOutcome.NEW
    return PendingOutcome.OLD if fingerprint == entry.old_fingerprint else PendingOutcome.CHANGED


def _recover(entry: RecordEntry) -> None:
    """Open the target as its application would, which rolls back what was not committed; and give it its mode back."""
    if entry.method is not RestoreMethod.INTO_LIVE:
        return
    uri = uri_of(Path(entry.target), mode="rw")
    with suppress(*FAULTS), closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=1)) as live:
        (mode,) = live.execute("PRAGMA journal_mode").fetchone()
        live.execute("SELECT count(*) FROM sqlite_master")
        if mode != entry.journal_mode == "wal":
            live.execute("PRAGMA journal_mode=WAL")
