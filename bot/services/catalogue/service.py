"""Stores the service's own state: its heartbeat, settings made in chat, the audit log, the last planned run."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.models import Action, Facts, Heartbeat, Override
from bot.services.catalogue.connection import CatalogueConnection, CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text, as_time, columns_of

FAR_AHEAD = timedelta(days=2)
"""More than a daily run is late, less than an archive's age by default."""

LEAP_DOUBTED = timedelta(days=1)
_LEAPT = "clock_leapt"
_OFF_FROM = "off_from"
_FOLLOWED = "followed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something an admin did, with what is to be known of it."""

    at: datetime
    actor: str
    action: Action
    facts: Facts = ()

    def fact(self, name: str) -> str:
        """Return a fact; empty where it is not known."""
        return next((str(value) for key, value in self.facts if key == name), "")


class ServiceTable(CatalogueTable):
    """The rows of heartbeat, overrides, audit and meta."""

    def __init__(self, db: CatalogueConnection) -> None:
        super().__init__(db)
        self._unwritten: Heartbeat | None = None

    async def beat(
        self, *, pid: int, started_at: datetime, next_run_at: datetime | None, stopped: bool = False
    ) -> None:
        """Record the service's sign of life now; `stopped` says that it ended cleanly.

        This process knows it also where it can't be written: on a full disk.
        """
        now = self._db.clock()
        beat = Heartbeat(at=now, pid=pid, started_at=started_at, next_run_at=next_run_at, stopped=stopped)
        self._unwritten = beat
        await self._beat(beat)
        self._unwritten = None

    @writing
    async def _beat(self, beat: Heartbeat) -> None:
        now = beat.at
        last = await self._db.value(as_time, "SELECT at FROM heartbeat")
        if last is not None and now - last > FAR_AHEAD:
            await self._db.set_meta(_LEAPT, now)
        before = await self._heartbeat()
        if before is not None and before.started_at != beat.started_at:
            await self._db.set_meta(_OFF_FROM, before.at)
        await self._db.upsert("heartbeat", "id", id=1, **columns_of(beat))

    @writing
    async def clock_leapt(self) -> bool:
        """Tell whether the clock stands far ahead of the last sign of life, or did so less than a day ago.

        Either the machine was off for long, or its clock is wrong: a day shows which, before anything is deleted by
        its age. A sign of life is a heartbeat, or an earlier run, where the service was killed and runs go on by hand.
        """
        now = self._db.clock()
        leapt = await self._db.meta(as_time, _LEAPT)
        if leapt is not None and timedelta() <= now - leapt < LEAP_DOUBTED:
            return True
        beat = await self._heartbeat()
        if beat is None or beat.stopped:
            return False
        earlier = await self._db.value(
            as_time,
            "SELECT max(started_at) FROM backups WHERE started_at <= ? AND id < (SELECT max(id) FROM backups)",
            now,
        )
        if now - max(beat.at, earlier or beat.at) <= FAR_AHEAD:
            return False
        await self._db.set_meta(_LEAPT, now)
        return True

    @reading
    async def heartbeat(self) -> Heartbeat | None:
        """Return the last sign of life, this process's own also where it could not be written."""
        return self._unwritten or await self._heartbeat()

    @reading
    async def was_off(self) -> tuple[datetime, datetime] | None:
        """Return from when to when the service was not running before it was started last; None before its second."""
        beat, since = await self._heartbeat(), await self._db.meta(as_time, _OFF_FROM)
        return None if beat is None or since is None else (since, beat.started_at)

    async def _heartbeat(self) -> Heartbeat | None:
        return await self._db.model(Heartbeat, "SELECT * FROM heartbeat")

    @writing
    async def set_override(self, name: str, value: str, set_by: str, until: datetime | None = None) -> None:
        """Let a value win over the setting of that name, for good or until an instant."""
        override = Override(name=name, value=value, set_by=set_by, set_at=self._db.clock(), until=until)
        await self._db.upsert("overrides", "name", **columns_of(override))

    @writing
    async def clear_override(self, name: str) -> None:
        """Let the setting hold again; nothing happens when there is no override."""
        await self._db.execute("DELETE FROM overrides WHERE name = ?", name)

    @reading
    async def overrides(self) -> dict[str, Override]:
        """Return the overrides in force by name; one whose time is over is left out."""
        in_force = await self._db.models(
            Override, "SELECT * FROM overrides WHERE until IS NULL OR until > ? ORDER BY name", self._db.clock()
        )
        return {override.name: override for override in in_force}

    @writing
    async def audit(self, actor: str, action: Action, *facts: tuple[str, str | int]) -> None:
        """Record what an admin did, now."""
        await self._db.insert("audit", at=self._db.clock(), actor=actor, action=action, facts=facts)

    @reading
    async def audits(self, limit: int = 50, offset: int = 0) -> tuple[AuditEntry, ...]:
        """Return what admins did, newest first."""
        return await self._db.models(AuditEntry, "SELECT * FROM audit ORDER BY id DESC LIMIT ? OFFSET ?", limit, offset)

    @reading
    async def unannounced(self, about: str = "untold") -> str:
        """Return what the admins have yet to be told of restores, as JSON; empty where nothing is.

        `about` is one of a restore that was cut off (unless said otherwise), or of those done by hand.
        """
        return await self._db.meta(str, about) or ""

    @writing
    async def set_unannounced(self, what: str, about: str = "untold") -> None:
        await self._db.set_meta(about, what)

    @writing
    async def follow(self, rule: str) -> None:
        """Record that runs are due by this rule from now on, unless they were already."""
        if (await self._followed())[0] != rule:
            await self._db.set_meta(_FOLLOWED, json.dumps([rule, as_text(self._db.clock())]))

    @reading
    async def followed_since(self, rule: str) -> datetime | None:
        """Return since when runs are due by this rule; None where they are due by another, or were never."""
        followed, since = await self._followed()
        return as_time(since) if followed == rule else None

    async def _followed(self) -> tuple[str, str]:
        rule, since = await self._db.meta(json.loads, _FOLLOWED) or ("", "")
        return rule, since

    @reading
    async def pauses(self) -> tuple[tuple[datetime, datetime], ...]:
        """Return from when to when scheduled runs were or are paused, as admins did it, oldest first."""
        acts = await self._db.models(
            AuditEntry, "SELECT * FROM audit WHERE action IN (?, ?) ORDER BY id", Action.PAUSED, Action.RESUMED
        )
        ends = (*(act.at for act in acts[1:]), datetime.max.replace(tzinfo=UTC))
        return tuple(
            (act.at, min(end, _until(act) or end))
            for act, end in zip(acts, ends, strict=False)
            if act.action is Action.PAUSED
        )

    @reading
    async def last_planned(self) -> datetime | None:
        """Return the last run time that the scheduler honoured."""
        return await self._db.meta(as_time, "last_planned")

    @writing
    async def set_last_planned(self, at: datetime) -> None:
        await self._db.set_meta("last_planned", at)


def _until(act: AuditEntry) -> datetime | None:
    """Return when a pause was to end; None where it was not said, or in a form of earlier versions."""
    with suppress(ValueError):
        until = as_time(act.fact("until"))
        return until if until.tzinfo is not None else None
    return None
