"""Records archives found on disk in the catalogue, and keeps the names that databases have in archives."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.models import BackedUp, Backup, BackupState, Database, SkippedRecord, SkipReason, Trigger
from bot.services.catalogue.backup_rows import BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.values import as_text
from bot.services.files.names import folded
from bot.services.files.store import archive_time

FOUND_ON_DISK = "found on disk"
UNOPENED = (
    "Found on the disk, sealed, and no key here opens it: it is kept, and counts as no backup until it is opened."
)


EXPECTED = (
    "SELECT path FROM database_names WHERE let_go_at IS NULL AND EXISTS (SELECT 1 FROM backed_up JOIN backups"
    " ON id = backup_id WHERE backed_up.name = database_names.name AND backed_up.path = database_names.path"
    " AND archive_sha256 <> '')"
)
"""The statement that asks for the paths of the databases that are expected."""


class AdoptableManifest(Protocol):
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

    async def adopt(self, archive: Path, manifest: AdoptableManifest, sha256: str, *, sealed: str = "") -> Backup:
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
        """Remember the names of databases that are there; they are expected from now on, also those let go before."""
        for database in databases:
            await self.execute(
                "INSERT INTO database_names (path, name) VALUES (?, ?)"
                " ON CONFLICT (path) DO UPDATE SET name = excluded.name, let_go_at = NULL",
                (str(database.path), database.name),
            )

    @reading
    async def expected_paths(self) -> frozenset[Path]:
        """Return the paths of the databases that a proven backup holds and that nobody has let go since."""
        return frozenset(Path(row["path"]) for row in await self.rows(EXPECTED))

    @reading
    async def let_go_paths(self) -> frozenset[Path]:
        """Return the paths of the databases that are rightly gone, as an admin said, and have not come back."""
        return frozenset(
            Path(row["path"]) for row in await self.rows("SELECT path FROM database_names WHERE let_go_at IS NOT NULL")
        )

    @reading
    async def let_go_names(self) -> frozenset[str]:
        """Return the names of those databases."""
        rows = await self.rows("SELECT name FROM database_names WHERE let_go_at IS NOT NULL")
        return frozenset(row["name"] for row in rows)

    @writing
    async def let_go(self, names: Iterable[str]) -> None:
        """Expect databases no longer, until they are found again."""
        for name in names:
            await self.execute("UPDATE database_names SET let_go_at = ? WHERE name = ?", (as_text(self.clock()), name))

    @reading
    async def newest_gone(self) -> tuple[str, ...]:
        """Return the names of the databases that the newest run, not one cut off, missed under their pattern."""
        rows = await self.rows(
            "SELECT name FROM skipped WHERE reason = ? AND backup_id = (SELECT id FROM backups"
            f" WHERE trigger <> 'safety' AND state NOT IN ('running', 'interrupted') {BY_TIME} LIMIT 1)"
            " ORDER BY position",
            (str(SkipReason.GONE),),
        )
        return tuple(row["name"] for row in rows)

    @writing
    async def learn_names(self, manifest: AdoptableManifest) -> None:
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
    async def _adopt(self, name: str, size: int, manifest: AdoptableManifest, sha256: str, sealed: str) -> Backup:
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

    async def _learn_names(self, manifest: AdoptableManifest) -> None:
        taken = {folded(str(row["name"])) for row in await self.rows("SELECT name FROM database_names")}
        records: tuple[BackedUp | SkippedRecord, ...] = (*manifest.databases, *manifest.skipped)
        for known in records:
            if folded(known.name) in taken:
                continue  # this path's own name, or another path's that has it now
            changed = await self.execute(
                "INSERT OR IGNORE INTO database_names (path, name) VALUES (?, ?)", (known.path, known.name)
            )
            if changed:
                taken.add(folded(known.name))


def stored_expected(catalogue: Path) -> frozenset[Path]:
    """Return the paths of the databases that are expected, read without opening the store; none where there is none.

    A catalogue that can't be read, or is of an earlier version, is the business of the commands that need it. Blocking.
    """
    if not catalogue.is_file():
        return frozenset()
    try:
        with closing(sqlite3.connect(f"{catalogue.resolve().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            return frozenset(Path(path) for (path,) in connection.execute(EXPECTED))
    except sqlite3.Error:
        return frozenset()


def _trigger(manifest: AdoptableManifest) -> Trigger:
    try:
        return Trigger(manifest.trigger)
    except ValueError:  # a newer version's word
        return Trigger.COMMAND
