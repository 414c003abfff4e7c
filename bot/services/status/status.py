"""Reads the state of the service from the catalogue, for the dashboard and for other processes alike."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.config.settings import Settings
from bot.models import (
    NO_REASON,
    Backup,
    Cause,
    DatabaseStatus,
    Heartbeat,
    Override,
    Reason,
    RunInProgress,
    ServiceState,
    SkipReason,
    Status,
    SuccessRate,
    because,
)
from bot.services.catalogue import Catalogue
from bot.services.people.people import People
from bot.services.schedule.missed import read_missed
from bot.services.schedule.plan import SchedulePlan
from bot.services.schedule.scheduler import planned_times
from bot.services.schedule.staleness import is_why, too_old_at
from bot.services.snapshot.databases import Discovery

HEARTBEAT_EVERY = 15.0
"""Seconds between two signs of life."""

HEARTBEAT_STALE = timedelta(seconds=90)
"""Six missed signs of life: a loaded machine may be late with one, hardly with six."""


def service_state(
    heartbeat: Heartbeat | None, paused: Override | None, *, now: datetime, planned: bool
) -> tuple[ServiceState, Reason]:
    """Tell whether scheduled backups happen, and why not.

    Running: the heartbeat is fresh and a next run is planned. Stopped: paused, or shut down cleanly. Unknown:
    the heartbeat is stale or there is none.
    """
    if heartbeat is None:
        return ServiceState.UNKNOWN, Reason(Cause.NEVER_STARTED)
    if heartbeat.stopped:
        return ServiceState.STOPPED, Reason(Cause.SHUT_DOWN)
    age = now - heartbeat.at
    if age > HEARTBEAT_STALE:
        return ServiceState.UNKNOWN, Reason(Cause.NO_SIGN_OF_LIFE)
    if age < -HEARTBEAT_STALE:
        return ServiceState.UNKNOWN, Reason(Cause.SIGN_OF_LIFE_AHEAD)
    if paused is not None:
        return ServiceState.STOPPED, because(Cause.PAUSED, by=paused.set_by)
    if not planned:
        return ServiceState.UNKNOWN, Reason(Cause.NOTHING_PLANNED)
    return ServiceState.RUNNING, NO_REASON


async def read_status(
    catalogue: Catalogue,
    settings: Settings,
    people: People,
    plan: SchedulePlan,
    *,
    discovery: Discovery,
    now: datetime,
    running: RunInProgress | None,
    warnings: Sequence[Reason],
) -> Status:
    """Read everything `Backup Status` shows; changes nothing."""
    heartbeat, paused = await catalogue.service.heartbeat(), plan.paused
    next_run_at = heartbeat.next_run_at if heartbeat is not None and not heartbeat.stopped else None
    if next_run_at is not None and paused is not None and paused.until is not None:
        left_out = next(planned_times(plan.expression, settings.timezone, paused.set_at))
        next_run_at = min(next_run_at, paused.until) if left_out <= paused.until else next_run_at
    state, reason = service_state(heartbeat, paused, now=now, planned=next_run_at is not None)
    latest = await catalogue.backups.latest_run()
    proven = await catalogue.backups.latest_proven()
    deliveries = await catalogue.deliveries.of(proven.id) if proven else ()
    lost = await catalogue.archives.lost()
    timezone, allowed = settings.timezone, settings.stale_after
    stale = proven is not None and now > too_old_at(proven.started_at, plan.expression, timezone, allowed)
    last = max((run.started_at for run in (latest, proven) if run is not None), default=now)
    off = await catalogue.service.was_off() if stale else None
    day, week = now - timedelta(days=1), now - timedelta(days=7)
    missed = await read_missed(catalogue, plan, timezone, min(week, last), now)

    async def rate(since: datetime) -> SuccessRate:
        (ok, runs), lacking = await catalogue.backups.success_since(since), sum(at > since for at in missed)
        return SuccessRate(ok=ok, total=runs + lacking, missed=lacking)

    return Status(
        state=state,
        state_reason=reason,
        now=now,
        heartbeat=heartbeat,
        next_run_at=None if paused and paused.until is None else next_run_at,
        schedule=plan.expression,
        paused=paused,
        running=running,
        latest=latest,
        latest_proven=proven,
        stale=stale,
        missed=sum(at > last for at in missed) if stale and paused is None else 0,
        off=off if off is not None and is_why(off, last, now, plan.expression, timezone) else None,
        latest_deliveries=deliveries,
        in_telegram=proven is not None and not deliveries and await catalogue.restore_points.holds(proven.id),
        lost=tuple(one for one in lost if not one.let_go),
        databases=await _databases(
            catalogue, discovery, latest, nowhere={one.backup_id for one in lost if not one.can_be_had}
        ),
        recipients=await people.statuses(people.recipients),
        day=await rate(day),
        week=await rate(week),
        warnings=tuple(warnings),
        last_drill=await catalogue.drills.last(),
        restore_proven=await catalogue.drills.last(ok_only=True),
        alarms=await catalogue.alarms.open(),
        overridden=plan.override,
        setting=plan.setting,
        server=settings.server_name,
        receives=settings.receive,
    )


async def _databases(
    catalogue: Catalogue, discovery: Discovery, latest: Backup | None, *, nowhere: Collection[int]
) -> tuple[DatabaseStatus, ...]:
    """Every configured database, then those in a backup that are no longer configured and that nobody has let go.

    Backups that can be had `nowhere` any more count as none.
    """
    newest = {
        name: backup
        for name, backup in (await catalogue.backups.latest_by_database()).items()
        if backup.id not in nowhere
    }
    skipped = latest.skipped if latest else ()
    trouble = {one.name: one.why for one in skipped}
    reasons = {one.name: one.reason for one in skipped}
    found: dict[str, DatabaseStatus] = {}
    for database in discovery.databases:
        found[database.name] = _status(
            database.name,
            database.path,
            newest.get(database.name),
            trouble.get(database.name, NO_REASON),
            skipped=reasons.get(database.name),
            size=await asyncio.to_thread(_size, database.path),
        )
    for missing in discovery.missing:
        name = missing.database.name
        last = newest.get(name)
        found.setdefault(
            name, _status(name, missing.database.path, last, missing.why, skipped=missing.reason, size=None)
        )
    let_go = await catalogue.databases.let_go_names()
    for name, backup in newest.items():
        if name not in found and name not in let_go:
            path = next(entry.path for entry in backup.databases if entry.name == name)
            found[name] = replace(_status(name, Path(path), backup, NO_REASON, skipped=None, size=None), retired=True)
    return tuple(found.values())


def _status(
    name: str, path: Path, last: Backup | None, trouble: Reason, *, skipped: SkipReason | None, size: int | None
) -> DatabaseStatus:
    entry = next((entry for entry in last.databases if entry.name == name), None) if last else None
    if entry is not None and size is not None:
        size = entry.bytes  # the file alone may lack what lies in its log
    return DatabaseStatus(
        name=name,
        path=str(path),
        bytes=size,
        last=last,
        verdict=entry.verdict if entry else None,
        trouble=trouble,
        skipped=skipped,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
