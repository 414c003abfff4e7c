"""Archives found on disk come back into the catalogue, and databases keep the names they have in archives."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.models import BackedUp, Backup, BackupState, Database, SkippedRecord, Trigger
from bot.services.catalogue.backup_rows import BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import as_text
from bot.services.store import archive_time

FOUND_ON_DISK = "found on disk"
UNOPENED = (
    "Found on the disk, sealed, and no key here opens it: it is kept, and counts as no backup until it is opened."
)


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

    async def adopt(self, archive: Path, manifest: Manifest, sha256: str, *, sealed: str = "") -> Backup:
        """Record an archive found on disk from its manifest; return its backup, the known one if it is known already.

        An interrupted run whose archive this is gets it. The names of its databases are remembered where none is.
        Raises FileNotFoundError when the archive is gone.
        """
        size = (await asyncio.to_thread(archive.stat)).st_size
        return await self._adopt(archive.name, size, manifest, sha256, sealed)

    async def adopt_unopened(self, archive: Path, sha256: str, sealed: str) -> Backup:
        """Record a sealed archive found on disk that no key here opens; return its backup.

        One that the catalogue knows by its checksum (it was learned from the chat) is that backup again. Any other is
        kept as a backup that is not proven: retention leaves it alone, and it counts as nothing until it is opened.
        """
        size = (await asyncio.to_thread(archive.stat)).st_size
        return await self._adopt_unopened(archive.name, size, sha256, sealed)

    @reading
    async def is_told_of(self, name: str) -> bool:
        """Tell whether a proven backup of that name is known whose archive is not on the disk, as the chat tells."""
        found = await self.value(
            "SELECT count(*) FROM backups WHERE archive_name = ? AND archive_sha256 <> '' AND NOT on_disk", (name,)
        )
        return bool(found)

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
    async def _adopt_unopened(self, name: str, size: int, sha256: str, sealed: str) -> Backup:
        known = await self._known(name, sha256)
        unopened = await self._unopened(name)
        if known is not None or unopened is not None:
            return known or await self._backup(unopened or 0)
        at = archive_time(name) or self.clock()
        backup_id = await self._run_that_wrote(name) or await self._begin(Trigger.COMMAND, FOUND_ON_DISK, at)
        await self._finish(
            backup_id,
            state=BackupState.STORED,
            finished_at=at,
            archive=(name, size, ""),
            databases=(),
            skipped=(),
            error=("", ""),
            sealed=sealed,
        )
        await self._change(backup_id, "note", UNOPENED)
        return await self._backup(backup_id)

    async def _unopened(self, name: str) -> int | None:
        found = await self.value(
            "SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = '' AND sealed <> '' AND on_disk",
            (name,),
        )
        return None if found is None else int(found)

    async def _known(self, name: str, sha256: str) -> Backup | None:
        known = await self.row(
            f"SELECT id, on_disk FROM backups WHERE archive_name = ? AND archive_sha256 = ? {BY_TIME}",
            (name, sha256),
        )
        if known is None:
            return None
        if not known["on_disk"]:
            # What stood for it while nothing was known of it but its name.
            await self.execute("DELETE FROM backups WHERE id = ?", (await self._unopened(name),))
            await self._own_name(known["id"], name)
            await self._change(known["id"], "on_disk", 1)
            await self._change(known["id"], "fault", "")
        return await self._backup(known["id"])

    @writing
    async def _adopt(self, name: str, size: int, manifest: Manifest, sha256: str, sealed: str) -> Backup:
        known = await self._known(name, sha256)
        if known is not None:
            return known
        if (unopened := await self._unopened(name)) is not None:
            await self._change(unopened, "note", "")
        await self._finish(
            unopened
            or await self._run_that_wrote(name)
            or await self._begin(_trigger(manifest), FOUND_ON_DISK, manifest.created_at),
            state=BackupState.PARTIAL if manifest.skipped else BackupState.STORED,
            finished_at=manifest.created_at,
            archive=(name, size, sha256),
            databases=manifest.databases,
            skipped=manifest.skipped,
            error=("", ""),
            sealed=sealed,
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
