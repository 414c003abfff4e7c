"""Reads from the catalogue what pictures are drawn of; changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.models import BackupDay, Mark, MarkKind, Reach, Trend, TrendPoint, Trends
from bot.services.catalogue.backup_rows import A_RUN, ORDINARY, BackupRows
from bot.services.catalogue.connection import reading
from bot.services.catalogue.deliveries import WHOLE
from bot.services.catalogue.values import as_text, as_time

POINTS = 240
"""The most points of one database: more than a picture has room for."""

# Of each stretch of time the newest backup; NULL where a table could not be counted (-1), or none was (learned).
_POINTS = f"""
    SELECT name, started_at, bytes, (
        SELECT CASE WHEN min(json_extract(value, '$[1]')) >= 0 THEN sum(json_extract(value, '$[1]')) END
        FROM json_each(tables)
    ) AS counted FROM (
        SELECT name, started_at, bytes, rows AS tables, row_number() OVER (
            PARTITION BY name, CAST((julianday(started_at) - julianday(?)) * 86400 / ? AS INTEGER)
            ORDER BY started_at DESC, backups.id DESC
        ) AS place FROM backed_up JOIN backups ON backups.id = backup_id
        WHERE archive_sha256 <> '' AND {ORDINARY} AND started_at >= ? AND started_at <= ?
    ) WHERE place = 1 ORDER BY name, started_at
"""


class ChartTable(BackupRows):
    """The rows of backups, backed_up, deliveries, alarms and audit, as figures over time."""

    @reading
    async def trends(self, since: datetime, until: datetime) -> Trends:
        """Return every database backed up between two instants, with what happened to it; at most `POINTS` each."""
        points: dict[str, list[TrendPoint]] = defaultdict(list)
        stretch = (until - since).total_seconds() / POINTS
        for row in await self._db.rows(_POINTS, as_text(since), stretch, since, until):
            point = TrendPoint(at=as_time(row["started_at"]), bytes=row["bytes"], rows=row["counted"])
            points[row["name"]].append(point)
        marks = await self._marks(since, until, points.keys())
        return Trends(
            since=since,
            until=until,
            databases=tuple(
                Trend(name=name, points=tuple(found), marks=tuple(mark for mark in marks if mark.name in ("", name)))
                for name, found in points.items()
            ),
        )

    async def _marks(self, since: datetime, until: datetime, names: Collection[str]) -> list[Mark]:
        """Return alarms, and restores by the safety copies that they left.

        An alarm whose subject is no database concerns all of them.
        """
        alarms = await self._db.rows("SELECT key, began_at FROM alarms WHERE began_at BETWEEN ? AND ?", since, until)
        subjects = [(row["key"].partition(":")[2], as_time(row["began_at"])) for row in alarms]
        copies = await self._db.rows(
            "SELECT name, started_at FROM backed_up JOIN backups ON backups.id = backup_id"
            " WHERE trigger = 'safety' AND started_at BETWEEN ? AND ?",
            since,
            until,
        )
        return [
            *(Mark(at=at, kind=MarkKind.ALARM, name=name if name in names else "") for name, at in subjects),
            *(Mark(at=as_time(row["started_at"]), kind=MarkKind.RESTORE, name=row["name"]) for row in copies),
        ]

    @reading
    async def spans(self, since: datetime) -> tuple[tuple[datetime, datetime | None], ...]:
        """Return when the runs since then began and ended, oldest first; None: under way. No safety copies.

        One that was cut off ended as it began: when its process did is not known.
        """
        rows = await self._db.rows(
            "SELECT started_at, CASE state WHEN 'interrupted' THEN started_at ELSE finished_at END AS ended"
            f" FROM backups WHERE started_at >= ? AND {ORDINARY} AND {A_RUN} ORDER BY started_at, id",
            since,
        )
        return tuple((as_time(row["started_at"]), as_time(row["ended"]) if row["ended"] else None) for row in rows)

    @reading
    async def days(self, since: datetime, timezone: ZoneInfo) -> tuple[BackupDay, ...]:
        """Return the local days since an instant on which a run ended, oldest first."""
        days: dict[date, list[int]] = {}
        for row in await self._db.rows(
            "SELECT started_at, archive_sha256 <> '' AS proven, archive_sha256 <> '' AND NOT EXISTS"
            " (SELECT 1 FROM skipped WHERE backup_id = backups.id) AS complete FROM backups"
            f" WHERE started_at >= ? AND state <> 'running' AND {ORDINARY} AND {A_RUN} ORDER BY started_at",
            since,
        ):
            tally = days.setdefault(as_time(row["started_at"]).astimezone(timezone).date(), [0, 0, 0])
            for place, value in enumerate((1, row["proven"], row["complete"])):
                tally[place] += value
        return tuple(
            BackupDay(day=day, runs=runs, proven=proven, complete=complete)
            for day, (runs, proven, complete) in days.items()
        )

    @reading
    async def reaches(self) -> tuple[Reach, ...]:
        """Return what each place holds: the disk first, then chats and object stores by their address.

        Mailboxes are left out: nobody knows what was deleted there.
        """
        disk = await self._db.column(
            f"SELECT started_at FROM backups WHERE archive_sha256 <> '' AND {ORDINARY} AND on_disk = 1 AND fault = ''"
            " ORDER BY started_at"
        )
        places: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for row in await self._db.rows(
            "SELECT deliveries.address AS place, coalesce(name, '') AS name, started_at FROM deliveries"
            " JOIN backups ON backups.id = backup_id LEFT JOIN recipients ON recipients.address = deliveries.address"
            f" WHERE {WHOLE} AND archive_sha256 <> '' AND {ORDINARY} AND deliveries.address NOT LIKE 'mail:%'"
            " ORDER BY deliveries.address, started_at"
        ):
            places[row["place"], row["name"]].append(as_time(row["started_at"]))
        return (
            Reach(place="", name="", times=tuple(map(as_time, disk))),
            *(Reach(place=place, name=name, times=tuple(times)) for (place, name), times in places.items()),
        )
