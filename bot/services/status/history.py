"""Reads the history of runs page by page, and one backup in detail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.models import Backup, BackupDetails, BackupPage
from bot.services.catalogue import Catalogue
from bot.services.retention.housekeeping import Housekeeping


async def read_page(catalogue: Catalogue, housekeeping: Housekeeping, page: int, per_page: int) -> BackupPage:
    """Return page `page` of all runs, newest first; a page past the end shows the last one."""
    total = await catalogue.backups.count()
    pages = max(1, -(-total // per_page))
    page = min(max(0, page), pages - 1)
    by_rule: frozenset[int] = frozenset()
    if housekeeping.keep_rules.any:
        by_rule = frozenset(decision.backup.id for decision in await housekeeping.plan_prune() if decision.by_rule)
    return BackupPage(
        backups=await catalogue.backups.select(limit=per_page, offset=page * per_page),
        page=page,
        pages=pages,
        total=total,
        by_rule=by_rule,
    )


async def read_details(
    catalogue: Catalogue,
    housekeeping: Housekeeping,
    backup_id: int,
    *,
    volume_bytes: int,
    is_restorable: Callable[[Backup], Awaitable[bool]],
) -> BackupDetails:
    """Return one backup with its deliveries, its volumes of that size, and its future. Raises `NotFoundError`."""
    backup = await catalogue.backups.get(backup_id)
    decision = next((one for one in await housekeeping.plan_prune() if one.backup.id == backup_id), None)
    return BackupDetails(
        backup=backup,
        deliveries=await catalogue.deliveries.of(backup_id),
        retention=decision.why if decision else "",
        volumes=max(1, -(-backup.archive_bytes // volume_bytes)),
        drills=await catalogue.drills.of(backup_id),
        restorable=await is_restorable(backup),
    )
