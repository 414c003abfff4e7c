"""Records a backup from its beginning to its end, whatever that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from loguru import logger

from bot.errors import AbortedError, CourierError, NothingToBackUpError
from bot.models import Archive, Backup, BackupState, Cause, Delivery, DeliveryState, Reason, Trigger, because
from bot.services.archive.manifest import Manifest
from bot.services.catalogue.catalogue import Catalogue
from bot.services.concurrency.nursery import settled
from bot.words.actors import actor_words
from bot.words.causes import in_full


@asynccontextmanager
async def recorded(
    catalogue: Catalogue, *, trigger: Trigger, requested_by: str, started_at: datetime
) -> AsyncIterator[int]:
    """Record a backup as begun and give its id; what ends the block otherwise is recorded as why there is none."""
    backup_id = await catalogue.backups.begin(trigger=trigger, requested_by=requested_by, started_at=started_at)
    logger.info("backup {} started: {}, asked for by {}", backup_id, trigger, actor_words(requested_by))
    try:
        yield backup_id
    except BaseException as error:
        await settled(_record_failure(catalogue, backup_id, trigger, error))
        raise


async def record_stored(catalogue: Catalogue, backup_id: int, archive: Archive, manifest: Manifest) -> Backup:
    """Record the proven archive of a backup, and what is in it."""
    backup = await catalogue.backups.finish(
        backup_id,
        state=BackupState.STORED,
        finished_at=catalogue.clock(),
        archive=archive,
        databases=manifest.databases,
        skipped=manifest.skipped,
    )
    logger.info(
        "backup {} proven: {}, {} databases, {} bytes, sha256 {}",
        backup_id, backup.archive_name, len(backup.databases), backup.archive_bytes, backup.archive_sha256[:16],
    )  # fmt: skip
    for record in backup.skipped:
        logger.error("backup {} is without {} ({}): {}", backup_id, record.path, record.reason, in_full(record.why))
    return backup


async def record_delivered(catalogue: Catalogue, backup_id: int) -> Backup:
    """Bring a proven backup's state in line with its deliveries, and return it."""
    backup = await catalogue.backups.get(backup_id)
    if not backup.proven or backup.state is BackupState.RUNNING:
        return backup
    state = _state_of(backup, await catalogue.deliveries.of(backup_id))
    if state is not backup.state:
        await catalogue.backups.set_state(backup_id, state)
    return replace(backup, state=state)


def _state_of(backup: Backup, deliveries: tuple[Delivery, ...]) -> BackupState:
    """Say what has become of a proven backup, from what it lacks and who has received it."""
    if backup.skipped:
        return BackupState.PARTIAL
    idle = (DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)
    due = [delivery for delivery in deliveries if delivery.state not in idle]
    sent = [delivery for delivery in due if delivery.received]
    # Who was told where a too large archive lies is owed no more, and is nobody who has it.
    if sent and all(delivery.state is DeliveryState.SENT for delivery in due):
        return BackupState.DELIVERED
    return BackupState.PARTIAL if sent else BackupState.STORED


def _why(error: BaseException) -> Reason:
    """Return what is recorded of an error beside its code; nothing where the code says it, or the log alone."""
    if isinstance(error, CourierError):
        return error.cause
    if isinstance(error, asyncio.CancelledError):
        return Reason(Cause.SERVICE_STOPPED)
    return because(Cause.UNFORESEEN_ERROR, kind=type(error).__name__, said=str(error))


async def _record_failure(catalogue: Catalogue, backup_id: int, trigger: Trigger, error: BaseException) -> None:
    stopped = isinstance(error, (AbortedError, asyncio.CancelledError))
    code = error.code if isinstance(error, CourierError) else "aborted" if stopped else "error"
    sentence = error.sentence if isinstance(error, CourierError) else f"{type(error).__name__}: {error}"
    # A safety copy that failed stops its restore, which says so: it is no backup that somebody waits for in vain.
    failed = BackupState.INTERRUPTED if stopped or trigger is Trigger.SAFETY else BackupState.FAILED
    await catalogue.backups.finish(
        backup_id,
        state=failed,
        finished_at=catalogue.clock(),
        skipped=error.skipped if isinstance(error, NothingToBackUpError) else (),
        error_code=code,
        error=_why(error),
    )
    if stopped:
        logger.warning("backup {} was interrupted: {}", backup_id, sentence)
    else:
        logger.error("backup {} failed: {}", backup_id, sentence)
