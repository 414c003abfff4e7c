"""Archives found on disk come back into the catalogue, and databases keep the names they have in archives."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.models import BackedUp, Backup, BackupState, Database, SkippedRecord, Trigger
from bot.services.catalogue.backup_rows import NEWEST_FIRST, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import as_text
from bot.services.store import archive_time

FOUND_ON_DISK = "found on disk"


class Manifest(Protocol):
    """What the catalogue needs of an archive's manifest to know the backup again."""

    @property
    def created_at(self) -> datetime: ...
    @property
    def trigger(self) -> str: ...
    @property
    def databases(self) -> tuple[BackedUp, ...]: ...
    @property
    def skipped(self) -> tuple[SkippedRecord, ...]: ...


class AdoptionRows(BackupRows):
    """Adoption, and the rows of database_names."""

    async def adopt(self, archive: Path, manifest: Manifest, sha256: str) -> Backup:
        """Record an archive found on disk from its manifest; return its backup, the known one if it is known already.

        An interrupted run whose archive this is gets it. The names of its databases are remembered where none is.
        Raises FileNotFoundError when the archive is gone.
        """
        size = (await asyncio.to_thread(archive.stat)).st_size
        return await self._adopt(archive.name, size, manifest, sha256)

    @reading
    async def known_names(self) -> dict[str, str]:
        """Return the member name of every database path ever seen."""
        return {row["path"]: row["name"] for row in await self.rows("SELECT path, name FROM database_names")}

    @writing
    async def remember_names(self, databases: Iterable[Database]) -> None:
        for database in databases:
            await self.execute(
                "INSERT INTO database_names (path, name) VALUES (?, ?)"
                " ON CONFLICT (path) DO UPDATE SET name = excluded.name",
                (str(database.path), database.name),
            )

    @writing
    async def learn_names(self, manifest: Manifest) -> None:
        """Remember a manifest's names for paths that have none yet, unless another path has the name."""
        await self._learn_names(manifest)

    @writing
    async def _adopt(self, name: str, size: int, manifest: Manifest, sha256: str) -> Backup:
        known = await self.row(
            f"SELECT id, on_disk FROM backups WHERE archive_name = ? AND archive_sha256 = ? {NEWEST_FIRST}",
            (name, sha256),
        )
        if known is not None:
            if not known["on_disk"]:
                await self._own_name(known["id"], name)
                await self._change(known["id"], "on_disk", 1)
            return await self._backup(known["id"])
        await self._finish(
            await self._run_that_wrote(name)
            or await self._begin(_trigger(manifest), FOUND_ON_DISK, manifest.created_at),
            state=BackupState.PARTIAL if manifest.skipped else BackupState.STORED,
            finished_at=manifest.created_at,
            archive=(name, size, sha256),
            databases=manifest.databases,
            skipped=manifest.skipped,
            error=("", ""),
        )
        await self._learn_names(manifest)
        backup_id = int(await self.value("SELECT id FROM backups WHERE archive_name = ? AND on_disk", (name,)))
        if _trigger(manifest) is Trigger.SAFETY:  # retention keeps it only as long as it is pinned
            await self._change(backup_id, "pinned", 1)
        return await self._backup(backup_id)

    async def _run_that_wrote(self, name: str) -> int | None:
        # Killed between the archive's rename and this catalogue's row: the run is there, and its second is the name's.
        at = archive_time(name)
        if at is None:
            return None
        found = await self.value(
            "SELECT id FROM backups WHERE state = 'interrupted' AND archive_name = ''"
            " AND started_at >= ? AND started_at < ? ORDER BY id DESC",
            (as_text(at), as_text(at + timedelta(seconds=1))),
        )
        return None if found is None else int(found)

    async def _learn_names(self, manifest: Manifest) -> None:
        taken = {str(row["name"]).casefold() for row in await self.rows("SELECT name FROM database_names")}
        records: tuple[BackedUp | SkippedRecord, ...] = (*manifest.databases, *manifest.skipped)
        for known in records:
            if known.name.casefold() in taken:
                continue  # this path's own name, or another path's that has it now
            changed = await self.execute(
                "INSERT OR IGNORE INTO database_names (path, name) VALUES (?, ?)", (known.path, known.name)
            )
            if changed:
                taken.add(known.name.casefold())


def _trigger(manifest: Manifest) -> Trigger:
    try:
        return Trigger(manifest.trigger)
    except ValueError:  # a newer version's word
        return Trigger.COMMAND
