"""Stores restore points, test-restores and pinned messages in the catalogue."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.models import (
    BackedUp,
    Backup,
    BackupState,
    CheckMethod,
    Drill,
    DrillSource,
    HeldDatabase,
    RestorePoint,
    SkippedRecord,
    SkipReason,
    StoredVolume,
    Trigger,
    Verdict,
)
from bot.services.catalogue.backup_rows import BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.newest import NEWEST_FIRST_SQL, newest_first
from bot.services.catalogue.values import as_text, as_time

FROM_THE_CHAT = "learned from the chat"

# Proven backups whose volumes all have a file_id and together are the archive: a changed VOLUME_SIZE_MB cuts an archive
# anew, and rows of both cuts don't add up to it. One whose messages were tidied away stays a restore point only while
# some chat still has all of it: that a file_id outlives its message is promised nowhere.
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
            SELECT 1 FROM deliveries AS whole WHERE whole.backup_id = id AND whole.state = 'sent' AND NOT EXISTS (
                SELECT 1 FROM sent_volumes AS gone WHERE gone.backup_id = whole.backup_id
                AND gone.address = whole.address AND gone.deleted_at IS NOT NULL
            )
        )
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedMessage:
    """The message we keep pinned in a chat, and the `unique_id` of the document that we last put there."""

    chat_id: int
    message_id: int
    unique_id: str


class RestoreRows(BackupRows):
    """The rows of drills and pinned_messages, and backups seen as restore points."""

    @reading
    async def restore_points(self, *, limit: int = -1, recent: int | None = None) -> tuple[RestorePoint, ...]:
        """Return the proven backups of which Telegram holds all volumes, by `newest_first`; a negative limit: all.

        With `recent`, of those older than the newest so many only the last one of each day (in UTC) is returned.
        """
        rows = await self.rows(
            f"SELECT id FROM ({IN_TELEGRAM}) WHERE ? IS NULL OR place <= ? OR last_of_day = 1"
            f" ORDER BY {NEWEST_FIRST_SQL} LIMIT ?",
            (recent, recent, self._soon(), limit),
        )
        return newest_first(
            await self._points([row["id"] for row in rows]), now=self.clock(), at=lambda point: point.at
        )

    @reading
    async def last_points_by_database(self) -> tuple[RestorePoint, ...]:
        """Return, for every database name in any restore point, the newest point that holds it."""
        rows = await self.rows(
            "SELECT DISTINCT id FROM"
            f" (SELECT id, row_number() OVER (PARTITION BY name ORDER BY {NEWEST_FIRST_SQL})"
            f" AS newest FROM ({IN_TELEGRAM}) JOIN backed_up ON backup_id = id) WHERE newest = 1",
            (self._soon(),),
        )
        return await self._points([row["id"] for row in rows])

    @reading
    async def backup_of(self, point: RestorePoint) -> Backup | None:
        """Return the backup that a restore point is of, if it is known."""
        backup_id = await self._id_of(point)
        return None if backup_id is None else await self._backup(backup_id)

    @writing
    async def learn_restore_points(self, points: Iterable[RestorePoint]) -> int:
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
                held = await self.value(f"SELECT count(*) FROM ({IN_TELEGRAM}) WHERE id = ?", (backup_id,))
                if held:
                    continue
            await self.execute("DELETE FROM volumes WHERE backup_id = ?", (backup_id,))
            for number, volume in enumerate(point.volumes, start=1):
                await self.execute(
                    "INSERT INTO volumes (backup_id, number, file_id, bytes, sha256) VALUES (?, ?, ?, ?, ?)",
                    (backup_id, number, volume.file_id, volume.bytes, volume.sha256),
                )
            learned += 1
        return learned

    @writing
    async def record_drill(self, drill: Drill) -> None:
        """Raises NotFoundError when there is no such backup."""
        await self._backup(drill.backup_id)
        await self.execute(
            "INSERT INTO drills (backup_id, at, source, ok, detail, opened) VALUES (?, ?, ?, ?, ?, ?)",
            (drill.backup_id, as_text(drill.at), str(drill.source), int(drill.ok), drill.detail, int(drill.opened)),
        )

    @reading
    async def drills(self, backup_id: int) -> tuple[Drill, ...]:
        """Return the test-restores of one backup, newest first."""
        return await self._drills("WHERE backup_id = ? ORDER BY id DESC", backup_id)

    @reading
    async def last_drill(self, *, ok_only: bool = False) -> Drill | None:
        """Return the newest test-restore, or the newest that opened the archive and succeeded."""
        found = await self._drills(f"{'WHERE ok = 1 AND opened = 1' if ok_only else ''} ORDER BY id DESC LIMIT 1")
        return found[0] if found else None

    @reading
    async def pinned_message(self, chat_id: int) -> PinnedMessage | None:
        """Return the message that we keep pinned in a chat."""
        row = await self.row("SELECT * FROM pinned_messages WHERE chat_id = ?", (chat_id,))
        if row is None:
            return None
        return PinnedMessage(chat_id=row["chat_id"], message_id=row["message_id"], unique_id=row["unique_id"])

    @writing
    async def set_pinned_message(self, pinned: PinnedMessage) -> None:
        """Remember the message, in the place of the one before."""
        await self.execute(
            "INSERT OR REPLACE INTO pinned_messages (chat_id, message_id, unique_id) VALUES (?, ?, ?)",
            (pinned.chat_id, pinned.message_id, pinned.unique_id),
        )

    async def _drills(self, where: str, *parameters: object) -> tuple[Drill, ...]:
        return tuple(
            Drill(
                backup_id=row["backup_id"],
                at=as_time(row["at"]),
                source=DrillSource(row["source"]),
                ok=bool(row["ok"]),
                detail=row["detail"],
                opened=bool(row["opened"]),
            )
            for row in await self.rows(f"SELECT * FROM drills {where}", parameters)
        )

    async def _id_of(self, point: RestorePoint) -> int | None:
        found = await self.value(
            f"SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = ? {BY_TIME}",
            (point.archive, point.sha256),
        )
        return None if found is None else int(found)

    async def _learn(self, point: RestorePoint) -> int:
        backup_id = await self._begin(Trigger.COMMAND, FROM_THE_CHAT, point.at)
        await self._finish(
            backup_id,
            state=BackupState.PARTIAL if point.skipped else BackupState.DELIVERED,
            finished_at=point.at,
            archive=("", 0, ""),
            databases=[_as_backed_up(held, point) for held in point.databases],
            skipped=[_as_skipped(name) for name in point.skipped],
            error=("", ""),
            sealed=point.sealed,
        )
        # Not through `_finish`: it would take the name from an archive on this disk.
        await self.execute(
            "UPDATE backups SET archive_name = ?, archive_bytes = ?, archive_sha256 = ? WHERE id = ?",
            (point.archive, point.bytes, point.sha256, backup_id),
        )
        return backup_id

    async def _points(self, ids: Sequence[int]) -> tuple[RestorePoint, ...]:
        wanted = (json.dumps(list(ids)),)
        among = "(SELECT value FROM json_each(?))"
        databases: dict[int, list[HeldDatabase]] = {}
        for row in await self.rows(
            f"SELECT backup_id, name, path, bytes, sha256 FROM backed_up WHERE backup_id IN {among} ORDER BY position",
            wanted,
        ):
            held = HeldDatabase(name=row["name"], path=row["path"], bytes=row["bytes"], sha256=row["sha256"])
            databases.setdefault(row["backup_id"], []).append(held)
        skipped: dict[int, list[str]] = {}
        for row in await self.rows(
            f"SELECT backup_id, name FROM skipped WHERE backup_id IN {among} ORDER BY position", wanted
        ):
            skipped.setdefault(row["backup_id"], []).append(row["name"])
        volumes: dict[int, list[StoredVolume]] = {}
        for row in await self.rows(f"SELECT * FROM volumes WHERE backup_id IN {among} ORDER BY number", wanted):
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
            for row in await self.rows(f"SELECT * FROM backups WHERE id IN {among} {BY_TIME}", wanted)
        )


def _as_backed_up(held: HeldDatabase, point: RestorePoint) -> BackedUp:
    return BackedUp(
        name=held.name,
        path=held.path,
        sha256=held.sha256,
        bytes=held.bytes,
        compressed_bytes=0,
        page_size=0,
        page_count=0,
        journal_mode="",
        application_id=0,
        user_version=0,
        sqlite_version="",
        taken_at=point.at,
        verdict=Verdict.OK,
        method=CheckMethod.FULL,
    )


def _as_skipped(name: str) -> SkippedRecord:
    return SkippedRecord(
        name=name, path="", reason=SkipReason.FAILED, detail="It was skipped; why is in the archive's backup_info.txt."
    )
