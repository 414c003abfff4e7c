"""Unpacks again what a restore brought, so that an undo knows what was written since."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from loguru import logger

from bot.errors import AbortedError, CourierError
from bot.models import CheckMethod, ReportRestore
from bot.services.concurrency.abort import Abort
from bot.services.files.names import folded
from bot.services.restore.context import RestoreContext
from bot.services.restore.intake import take_in
from bot.services.restore.journal import Record
from bot.services.restore.sources import find_source


@asynccontextmanager
async def brought_by(
    context: RestoreContext, record: Record, names: Sequence[str], scratch: Path, *, abort: Abort, report: ReportRestore
) -> AsyncIterator[Mapping[str, Path]]:
    """Give private copies of what a restore brought of those databases, by name, as long as the context lives.

    One that can't be had is left out: its archive is gone, was never catalogued, or holds something else by now.
    Raises `AbortedError`.
    """
    folder = scratch / "brought"
    await asyncio.to_thread(folder.mkdir, 0o700)
    try:
        yield await _unpacked(context, record, names, folder, abort=abort, report=report)
    finally:
        await asyncio.to_thread(partial(shutil.rmtree, folder, ignore_errors=True))


async def _unpacked(
    context: RestoreContext, record: Record, names: Sequence[str], folder: Path, *, abort: Abort, report: ReportRestore
) -> dict[str, Path]:
    if record.backup_id is None or not names:
        return {}
    wanted = {entry.name: entry.new_fingerprint for entry in record.entries if entry.name in names}
    try:
        origin = await find_source(context.catalogue, context.store.folder, str(record.backup_id))
        held = {folded(database.name) for database in origin.backup.databases} if origin.backup else set()
        only = tuple(name for name in wanted if folded(name) in held)
        if not only:
            return {}
        taken = await take_in(
            replace(origin, only=only), folder, check=CheckMethod.QUICK, keys=context.keys, abort=abort, report=report
        )
    except AbortedError:
        raise
    except (CourierError, OSError) as error:
        logger.info("what the restore of {} brought can't be compared with: {}", record.source, error)
        return {}
    return {one.name: one.snapshot.file for one in taken.databases if wanted.get(one.name) == one.fingerprint}
