"""Stores restore points in the catalogue: backups of which Telegram holds every volume."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from bot.models import (
    Backup,
    BackupState,
    HeldDatabase,
    RestorePoint,
    SkippedRecord,
    SkipReason,
    StoredVolume,
    Trigger,
)
from bot.services.catalogue.backup_rows import BY_TIME, begin, finish, read_backup, soon
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.newest import NEWEST_FIRST_SQL, newest_first
from bot.services.catalogue.values import as_time

FROM_THE_CHAT = "learned from the chat"

# Proven backups whose volumes all have a file_id and together are the archive: a changed VOLUME_SIZE_MB cuts an archive
# anew, and rows of both cuts don't add up to it. One whose messages were tidied away stays a restore point only while
# some chat still has all of it: that a file_id outlives its message is promised nowhere. +state: found by the backup.
IN_TELEGRAM = """
    SELECT id, started_at,
        row_number() OVER (ORDER BY started_at DESC, id DESC) AS place,
        row_number() OVER (PARTITION BY substr(started_at, 1, 10) ORDER BY started_at DESC, id DESC) AS last_of_day
    FROM backups JOIN (
        SELECT backup_id, sum(bytes) AS held FROM volumes GROUP BY backup_id
        HAVING count(file_id) = count(*) AND min(number) = 1 AND max(number) = count(*)
    ) ON backup_id = id AND held = archive_bytes
    WHERE archive_sha256 <> '' AND (
        NOT EXISTS (SELECT 1 FROM sent_volumes AS gone WHERE gone.backup_id = id AND gone.deleted_at IS NOT NULL)
        OR EXISTS (
            SELECT 1 FROM deliveries AS whole WHERE whole.backup_id = id AND +whole.state = 'sent' AND NOT EXISTS (
                SELECT 1 FROM sent_volumes AS gone WHERE gone.backup_id = whole.backup_id
                AND gone.address = whole.address AND gone.deleted_at IS NOT NULL
            )
        )
    )
"""


class RestorePointTable(CatalogueTable):
    """The rows of backups and volumes, seen as restore points."""

    @reading
    async def select(self, *, limit: int = -1, recent: int | None = None) -> tuple[RestorePoint, ...]:
        """Return the proven backups of which Telegram holds all volumes, by `newest_first`; a negative limit: all.

        With `recent`, of those older than the newest so many only the last one of each day (in UTC) is returned.
        """
        rows = await self._db.rows(
            f"SELECT id FROM ({IN_TELEGRAM}) WHERE ? IS NULL OR place <= ? OR last_of_day = 1"
            f" ORDER BY {NEWEST_FIRST_SQL} LIMIT ?",
            (recent, recent, soon(self._db), limit),
        )
        return newest_first(
            await self._points([row["id"] for row in rows]), now=self._db.clock(), at=lambda point: point.at
        )

    @reading
    async def last_by_database(self) -> tuple[RestorePoint, ...]:
        """Return, for every database name in any restore point, the newest point that holds it."""
        rows = await self._db.rows(
            "SELECT DISTINCT id FROM"
            f" (SELECT id, row_number() OVER (PARTITION BY name ORDER BY {NEWEST_FIRST_SQL})"
            f" AS newest FROM ({IN_TELEGRAM}) JOIN backed_up ON backup_id = id) WHERE newest = 1",
            (soon(self._db),),
        )
        return await self._points([row["id"] for row in rows])

    @reading
    async def backup_of(self, point: RestorePoint) -> Backup | None:
        """Return the backup that a restore point is of, if it is known."""
        backup_id = await self._id_of(point)
        return None if backup_id is None else await read_backup(self._db, backup_id)

    @writing
    async def learn(self, points: Iterable[RestorePoint]) -> int:
        """Take over restore points that this catalogue does not know, or not where to fetch; return how many.

        What is known here already stays as it is. A backup learned so is not on the disk, and of its databases only
        the names, paths, sizes and hashes are known.
        """
        learned = 0
        for point in sorted(points, key=lambda point: point.at):
            backup_id = await self._id_of(point)
            if backup_id is None:
                backup_id = await self._learn(point)
            else:
                held = await self._db.value(f"SELECT count(*) FROM ({IN_TELEGRAM}) WHERE id = ?", (backup_id,))
                if held:
                    continue
            await self._db.execute("DELETE FROM volumes WHERE backup_id = ?", (backup_id,))
            for number, volume in enumerate(point.volumes, start=1):
                await self._db.execute(
                    "INSERT INTO volumes (backup_id, number, file_id, bytes, sha256) VALUES (?, ?, ?, ?, ?)",
                    (backup_id, number, volume.file_id, volume.bytes, volume.sha256),
                )
            learned += 1
        return learned

    async def _id_of(self, point: RestorePoint) -> int | None:
        found = await self._db.value(
            f"SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = ? {BY_TIME}",
            (point.archive, point.sha256),
        )
        return None if found is None else int(found)

    async def _learn(self, point: RestorePoint) -> int:
        backup_id = await begin(self._db, Trigger.COMMAND, FROM_THE_CHAT, point.at)
        await finish(
            self._db,
            backup_id,
            state=BackupState.PARTIAL if point.skipped else BackupState.DELIVERED,
            finished_at=point.at,
            archive=("", 0, ""),
            databases=[held.as_backed_up(point.at) for held in point.databases],
            skipped=[_as_skipped(name) for name in point.skipped],
            error=("", ""),
            sealed=point.sealed,
        )
        # Not through `_finish`: it would take the name from an archive on this disk.
        await self._db.execute(
            "UPDATE backups SET archive_name = ?, archive_bytes = ?, archive_sha256 = ? WHERE id = ?",
            (point.archive, point.bytes, point.sha256, backup_id),
        )
        return backup_id

    async def _points(self, ids: Sequence[int]) -> tuple[RestorePoint, ...]:
        wanted = (json.dumps(list(ids)),)
        among = "(SELECT value FROM json_each(?))"
        databases: dict[int, list[HeldDatabase]] = {}
        for row in await self._db.rows(
            f"SELECT backup_id, name, path, bytes, sha256 FROM backed_up WHERE backup_id IN {among} ORDER BY position",
            wanted,
        ):
            held = HeldDatabase(name=row["name"], path=row["path"], bytes=row["bytes"], sha256=row["sha256"])
            databases.setdefault(row["backup_id"], []).append(held)
        skipped: dict[int, list[str]] = {}
        for row in await self._db.rows(
            f"SELECT backup_id, name FROM skipped WHERE backup_id IN {among} ORDER BY position", wanted
        ):
            skipped.setdefault(row["backup_id"], []).append(row["name"])
        volumes: dict[int, list[StoredVolume]] = {}
        for row in await self._db.rows(f"SELECT * FROM volumes WHERE backup_id IN {among} ORDER BY number", wanted):
            volume = StoredVolume(file_id=row["file_id"], bytes=row["bytes"], sha256=row["sha256"])
            volumes.setdefault(row["backup_id"], []).append(volume)
        return tuple(
            RestorePoint(
                at=as_time(row["started_at"]),
                archive=row["archive_name"],
                bytes=row["archive_bytes"],
                sha256=row["archive_sha256"],
                databases=tuple(databases.get(row["id"], ())),
                volumes=tuple(volumes[row["id"]]),
                skipped=tuple(skipped.get(row["id"], ())),
                sealed=row["sealed"],
            )
            for row in await self._db.rows(f"SELECT * FROM backups WHERE id IN {among} {BY_TIME}", wanted)
        )


def _as_skipped(name: str) -> SkippedRecord:
    return SkippedRecord(
        name=name, path="", reason=SkipReason.FAILED, detail="It was skipped; why is in the archive's backup_info.txt."
    )
