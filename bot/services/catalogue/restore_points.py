"""Stores restore points in the catalogue: backups of which Telegram holds every volume."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import itemgetter

from bot.models import (
    Actor,
    Backup,
    BackupState,
    Cause,
    HeldDatabase,
    Reason,
    RestorePoint,
    SkippedRecord,
    SkipReason,
    StoredVolume,
    Trigger,
)
from bot.services.catalogue.backup_rows import AMONG, BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.newest import NEWEST_FIRST_SQL, newest_first
from bot.services.catalogue.values import columns_of, from_row

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


class RestorePointTable(BackupRows):
    """The rows of backups and volumes, seen as restore points."""

    @reading
    async def select(self, *, limit: int = -1, recent: int | None = None) -> tuple[RestorePoint, ...]:
        """Return the proven backups of which Telegram holds all volumes, by `newest_first`; a negative limit: all.

        With `recent`, of those older than the newest so many only the last one of each day (in UTC) is returned.
        """
        ids = await self._db.column(
            f"SELECT id FROM ({IN_TELEGRAM}) WHERE ? IS NULL OR place <= ? OR last_of_day = 1"
            f" ORDER BY {NEWEST_FIRST_SQL} LIMIT ?",
            recent,
            recent,
            self._soon,
            limit,
        )
        return newest_first(await self._points(ids), now=self._db.clock(), at=lambda point: point.at)

    @reading
    async def last_by_database(self) -> tuple[RestorePoint, ...]:
        """Return, for every database name in any restore point, the newest point that holds it."""
        ids = await self._db.column(
            "SELECT DISTINCT id FROM"
            f" (SELECT id, row_number() OVER (PARTITION BY name ORDER BY {NEWEST_FIRST_SQL})"
            f" AS newest FROM ({IN_TELEGRAM}) JOIN backed_up ON backup_id = id) WHERE newest = 1",
            self._soon,
        )
        return await self._points(ids)

    @reading
    async def backup_of(self, point: RestorePoint) -> Backup | None:
        """Return the backup that a restore point is of, if it is known."""
        return await self._backup_of(point)

    @reading
    async def holds(self, backup_id: int) -> bool:
        """Tell whether Telegram has a backup whole, as far as is known."""
        return await self._in_telegram(backup_id)

    @writing
    async def learn(self, points: Iterable[RestorePoint]) -> int:
        """Take over restore points that this catalogue does not know, or not where to fetch; return how many.

        What is known here already stays as it is. A backup learned so is not on the disk, and of its databases only
        the names, paths, sizes and hashes are known.
        """
        learned = 0
        for point in sorted(points, key=lambda point: point.at):
            known = await self._backup_of(point)
            backup_id = await self._learn(point) if known is None else known.id
            if await self._in_telegram(backup_id):
                continue
            await self._db.execute("DELETE FROM volumes WHERE backup_id = ?", backup_id)
            for number, volume in enumerate(point.volumes, start=1):
                await self._db.insert("volumes", backup_id=backup_id, number=number, **columns_of(volume))
            learned += 1
        return learned

    async def _in_telegram(self, backup_id: int) -> bool:
        return bool(await self._db.value(int, f"SELECT count(*) FROM ({IN_TELEGRAM}) WHERE id = ?", backup_id))

    async def _backup_of(self, point: RestorePoint) -> Backup | None:
        return await self._first(
            f"SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = ? {BY_TIME}",
            point.archive,
            point.sha256,
        )

    async def _learn(self, point: RestorePoint) -> int:
        backup_id = await self._begin(Trigger.COMMAND, Actor.CHAT, point.at)
        await self._finish(
            backup_id,
            [held.as_backed_up(point.at) for held in point.databases],
            [_as_skipped(name) for name in point.skipped],
            on_disk=False,
            state=BackupState.PARTIAL if point.skipped else BackupState.DELIVERED,
            finished_at=point.at,
            archive_name=point.archive,
            archive_bytes=point.bytes,
            archive_sha256=point.sha256,
            sealed=point.sealed,
        )
        return backup_id

    async def _points(self, ids: Collection[int]) -> tuple[RestorePoint, ...]:
        of, where = itemgetter("backup_id"), f"WHERE backup_id {AMONG} ORDER BY"
        held = f"SELECT backup_id, name, path, bytes, sha256 FROM backed_up {where} position"
        databases = await self._db.grouped(HeldDatabase, of, held, ids)
        skipped = await self._db.grouped(SkippedRecord, of, f"SELECT * FROM skipped {where} position", ids)
        volumes = await self._db.grouped(StoredVolume, of, f"SELECT * FROM volumes {where} number", ids)
        return tuple(
            from_row(
                RestorePoint,
                row,
                databases=databases[row["id"]],
                volumes=volumes[row["id"]],
                skipped=tuple(record.name for record in skipped[row["id"]]),
            )
            for row in await self._db.rows(
                "SELECT id, started_at AS at, archive_name AS archive, archive_bytes AS bytes,"
                f" archive_sha256 AS sha256, sealed FROM backups WHERE id {AMONG} {BY_TIME}",
                ids,
            )
        )


def _as_skipped(name: str) -> SkippedRecord:
    return SkippedRecord(name=name, path="", reason=SkipReason.FAILED, why=Reason(Cause.IN_BACKUP_INFO))
