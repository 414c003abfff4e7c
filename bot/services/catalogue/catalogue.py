"""Joins the tables of the catalogue, a class per subject, over one connection."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from bot.clock import Clock, utc_now
from bot.services.catalogue.alarms import AlarmTable
from bot.services.catalogue.archives import ArchiveTable
from bot.services.catalogue.backups import BackupTable
from bot.services.catalogue.bot import BotTable
from bot.services.catalogue.charts import ChartTable
from bot.services.catalogue.connection import CatalogueConnection, connect
from bot.services.catalogue.databases import DatabaseTable
from bot.services.catalogue.deflated import DeflatedTable
from bot.services.catalogue.deliveries import DeliveryTable
from bot.services.catalogue.drills import DrillTable
from bot.services.catalogue.events import EventTable
from bot.services.catalogue.inbox import InboxTable
from bot.services.catalogue.messages import MessageTable
from bot.services.catalogue.preferences import PreferenceTable
from bot.services.catalogue.recipients import RecipientTable
from bot.services.catalogue.restore_points import RestorePointTable
from bot.services.catalogue.service import ServiceTable
from bot.services.catalogue.trimming import TrimTable
from bot.services.catalogue.volumes import VolumeTable


class Catalogue:
    """One connection for one process; others may read beside it.

    Every method of a table is one transaction: on the disk when it returns, wholly or not at all, also when the caller
    is cancelled. Methods called side by side queue. All raise CatalogueError when the file can't be used, NoSpaceError
    when the disk is full.
    """

    def __init__(self, db: CatalogueConnection) -> None:
        self._db = db
        self.path, self.clock = db.path, db.clock
        self.alarms = AlarmTable(db)
        self.archives = ArchiveTable(db)
        self.backups = BackupTable(db)
        self.bot = BotTable(db)
        self.charts = ChartTable(db)
        self.databases = DatabaseTable(db)
        self.deflated = DeflatedTable(db)
        self.deliveries = DeliveryTable(db)
        self.drills = DrillTable(db)
        self.events = EventTable(db)
        self.inbox = InboxTable(db)
        self.messages = MessageTable(db)
        self.preferences = PreferenceTable(db)
        self.recipients = RecipientTable(db)
        self.restore_points = RestorePointTable(db)
        self.service = ServiceTable(db)
        self.trimming = TrimTable(db)
        self.volumes = VolumeTable(db)

    @classmethod
    async def open(cls, path: Path, *, clock: Clock = utc_now, read_only: bool = False) -> Self:
        """Open the catalogue at a path; without `read_only` it is created or migrated as needed, private (0600).

        Raises BrokenCatalogueError (a CatalogueError) when the file is damaged or no database, CatalogueError when it
        is of a newer version, another application's, locked, not readable, or missing (`read_only`).
        """
        return cls(await connect(path, clock=clock, read_only=read_only))

    async def close(self) -> None:
        """Close the connection after what is queued is done; a second call does nothing."""
        await self._db.close()

    async def put_back(self) -> tuple[Path, ...] | None:
        """Write all that is known into a new file where ours was deleted or replaced; None where it is in its place.

        Returns what had its name meanwhile, and where that is now.
        """
        return await self._db.put_back()

    async def data_version(self) -> int:
        """Return a number that changes when another connection wrote (https://www.sqlite.org/pragma.html)."""
        async with self._db.lock, self._db.transaction("BEGIN"):
            return await self._db.value(int, "PRAGMA data_version") or 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
