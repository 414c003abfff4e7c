"""Stores the service's own state: its heartbeat, settings made in chat, the audit log, the last planned run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.models import Heartbeat, Override
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text, as_text_or_none, as_time, as_time_or_none

FAR_AHEAD = timedelta(days=2)
"""More than a daily run is late, less than an archive's age by default."""

LEAP_DOUBTED = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something an admin did."""

    at: datetime
    actor: str
    action: str
    detail: str = ""


class ServiceTable(CatalogueTable):
    """The rows of heartbeat, overrides, audit and meta."""

    @writing
    async def beat(
        self, *, pid: int, started_at: datetime, next_run_at: datetime | None, stopped: bool = False
    ) -> None:
        """Record the service's sign of life now; `stopped` says that it ended cleanly."""
        last = as_time_or_none(await self._db.value("SELECT at FROM heartbeat"))
        if last is not None and self._db.clock() - last > FAR_AHEAD:
            await self._note_leap()
        await self._db.execute(
            "INSERT OR REPLACE INTO heartbeat (id, at, pid, started_at, next_run_at, stopped)"
            " VALUES (1, ?, ?, ?, ?, ?)",
            (as_text(self._db.clock()), pid, as_text(started_at), as_text_or_none(next_run_at), int(stopped)),
        )

    @writing
    async def clock_leapt(self) -> bool:
        """Tell whether the clock stands far ahead of the last sign of life, or did so less than a day ago.

        Either the machine was off for long, or its clock is wrong: a day shows which, before anything is deleted by
        its age. A sign of life is a heartbeat, or an earlier run, where the service was killed and runs go on by hand.
        """
        now = self._db.clock()
        leapt = as_time_or_none(await self._db.value("SELECT value FROM meta WHERE key = 'clock_leapt'"))
        if leapt is not None and timedelta() <= now - leapt < LEAP_DOUBTED:
            return True
        beat = await self._db.row("SELECT at, stopped FROM heartbeat")
        if beat is None or beat["stopped"]:
            return False
        earlier = as_time_or_none(
            await self._db.value(
                "SELECT max(started_at) FROM backups WHERE started_at <= ? AND id < (SELECT max(id) FROM backups)",
                (as_text(now),),
            )
        )
        if now - max(filter(None, (as_time(beat["at"]), earlier))) <= FAR_AHEAD:
            return False
        await self._note_leap()
        return True

    async def _note_leap(self) -> None:
        await self._db.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('clock_leapt', ?)", (as_text(self._db.clock()),)
        )

    @reading
    async def heartbeat(self) -> Heartbeat | None:
        row = await self._db.row("SELECT * FROM heartbeat")
        if row is None:
            return None
        return Heartbeat(
            at=as_time(row["at"]),
            pid=row["pid"],
            started_at=as_time(row["started_at"]),
            next_run_at=as_time_or_none(row["next_run_at"]),
            stopped=bool(row["stopped"]),
        )

    @writing
    async def set_override(self, name: str, value: str, set_by: str, until: datetime | None = None) -> None:
        """Let a value win over the setting of that name, for good or until an instant."""
        await self._db.execute(
            "INSERT OR REPLACE INTO overrides (name, value, set_by, set_at, until) VALUES (?, ?, ?, ?, ?)",
            (name, value, set_by, as_text(self._db.clock()), as_text_or_none(until)),
        )

    @writing
    async def clear_override(self, name: str) -> None:
        """Let the setting hold again; nothing happens when there is no override."""
        await self._db.execute("DELETE FROM overrides WHERE name = ?", (name,))

    @reading
    async def overrides(self) -> dict[str, Override]:
        """Return the overrides in force by name; one whose time is over is left out."""
        rows = await self._db.rows(
            "SELECT * FROM overrides WHERE until IS NULL OR until > ? ORDER BY name", (as_text(self._db.clock()),)
        )
        return {
            row["name"]: Override(
                name=row["name"],
                value=row["value"],
                set_by=row["set_by"],
                set_at=as_time(row["set_at"]),
                until=as_time_or_none(row["until"]),
            )
            for row in rows
        }

    @writing
    async def audit(self, actor: str, action: str, detail: str = "") -> None:
        """Record what an admin did, now."""
        await self._db.execute(
            "INSERT INTO audit (at, actor, action, detail) VALUES (?, ?, ?, ?)",
            (as_text(self._db.clock()), actor, action, detail),
        )

    @reading
    async def audits(self, limit: int = 50, offset: int = 0) -> tuple[AuditEntry, ...]:
        """Return what admins did, newest first."""
        rows = await self._db.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ? OFFSET ?", (limit, offset))
        return tuple(
            AuditEntry(at=as_time(row["at"]), actor=row["actor"], action=row["action"], detail=row["detail"])
            for row in rows
        )

    @reading
    async def untold(self, about: str = "untold") -> str:
        """Return what the admins have yet to be told of restores, as JSON; empty where nothing is.

        `about` is one of a restore that was cut off (unless said otherwise), or of those done by hand.
        """
        return str(await self._db.value("SELECT value FROM meta WHERE key = ?", (about,)) or "")

    @writing
    async def set_untold(self, what: str, about: str = "untold") -> None:
        await self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (about, what))

    @reading
    async def last_planned(self) -> datetime | None:
        """Return the last run time that the scheduler honoured."""
        return as_time_or_none(await self._db.value("SELECT value FROM meta WHERE key = 'last_planned'"))

    @writing
    async def set_last_planned(self, at: datetime) -> None:
        await self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('last_planned', ?)", (as_text(at),))
