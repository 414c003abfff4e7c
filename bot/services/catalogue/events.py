"""Reads from the catalogue what happened, in one order: runs, alarms, test-restores, and what admins did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bot.models import Alarm, Backup, Drill
from bot.services.catalogue.backup_rows import A_RUN, AMONG, BY_TIME, BackupRows
from bot.services.catalogue.connection import reading
from bot.services.catalogue.service import AuditEntry
from bot.services.catalogue.values import as_time, from_row

T = TypeVar("T")

_ALL = f"""
    SELECT 'backup' AS kind, id, started_at AS at FROM backups WHERE {A_RUN}
    UNION ALL SELECT 'drill', id, at FROM drills
    UNION ALL SELECT 'alarm', id, began_at FROM alarms
    UNION ALL SELECT 'over', id, ended_at FROM alarms WHERE ended_at IS NOT NULL
    UNION ALL SELECT 'act', id, at FROM audit
"""
_TROUBLE = f"""
    SELECT 'backup' AS kind, id, started_at AS at FROM backups
        WHERE {A_RUN} AND state IN ('partial', 'failed', 'interrupted')
    UNION ALL SELECT 'drill', id, at FROM drills WHERE ok = 0
    UNION ALL SELECT 'alarm', id, began_at FROM alarms
    UNION ALL SELECT 'over', id, ended_at FROM alarms WHERE ended_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: a run that began, a test-restore, an alarm that began or is `over`, an admin's act."""

    at: datetime
    what: Backup | Drill | Alarm | AuditEntry
    over: bool = False


class EventTable(BackupRows):
    """The rows of backups, drills, alarms and audit, side by side."""

    @reading
    async def recent(self, *, trouble: bool, limit: int, offset: int) -> tuple[Event, ...]:
        """Return what happened, newest first; with `trouble` only what went wrong, and its end."""
        found = await self._db.rows(
            f"SELECT kind, id, at FROM ({_TROUBLE if trouble else _ALL})"
            " ORDER BY at DESC, kind = 'backup', kind, id DESC LIMIT ? OFFSET ?",  # a run before what came of it
            limit,
            offset,
        )
        ids: defaultdict[str, set[Any]] = defaultdict(set)
        for row in found:
            ids["alarm" if row["kind"] == "over" else row["kind"]].add(row["id"])
        known: dict[str, Mapping[Any, Backup | Drill | Alarm | AuditEntry]] = {
            "backup": await self._backups_by_id(ids["backup"]),
            "drill": await self._by_id(Drill, "drills", ids["drill"]),
            "alarm": await self._by_id(Alarm, "alarms", ids["alarm"]),
            "act": await self._by_id(AuditEntry, "audit", ids["act"]),
        }
        return tuple(
            Event(
                at=as_time(row["at"]),
                what=known["alarm" if row["kind"] == "over" else row["kind"]][row["id"]],
                over=row["kind"] == "over",
            )
            for row in found
        )

    @reading
    async def begun(self, since: datetime, until: datetime) -> Backup | None:
        """Return the last run that began in this time, both ends included."""
        sql = f"SELECT id FROM backups WHERE started_at BETWEEN ? AND ? {BY_TIME} LIMIT 1"
        return await self._first(sql, since, until)

    async def _by_id(self, model: Callable[..., T], table: str, ids: Collection[object]) -> dict[Any, T]:
        rows = await self._db.rows(f"SELECT * FROM {table} WHERE id {AMONG}", ids)
        return {row["id"]: from_row(model, row) for row in rows}
