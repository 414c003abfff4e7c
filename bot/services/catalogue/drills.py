"""Stores test-restores in the catalogue."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

from bot.models import Drill, DrillSource
from bot.services.catalogue.backup_rows import read_backup
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_text, as_time


class DrillTable(CatalogueTable):
    """The rows of drills."""

    @writing
    async def record(self, drill: Drill) -> None:
        """Raises NotFoundError when there is no such backup."""
        await read_backup(self._db, drill.backup_id)
        await self._db.execute(
            "INSERT INTO drills (backup_id, at, source, ok, detail, opened) VALUES (?, ?, ?, ?, ?, ?)",
            (drill.backup_id, as_text(drill.at), str(drill.source), int(drill.ok), drill.detail, int(drill.opened)),
        )

    @reading
    async def of(self, backup_id: int) -> tuple[Drill, ...]:
        """Return the test-restores of one backup, newest first."""
        return await self._drills("WHERE backup_id = ? ORDER BY id DESC", backup_id)

    @reading
    async def last(self, *, ok_only: bool = False) -> Drill | None:
        """Return the newest test-restore, or the newest that opened the archive and succeeded."""
        found = await self._drills(f"{'WHERE ok = 1 AND opened = 1' if ok_only else ''} ORDER BY id DESC LIMIT 1")
        return found[0] if found else None

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
            for row in await self._db.rows(f"SELECT * FROM drills {where}", parameters)
        )
