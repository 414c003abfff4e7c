"""Restores into a folder of a machine that has no store and no catalogue yet."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.clock import utc_now
from bot.errors import RestoreError, RestoreRefusedError
from bot.models import Actor, ReportRestore, RestorePoint, RestoreResult
from bot.services.catalogue import CATALOGUE_NAME, Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.files.store import Store
from bot.services.restore.context import RestoreContext
from bot.services.restore.journal import TO_FOLDER, RestoreJournal
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import RestoreSource
from bot.services.restore.targets import NOTHING_CONFIGURED
from bot.services.sealing.keys import NO_KEYS, Keys

BUSY_SECONDS = 30.0

_OTHER_FOLDER = "Recover into another folder with --to, or set what is there aside with --force."


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a recovery has put into its folder: the databases, and beside them the files that they came from.

    `origins` are the paths they were read from, by name, as the manifest inside the archive tells.
    """

    result: RestoreResult
    archives: tuple[Path, ...]
    origins: Mapping[str, str] = field(default_factory=dict)


async def restore_into(
    files: Sequence[Path],
    into: Path,
    temp: Path,
    *,
    point: RestorePoint | None = None,
    only: Sequence[str] = (),
    force: bool = False,
    keys: Keys = NO_KEYS,
    report: ReportRestore = lambda _: None,
) -> Recovered:
    """Restore an archive (its volumes in any order) into the folder `into`, by the one way of every restore.

    With the `point` it was fetched for, its SHA-256 must be the point's. `temp` is a private folder for the time being;
    the files are moved out of it in the end, beside the databases. Raises `RestoreRefusedError` where something stands
    in the way (with `force` it is set aside) and what `take_in` raises; nothing is changed then.
    """
    store, abort = _store_in(temp), Abort()
    await store.prepare()
    async with await Catalogue.open(store.folder / CATALOGUE_NAME, clock=utc_now) as catalogue:
        context = RestoreContext(
            store=store,
            catalogue=catalogue,
            busy_timeout=BUSY_SECONDS,
            host=platform.node(),
            timezone="UTC",
            clock=utc_now,
            keys=keys,
        )
        restorer = Restorer(context, NOTHING_CONFIGURED)
        if point is not None:
            await catalogue.restore_points.learn([point])
        backup = await catalogue.restore_points.backup_of(point) if point else None
        origin = RestoreSource(files=tuple(files), backup=backup)
        async with restorer.prepare(
            origin, only=only, folder=await asyncio.to_thread(into.absolute), force=force, abort=abort, report=report
        ) as prepared:
            if prepared.plan.all_obstacles:
                raise RestoreRefusedError("\n".join(prepared.plan.all_obstacles), hint=_OTHER_FOLDER)
            result = await restorer.restore(prepared, requested_by=Actor.RECOVER, abort=abort, report=report)
            origins = {one.name: one.record.path for one in prepared.intake.databases if one.record is not None}
    return Recovered(result=result, archives=await asyncio.to_thread(_keep, files, into), origins=origins)


def remove_half_copies(temp: Path) -> None:
    """Remove what a recovery that was cut off had copied beside its targets, as the journal in its `temp` names it."""
    with suppress(RestoreError, OSError):  # half a journal: no copy was begun
        record = RestoreJournal(_store_in(temp).control, TO_FOLDER).read()
        for entry in record.entries if record is not None else ():
            if entry.replacement is not None:
                Path(entry.replacement.temporary).unlink(missing_ok=True)


def _store_in(temp: Path) -> Store:
    return Store(temp / "store")


def refuse_to_replace(into: Path, names: Sequence[str]) -> None:
    """Raise `RestoreRefusedError` if a file of these names is in the folder: known before anything is fetched."""
    found = [name for name in names if os.path.lexists(into / name)]
    if found:
        raise RestoreRefusedError(
            f"{', '.join(found)} {'exists' if len(found) == 1 else 'exist'} already in {into}; nothing was changed.",
            hint=_OTHER_FOLDER,
        )


def _keep(files: Sequence[Path], into: Path) -> tuple[Path, ...]:
    kept = []
    for file in files:
        target = into / file.name
        if not os.path.lexists(target):
            file.replace(target)
        kept.append(target)
    return tuple(kept)
