"""Keeps in the catalogue what is to be announced of restores: over restarts, and for other processes."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from loguru import logger
from pydantic import TypeAdapter

from bot.clock import utc_now
from bot.models import PendingRestore, RestoreAct, RestoredByHand, RestorePlan, RestoreResult
from bot.services.catalogue import Catalogue

T = TypeVar("T")

_MOST = 20  # of which a service that was down for long still announces


class Unannounced(Generic[T]):
    """What is to be announced of one kind. Its methods raise `CatalogueError`."""

    def __init__(self, about: str, kind: Any) -> None:
        self._about, self._adapter = about, TypeAdapter[T](kind)

    async def get(self, catalogue: Catalogue) -> T | None:
        """Return what is to be announced."""
        text = await catalogue.service.unannounced(self._about)
        try:
            return self._adapter.validate_json(text) if text else None
        except ValueError:  # of another version: no reason to announce nothing ever again
            logger.warning("what was to be announced of a restore can't be read, and is not: {}", text)
            await self.forget(catalogue)
            return None

    async def keep(self, catalogue: Catalogue, news: T) -> None:
        """Keep what is to be announced."""
        await catalogue.service.set_unannounced(self._adapter.dump_json(news).decode(), self._about)

    async def forget(self, catalogue: Catalogue) -> None:
        """Note that it was announced."""
        await catalogue.service.set_unannounced("", self._about)


CUT_OFF = Unannounced[PendingRestore]("untold", PendingRestore)
BY_HAND = Unannounced[tuple[RestoredByHand, ...]]("restored by hand", tuple[RestoredByHand, ...])
"""Restores done on the command line, oldest first."""


async def report_by_hand(catalogue: Catalogue, plan: RestorePlan, result: RestoreResult) -> None:
    """Note that live databases were restored by hand. Raises `CatalogueError`."""
    word = RestoredByHand(
        at=utc_now(),
        undo=plan.act is RestoreAct.UNDO,
        source=plan.source,
        databases=tuple(database.name for database in result.databases),
        lost=tuple(lost for change in plan.changes for lost in change.lost),
        safety_id=result.safety.id if result.safety is not None else None,
        safety_until=result.safety.keep_until if result.safety is not None else None,
    )
    await BY_HAND.keep(catalogue, (*(await BY_HAND.get(catalogue) or ()), word)[-_MOST:])


async def forget_by_hand(catalogue: Catalogue, word: RestoredByHand) -> None:
    """Note that one of them was announced. Raises `CatalogueError`."""
    await BY_HAND.keep(catalogue, tuple(other for other in await BY_HAND.get(catalogue) or () if other != word))
