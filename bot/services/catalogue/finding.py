"""Finds a backup in the catalogue: the newest good one, the newest of a database, or one by its id or its time."""

# ruff: noqa: S608 - only constants of these modules are put into statements; every value is a parameter

from __future__ import annotations

import re

from bot.errors import NotFoundError
from bot.models import Backup
from bot.services.catalogue.backup_rows import A_RUN, BY_TIME, ORDINARY, BackupRows
from bot.services.catalogue.connection import reading
from bot.services.catalogue.newest import NEWEST_FIRST_SQL

# What is known to be gone or damaged on the disk is a good backup only where somebody has received it whole.
_RECEIVED = "EXISTS (SELECT 1 FROM deliveries WHERE backup_id = backups.id AND state = 'sent' AND reason = '')"
_GOOD = f"archive_sha256 <> '' AND {ORDINARY} AND (fault = '' OR {_RECEIVED})"
_SOUND = "on_disk = 1 AND fault = ''"


class FindingRows(BackupRows):
    """Reads the rows of backups; what is newest is told by `newest_first`, which is kept in SQL here."""

    @reading
    async def find_backup(self, name_or_id: str) -> Backup:
        """Return the backup that a person means.

        "latest" (the newest good one that is no safety copy, on disk if there is one), an id, the name of an archive,
        or the beginning of its time in UTC, as digits or as a date ("20250131_14", "2025-01-31 14:00"), when only one
        archive on disk (or else of those deleted) begins so. A whole number is an id first. Raises NotFoundError, which
        names the candidates when there are several.
        """
        asked = name_or_id.strip()
        if asked.casefold() == "latest":
            latest = await self._latest(f"{_GOOD} AND {_SOUND}") or await self._latest(_GOOD)
            latest = latest or await self._latest(f"archive_sha256 <> '' AND {ORDINARY}")
            if latest is None:
                message = "There is no proven backup yet."
                raise NotFoundError(message)
            return latest
        if re.fullmatch(r"#?[0-9]{1,18}", asked):
            row = await self.row("SELECT id FROM backups WHERE id = ?", (int(asked.removeprefix("#")),))
            if row is not None:
                return await self._backup(row["id"])
        return await self._backup(await self._named(asked))

    @reading
    async def latest_proven(self) -> Backup | None:
        """Return the newest good backup, also one that was deleted from the disk since; no safety copy.

        One whose archive is known to be gone or damaged counts only where a recipient has it.
        """
        return await self._latest(_GOOD)

    @reading
    async def latest_sound(self) -> Backup | None:
        """Return the newest backup whose archive is on the disk, with nothing known against it; no safety copy."""
        return await self._latest(f"{_GOOD} AND {_SOUND}")

    @reading
    async def latest_run(self, *, interrupted: bool = True) -> Backup | None:
        """Return the newest finished run, whatever became of it; no safety copy, and nothing that was merely found.

        Without `interrupted`, none that was cut off by a shutdown.
        """
        states = "('running')" if interrupted else "('running', 'interrupted')"
        return await self._latest(f"state NOT IN {states} AND {ORDINARY} AND {A_RUN}")

    @reading
    async def latest_by_database(self) -> dict[str, Backup]:
        """Return, for every database name ever backed up, the newest proven backup that contains it; no safety copy.

        One whose archive is sound on the disk goes before one whose archive is not, and that before one that is known
        to be gone or damaged.
        """
        # SQLite takes the bare columns of the row that a lone max() chose; a window function says it without that rule.
        rows = await self.rows(
            "SELECT name, id FROM (SELECT name, id, row_number() OVER (PARTITION BY name"
            f" ORDER BY ({_SOUND}) DESC, ({_GOOD}) DESC, {NEWEST_FIRST_SQL}) AS place"
            f" FROM backed_up JOIN backups ON id = backup_id WHERE archive_sha256 <> '' AND {ORDINARY})"
            " WHERE place = 1 ORDER BY name",
            (self._soon(),),
        )
        backups = {backup.id: backup for backup in await self._backups([row["id"] for row in rows])}
        return {row["name"]: backups[row["id"]] for row in rows}

    @reading
    async def dated_ahead(self) -> tuple[Backup, ...]:
        """Return the backups on the disk that are dated in the future."""
        rows = await self.rows(
            f"SELECT id FROM backups WHERE on_disk = 1 AND started_at > ? {BY_TIME}", (self._soon(),)
        )
        return await self._backups([row["id"] for row in rows])

    async def _named(self, asked: str) -> int:
        name = re.sub(r"\.\d{3,}$", "", asked)  # a volume's name means its archive
        digits = re.sub(r"\D", "", name.removeprefix("database_backup_"))
        rows = await self.rows(f"SELECT id, archive_name, on_disk FROM backups WHERE archive_name <> '' {BY_TIME}")
        same = [row for row in rows if row["archive_name"] == name]
        if not same and digits and re.fullmatch(r"(database_backup_)?[\d\sTZ:_.-]+", name):
            same = [row for row in rows if re.sub(r"\D", "", row["archive_name"]).startswith(digits)]
            same = [row for row in same if row["on_disk"]] or same
            if len({row["archive_name"] for row in same}) > 1:
                names = ", ".join(row["archive_name"] for row in same[:5])
                message = f"{len(same)} backups begin with “{asked}”: {names}{', …' if len(same) > 5 else ''}"
                raise NotFoundError(message, hint="Name one of them by its whole name or its id.")
        if not same:
            message = f"There is no backup “{asked}”."
            raise NotFoundError(message, hint="The list of backups shows ids and names.")
        return int(max(same, key=lambda row: bool(row["on_disk"]))["id"])

    async def _latest(self, condition: str) -> Backup | None:
        found = await self.value(
            f"SELECT id FROM backups WHERE {condition} ORDER BY {NEWEST_FIRST_SQL} LIMIT 1", (self._soon(),)
        )
        return None if found is None else await self._backup(found)
