"""Stores the faults of archives: missing on the disk, cut short, or found damaged when they were read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.models import Backup
from bot.services.catalogue.backup_rows import BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing

_FAULTY = "SELECT id FROM backups WHERE fault <> ''"


class FaultRows(BackupRows):
    """Writes what the disk and reading have shown of archives into the rows of backups."""

    @writing
    async def set_fault(self, backup_id: int, fault: str, faulty_file: str) -> None:
        """Record why an archive on the disk is not good any more, and which state of its file was found so."""
        await self.execute(
            "UPDATE backups SET fault = ?, faulty_file = ? WHERE id = ? AND on_disk = 1",
            (fault, faulty_file, backup_id),
        )

    @writing
    async def clear_fault(self, backup_id: int) -> None:
        """Record that an archive on the disk was read in full and is what was written."""
        await self.execute(
            "UPDATE backups SET fault = '', faulty_file = '' WHERE id = ? AND on_disk = 1 AND fault <> ''",
            (backup_id,),
        )

    @writing
    async def mark_gone(self, backup_id: int, fault: str) -> bool:
        """Record that somebody took an archive from the disk; tell whether it was believed there until now.

        What is owed of it can't be sent any more.
        """
        if not await self.execute(
            "UPDATE backups SET on_disk = 0, fault = ?, faulty_file = '' WHERE id = ? AND on_disk = 1",
            (fault, backup_id),
        ):
            return False  # deleted meanwhile, by whom it was recorded
        await self._supersede(backup_id, "the archive is gone from the disk")
        return True

    @reading
    async def faulty_files(self) -> dict[int, str]:
        """Return by id which state of the file of a damaged archive was found so."""
        rows = await self.rows("SELECT id, faulty_file FROM backups WHERE on_disk = 1 AND fault <> ''")
        return {row["id"]: row["faulty_file"] for row in rows}

    @reading
    async def faulty(self) -> tuple[Backup, ...]:
        """Return the backups whose archive is known to be gone or damaged, newest first."""
        return await self._backups([row["id"] for row in await self.rows(f"{_FAULTY} {BY_TIME}")])

    @writing
    async def set_store_faults(self, url: str, lines: Sequence[str]) -> None:
        """Remember what an object store was last seen to have lost, in sentences."""
        faults = await self._store_faults()
        faults[url] = list(lines)
        await self.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('store faults', ?)",
            (json.dumps({place: lost for place, lost in faults.items() if lost}),),
        )

    @reading
    async def store_faults(self, url: str = "") -> tuple[str, ...]:
        """Return what object stores were last seen to have lost, of all stores or of one."""
        faults = await self._store_faults()
        return tuple(line for place, lines in faults.items() for line in lines if url in ("", place))

    async def _store_faults(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads(
            await self.value("SELECT value FROM meta WHERE key = 'store faults'") or "{}"
        )
        return found
