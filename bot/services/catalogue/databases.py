"""Stores the names that databases have in archives, and which databases are expected to be there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.models import BackedUp, Database, SkippedRecord, SkipReason
from bot.services.archive.manifest import Manifest
from bot.services.catalogue.backup_rows import AMONG, BY_TIME, ORDINARY
from bot.services.catalogue.connection import CatalogueConnection, CatalogueTable, reading, writing
from bot.services.files.names import folded

EXPECTED = (
    "SELECT path FROM database_names WHERE let_go_at IS NULL AND EXISTS (SELECT 1 FROM backed_up JOIN backups"
    " ON id = backup_id WHERE backed_up.name = database_names.name AND backed_up.path = database_names.path"
    " AND archive_sha256 <> '')"
)
"""The statement that asks for the paths of the databases that are expected."""

_ENDED = f"{ORDINARY} AND state NOT IN ('running', 'interrupted')"
_NEWEST = f"backup_id = (SELECT id FROM backups WHERE {_ENDED} {BY_TIME} LIMIT 1)"
_LET_GO = "FROM database_names WHERE let_go_at IS NOT NULL AND let_go_named >= ?"


class DatabaseTable(CatalogueTable):
    """The rows of database_names."""

    @reading
    async def known_names(self) -> dict[str, str]:
        """Return the member name of every database path ever seen, in the order they were met in."""
        rows = await self._db.rows("SELECT path, name FROM database_names ORDER BY rowid")
        return {row["path"]: row["name"] for row in rows}

    @writing
    async def remember(self, databases: Iterable[Database]) -> None:
        """Remember the names of databases that are there; they are expected from now on, also those let go before."""
        for database in databases:
            given = {"path": str(database.path), "name": database.name, "let_go_at": None, "let_go_named": 0}
            await self._db.upsert("database_names", "path", **given)

    @reading
    async def expected_paths(self) -> frozenset[Path]:
        """Return the paths of the databases that a proven backup holds and that nobody has let go since."""
        return frozenset(map(Path, await self._db.column(EXPECTED)))

    @reading
    async def let_go_paths(self, *, named: bool = False) -> frozenset[Path]:
        """Return the paths of the databases that are rightly gone, as an admin said, and have not come back.

        `named`: those alone that were let go although DATABASES names their path.
        """
        return frozenset(map(Path, await self._db.column(f"SELECT path {_LET_GO}", named)))

    @reading
    async def let_go_names(self, *, named: bool = False) -> frozenset[str]:
        """Return the names of those databases."""
        return frozenset(await self._db.column(f"SELECT name {_LET_GO}", named))

    @writing
    async def let_go(self, names: Iterable[str], *, named: bool = False) -> None:
        """Expect databases no longer, until they are found again; `named` where DATABASES names their paths.

        One that never was there is known from the newest run, which was without it.
        """
        names = set(names)
        await self._db.execute(
            f"INSERT OR IGNORE INTO database_names (path, name) SELECT path, name FROM skipped WHERE {_NEWEST}"
            f" AND name {AMONG}",
            names,
        )
        await self._db.execute(
            f"UPDATE database_names SET let_go_at = ?, let_go_named = ? WHERE name {AMONG}",
            self._db.clock(),
            named,
            names,
        )

    @reading
    async def newest_skipped(self, reasons: Iterable[SkipReason]) -> tuple[str, ...]:
        """Return the names of the databases that the newest run, not one cut off, was without for these reasons."""
        return tuple(
            await self._db.column(
                f"SELECT name FROM skipped WHERE {_NEWEST} AND reason {AMONG} ORDER BY position", set(reasons)
            )
        )

    @writing
    async def learn(self, manifest: Manifest) -> None:
        """Remember a manifest's names for paths that have none yet, unless another path has the name."""
        await learn_names(self._db, manifest)


async def learn_names(db: CatalogueConnection, manifest: Manifest) -> None:
    taken = {folded(name) for name in await db.column("SELECT name FROM database_names")}
    records: tuple[BackedUp | SkippedRecord, ...] = (*manifest.databases, *manifest.skipped)
    for known in records:
        if folded(known.name) in taken:
            continue  # this path's own name, or another path's that has it now
        changed = await db.execute(
            "INSERT OR IGNORE INTO database_names (path, name) VALUES (?, ?)", known.path, known.name
        )
        if changed:
            taken.add(folded(known.name))
