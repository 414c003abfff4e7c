"""Records a confirmed restore until its outcome was reported, so that a kill leaves no admin without an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from bot.errors import CourierError
from bot.models import PendingOutcome, PendingRestore, Reason
from bot.services.catalogue import Catalogue
from bot.services.restore.context import RestoreContext
from bot.services.restore.journal import Record, RecordState, RestoreJournal
from bot.services.restore.unannounced import CUT_OFF, Unannounced
from bot.services.restore_chat.pending_plans import ConfirmablePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """Who confirmed what."""

    at: datetime
    requested_by: str
    source: Reason
    databases: tuple[str, ...]


CONFIRMED = Unannounced[Confirmed]("confirmed restore", Confirmed)


async def note_confirmed(catalogue: Catalogue, pending: ConfirmablePlan, at: datetime) -> None:
    """Write down that a plan is being carried out, before anything is done."""
    plan = pending.prepared.plan
    confirmed = Confirmed(
        at=at,
        requested_by=pending.requester.name,
        source=plan.source,
        databases=tuple(change.name for change in plan.changes),
    )
    await CONFIRMED.keep(catalogue, confirmed)


async def forget_confirmed(catalogue: Catalogue, at: datetime) -> None:
    """Note that the outcome of the restore that was confirmed then was reported; a later one is still to be."""
    confirmed = await CONFIRMED.get(catalogue)
    if confirmed is not None and confirmed.at == at:
        await CONFIRMED.forget(catalogue)


async def settle_confirmed(context: RestoreContext) -> None:
    """At the start of a service: let the admins be told how a restore ended that its process did not live to tell.

    To be called after `pending_restore`, which sees to a restore that had begun; no restore may be under way.
    """
    confirmed = await CONFIRMED.get(context.catalogue)
    if confirmed is None or await CUT_OFF.get(context.catalogue) is not None:
        return
    try:
        record = await asyncio.to_thread(RestoreJournal(context.store.folder).read)
    except CourierError:  # it stands in the status already
        return
    if record is not None and (record.started_at < confirmed.at or record.requested_by != confirmed.requested_by):
        record = None  # of an earlier one: this one had written nothing yet
    await CUT_OFF.keep(context.catalogue, _end_of(confirmed, record))


def _end_of(confirmed: Confirmed, record: Record | None) -> PendingRestore:
    done = record is not None and record.state is RecordState.DONE
    outcome = PendingOutcome.NEW if done else PendingOutcome.OLD
    return PendingRestore(
        id=record.id if record is not None else "",
        started_at=confirmed.at,
        requested_by=confirmed.requested_by,
        source=confirmed.source,
        databases=tuple((name, outcome) for name in confirmed.databases),
        undoable=done,
    )
