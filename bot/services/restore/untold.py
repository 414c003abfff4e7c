"""Keeps in the catalogue what the admins have yet to hear of restores: over restarts, and from other processes."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from loguru import logger
from pydantic import TypeAdapter

from bot.clock import Clock, utc_now
from bot.models import PendingRestore, RestoreAct, RestoredByHand, RestorePlan, RestoreResult
from bot.services.catalogue import Catalogue

T = TypeVar("T")

_MOST = 20  # of which a service that was down for long still tells


class Untold(Generic[T]):
    """One kind of news. Its methods raise `CatalogueError`."""

    def __init__(self, about: str, kind: Any) -> None:
        self._about, self._adapter = about, TypeAdapter[T](kind)

    async def get(self, catalogue: Catalogue) -> T | None:
        """Return what has yet to be told."""
        text = await catalogue.service.untold(self._about)
        try:
            return self._adapter.validate_json(text) if text else None
        except ValueError:  # of another version: no reason to tell nothing ever again
            logger.warning("what was to be told of a restore can't be read and is not told: {}", text)
            await self.forget(catalogue)
            return None

    async def keep(self, catalogue: Catalogue, news: T) -> None:
        """Keep what has to be told."""
        await catalogue.service.set_untold(self._adapter.dump_json(news).decode(), self._about)

    async def forget(self, catalogue: Catalogue) -> None:
        """Note that it was told."""
        await catalogue.service.set_untold("", self._about)


CUT_OFF = Untold[PendingRestore]("untold", PendingRestore)
BY_HAND = Untold[tuple[RestoredByHand, ...]]("restored by hand", tuple[RestoredByHand, ...])
"""Restores done on the command line, oldest first."""


async def report_by_hand(
    catalogue: Catalogue, plan: RestorePlan, result: RestoreResult, *, clock: Clock = utc_now
) -> None:
    """Note that live databases were restored by hand. Raises `CatalogueError`."""
    word = RestoredByHand(
        at=clock(),
        undo=plan.act is RestoreAct.UNDO,
        source=plan.source,
        databases=tuple(database.name for database in result.databases),
        lost=tuple(lost for change in plan.changes for lost in change.lost),
        safety_id=result.safety.id if result.safety is not None else None,
        safety_until=result.safety.keep_until if result.safety is not None else None,
    )
    await BY_HAND.keep(catalogue, (*(await BY_HAND.get(catalogue) or ()), word)[-_MOST:])


async def forget_by_hand(catalogue: Catalogue, word: RestoredByHand) -> None:
    """Note that one of them was told. Raises `CatalogueError`."""
    await BY_HAND.keep(catalogue, tuple(other for other in await BY_HAND.get(catalogue) or () if other != word))
