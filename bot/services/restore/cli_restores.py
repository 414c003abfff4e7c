"""Records restores done on the command line, so that the running or the next service reports them to the admins."""

from __future__ import annotations

from loguru import logger
from pydantic import TypeAdapter

from bot.clock import Clock, utc_now
from bot.models import RestoredByHand, RestorePlan, RestoreResult
from bot.services.catalogue import Catalogue

_ABOUT = "restored by hand"
_MOST = 20  # of which a service that was down for long still tells
_ADAPTER = TypeAdapter(tuple[RestoredByHand, ...])


async def report_cli_restore(
    catalogue: Catalogue, plan: RestorePlan, result: RestoreResult, *, undo: bool, clock: Clock = utc_now
) -> None:
    """Note that live databases were restored by hand. Raises `CatalogueError`."""
    word = RestoredByHand(
        at=clock(),
        undo=undo,
        source=plan.source,
        databases=tuple(database.name for database in result.databases),
        lost=tuple(lost for change in plan.changes for lost in change.lost),
        safety_id=result.safety.id if result.safety is not None else None,
    )
    words = (*await reported_cli_restores(catalogue), word)[-_MOST:]
    await catalogue.service.set_untold(_ADAPTER.dump_json(words).decode(), _ABOUT)


async def reported_cli_restores(catalogue: Catalogue) -> tuple[RestoredByHand, ...]:
    """Return the restores of which the admins have not heard yet, oldest first. Raises `CatalogueError`."""
    text = await catalogue.service.untold(_ABOUT)
    try:
        return _ADAPTER.validate_json(text) if text else ()
    except ValueError:  # of another version: no reason to tell nothing ever again
        logger.warning("what the command line restored can't be read and is not told: {}", text)
        await catalogue.service.set_untold("", _ABOUT)
        return ()


async def forget_cli_restore(catalogue: Catalogue, word: RestoredByHand) -> None:
    """Note that they have heard of it. Raises `CatalogueError`."""
    left = tuple(other for other in await reported_cli_restores(catalogue) if other != word)
    await catalogue.service.set_untold(_ADAPTER.dump_json(left).decode() if left else "", _ABOUT)
