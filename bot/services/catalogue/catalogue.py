"""Joins the parts of the catalogue, a class per subject, over one connection."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from bot.clock import Clock, utc_now
from bot.services.catalogue.adoption import AdoptionRows
from bot.services.catalogue.alarm_rows import AlarmRows
from bot.services.catalogue.bot_rows import BotRows
from bot.services.catalogue.connection import carry_out, connect
from bot.services.catalogue.delivery_rows import DeliveryRows
from bot.services.catalogue.fault_rows import FaultRows
from bot.services.catalogue.finding import FindingRows
from bot.services.catalogue.inbox_rows import InboxRows
from bot.services.catalogue.preference_rows import PreferenceRows
from bot.services.catalogue.recipient_rows import RecipientRows
from bot.services.catalogue.restore_rows import RestoreRows
from bot.services.catalogue.service_rows import ServiceRows
from bot.services.catalogue.trim_rows import TrimRows


class Catalogue(
    AdoptionRows,
    AlarmRows,
    BotRows,
    FaultRows,
    FindingRows,
    PreferenceRows,
    DeliveryRows,
    InboxRows,
    RecipientRows,
    TrimRows,
    RestoreRows,
    ServiceRows,
):
    """One connection for one process; others may read beside it.

    Every method is one transaction: on the disk when it returns, wholly or not at all, also when the caller is
    cancelled. Methods called side by side queue. All raise CatalogueError when the file can't be used, NoSpaceError
    when the disk is full.
    """

    @classmethod
    async def open(cls, path: Path, *, clock: Clock = utc_now, read_only: bool = False) -> Self:
        """Open the catalogue at a path; without `read_only` it is created or migrated as needed, private (0600).

        Raises BrokenCatalogueError (a CatalogueError) when the file is damaged or no database, CatalogueError when it
        is of a newer version, another application's, locked, not readable, or missing (`read_only`).
        """
        return cls(path, await connect(path, read_only=read_only), clock)

    async def close(self) -> None:
        """Close the connection after what is queued is done; a second call does nothing."""
        async with self.lock:
            if not self.closed:
                self.closed = True
                await carry_out(self.database.close())

    async def data_version(self) -> int:
        """Return a number that changes when another connection wrote (https://www.sqlite.org/pragma.html)."""
        async with self.lock:
            self.require_open()
            return int(await self.value("PRAGMA data_version"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
