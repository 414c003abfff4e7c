"""Opens the store and its catalogue, and puts in order what a process before may have left unfinished."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from loguru import logger

from bot.clock import Clock, utc_now
from bot.config.settings import Settings
from bot.errors import BusyError, CatalogueError, CourierError, SealError
from bot.models import Actor, Trigger
from bot.services.archive.manifest import read_manifest
from bot.services.catalogue import CATALOGUE_NAME, Catalogue, Rebuilt, open_or_rebuild
from bot.services.catalogue.private_copy import copy_catalogue
from bot.services.files.locks import RunLock
from bot.services.files.private_file import sha256_of
from bot.services.files.private_folder import sweep_private_folders
from bot.services.files.store import Store, can_write
from bot.services.restore.cut_off import CutOffRestores
from bot.services.retention.inventory import take_stock
from bot.services.sealing.header import is_sealed
from bot.services.sealing.keys import NO_KEYS, Keys


@asynccontextmanager
async def open_store(
    settings: Settings, *, clock: Clock = utc_now, reading: bool = False
) -> AsyncIterator[tuple[Store, Catalogue]]:
    """Open the folder of archives and its catalogue, in order after a crash too.

    What an ended process left half done is swept and marked, unless another process is running a backup right now.
    What a restore that was cut off has left is put in order too, before anything reads the databases.
    Which archives are gone or cut is recorded.
    A missing or corrupt catalogue is rebuilt from the archives. Raises `CatalogueError`, `NoSpaceError`.

    Who only reads (`reading`) is given a folder that is not there, or can't be written, as it is: nothing is created or
    put in order in it, and the catalogue is a private copy that goes again.
    """
    folder = settings.backup_dir
    aside = not await asyncio.to_thread(can_write, folder)
    there = await asyncio.to_thread(folder.is_dir)
    if aside and there and not reading:
        raise CatalogueError(
            f"BACKUP_DIR {folder} can't be written: it is mounted read-only, or another user's.",
            hint="`list`, `show`, `status`, `verify` and `restore … --to FOLDER` work with it as it is.",
        )
    async with AsyncExitStack() as stack:
        if aside and reading:
            store = await _store_aside(settings, stack)
        else:
            store, aside = Store(folder, work=settings.snapshot_dir), False
            await store.prepare()
        catalogue, rebuilt = await open_or_rebuild(
            store.control / CATALOGUE_NAME, folder, read_manifest=read_manifest, clock=clock
        )
        stack.push_async_callback(catalogue.close)
        if not aside:
            if rebuilt is not None:
                _tell_of_rebuild(rebuilt)
            await _tidy(store, catalogue, settings.keys)
            await CutOffRestores(settings, store, catalogue, clock=clock).settle()
        elif there:
            await _adopt_strays(store, catalogue, settings.keys)
        if there or not aside:
            await take_stock(store, catalogue)
        yield store, catalogue


async def _store_aside(settings: Settings, stack: AsyncExitStack) -> Store:
    """Return the store of who only reads: with a copy of its catalogue, in a folder that goes again."""
    name = stack.enter_context(tempfile.TemporaryDirectory(prefix="sqlite-courier-", ignore_cleanup_errors=True))
    work = settings.snapshot_dir
    if work is not None and not await asyncio.to_thread(can_write, work):
        work = None
    store = Store(settings.backup_dir, work=work, control=Path(name))
    await asyncio.to_thread(copy_catalogue, store.folder / CATALOGUE_NAME, store.control / CATALOGUE_NAME)
    return store


def _tell_of_rebuild(rebuilt: Rebuilt) -> None:
    for path in rebuilt.set_aside:
        logger.error("the catalogue was broken; it is kept as {}", path)
    logger.warning("the catalogue was rebuilt from {} archives", len(rebuilt.adopted))
    for path in rebuilt.unreadable:
        if is_sealed(path):
            continue  # opened, or kept as it is, with the strays
        logger.error("{} has no readable manifest; it is left alone", path)


async def _tidy(store: Store, catalogue: Catalogue, keys: Keys) -> None:
    """Mark and sweep what an ended process left, and take in archives that its catalogue did not get to know."""
    try:
        async with RunLock(store.folder).hold(trigger=Trigger.COMMAND, requested_by=Actor.START):
            for backup in await catalogue.backups.mark_interrupted():
                logger.warning("backup {} of {} was interrupted", backup.id, backup.started_at)
            for path in (*await store.sweep(), *await sweep_private_folders(store.work)):
                logger.warning("swept {}", path)
            await _adopt_strays(store, catalogue, keys)
    except BusyError:
        return  # what looks like a leftover belongs to the run of another process


async def _adopt_strays(store: Store, catalogue: Catalogue, keys: Keys) -> None:
    """Take in archives that the catalogue does not know, once they are proven by reading them in full.

    Killed between the renaming of an archive and its row, a run leaves such a one; a person may have put one back.
    Sealed ones that no key here opens are kept without being proven, until a start that has the key.
    """
    known = {archive.archive_name: archive for archive in await catalogue.archives.on_disk()}
    for path in await store.archives():
        if path.name in known and not known[path.name].unopened:
            continue
        try:
            await _adopt_stray(path, store, catalogue, keys, known=path.name in known)
        except CatalogueError:
            raise
        except CourierError as error:
            logger.error("{} is left alone: {}", path, error.sentence)
        except Exception as error:  # foreign bytes may fail in any way, and keep nobody from starting
            logger.opt(exception=error).error("{} is left alone", path)


async def _adopt_stray(path: Path, store: Store, catalogue: Catalogue, keys: Keys, *, known: bool) -> None:
    from bot.services.archive.unsealing import sealed_for, verify_any  # noqa: PLC0415 - few starts find any

    try:
        archive, manifest = await verify_any(path, store.work, keys)
    except SealError as error:
        if known and not await catalogue.archives.is_told_of(path.name):
            return  # as at the last start; it is not read again for nothing
        backup = await catalogue.archives.adopt_unopened(
            path, await asyncio.to_thread(sha256_of, path), sealed_for(path, NO_KEYS)
        )
        if not backup.proven:
            logger.warning("{} is kept as backup {}: {}", path, backup.id, error.sentence)
        return
    backup = await catalogue.archives.adopt(path, manifest, archive.sha256, sealed=archive.sealed)
    logger.warning("{} was not in the catalogue; it is whole, and now backup {}", path, backup.id)
