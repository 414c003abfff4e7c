"""Compares the catalogue with the archives on the disk, and records archives that are missing or damaged."""

from __future__ import annotations

import asyncio

from loguru import logger

from bot.errors import CourierError
from bot.models import NO_REASON, Backup, Cause, Reason, WarningCode, because
from bot.services.catalogue import Catalogue, StoredArchive
from bot.services.files.private_file import sha256_of
from bot.services.files.store import ArchiveFile, Store
from bot.words.causes import in_full, sentence_of

_MOST = 3
"""Archives that are named one by one."""

_OF_ANOTHER_FILE = (Cause.ARCHIVE_CUT, Cause.ARCHIVE_GONE, Cause.ARCHIVE_LET_GO, Cause.ARCHIVE_UNREAD)
# What can't be said of a file that is there and has the size again.


async def take_stock(store: Store, catalogue: Catalogue, *, most: int | None = None) -> None:
    """Record which archives are gone from the disk, have not the size they were written with, or are there again.

    Names and sizes are compared, so that it can be done at every look and before every deletion. An archive that was
    found damaged stays so as long as its file is the one that was found; another one in its place, and one that is back
    on the disk, is read in full; of a sealed one that was never opened here, no more is asked than that it has not
    become shorter. `most` is how many bytes are read: what is more waits for who reads all. Raises
    `ArchiveError` where the folder can't be read, and what the catalogue raises.
    """
    believed = await catalogue.archives.on_disk()
    missed = await catalogue.archives.missed()
    files = await store.files()  # after the rows: a file is there before its row, and goes before it
    believed, missed = [
        tuple([one for one in archives if not await _is_unopened(catalogue, one, files)])
        for archives in (believed, missed)
    ]
    doubted: list[tuple[StoredArchive, ArchiveFile]] = []
    for archive in believed:
        file = files.pop(archive.archive_name, None)
        if file is None:
            if await catalogue.archives.mark_gone(archive.id, Reason(Cause.ARCHIVE_GONE)):
                logger.error("the archive of backup {}, {}, is gone from the disk", archive.id, archive.archive_name)
        elif archive.fault and archive.faulty_file == file.state:
            continue
        elif cut := _cut(archive, file):
            await _record(catalogue, archive, cut, file)
        elif archive.fault:
            doubted.append((archive, file))
    for archive in missed:
        file = files.pop(archive.archive_name, None)
        if file is None and archive.fault.code == Cause.ARCHIVE_UNREAD:
            await catalogue.archives.set_missed(archive.id, Reason(Cause.ARCHIVE_GONE))
        if file is not None and not _cut(archive, file):  # or it is still being copied back
            doubted.append((archive, file))
    left = sum(file.bytes for _, file in doubted) if most is None else most
    for archive, file in doubted:
        if file.bytes <= left:
            left -= file.bytes
            await _read_again(store, catalogue, archive, file)


async def record_fault(store: Store, catalogue: Catalogue, backup: Backup, error: CourierError | None = None) -> None:
    """Record what reading the archive of a backup on the disk has found: it is damaged, and counts as none from now.

    Its size says more than what reading it has found; without an error it is another than was written.
    """
    file = (await store.files()).get(backup.archive_name)
    if file is None:
        return
    found = Reason(Cause.ARCHIVE_OTHER)
    if error is not None:
        logger.error("{}", error.sentence)
        found = error.cause or Reason(Cause.ARCHIVE_DAMAGED)
    await _record(catalogue, backup, _cut(backup, file) or found, file)


def _cut(backup: Backup | StoredArchive, file: ArchiveFile) -> Reason:
    """Return that a file has not the size that was written; no reason where it has."""
    if file.bytes == backup.archive_bytes:
        return NO_REASON
    return because(Cause.ARCHIVE_CUT, bytes=file.bytes, written=backup.archive_bytes)


async def _is_unopened(catalogue: Catalogue, archive: StoredArchive, files: dict[str, ArchiveFile]) -> bool:
    """Tell whether an archive that no key here has opened is among the files, record that, and take it from them.

    Nothing else is known of it. It may have been seen before while it was still being copied here.
    """
    file = files.get(archive.archive_name)
    if file is None or not archive.unopened or file.bytes < archive.archive_bytes:
        return False
    if archive.fault or file.bytes > archive.archive_bytes:
        await catalogue.archives.clear_fault(archive.id, file.bytes)
    del files[archive.archive_name]
    return True


async def is_as_written(store: Store, backup: Backup) -> bool:
    """Tell whether the archive on the disk is, bit for bit, the one that was proven; True also where it can't be read.

    To be asked before somebody else's verdict on it is recorded.
    """
    try:
        return await asyncio.to_thread(sha256_of, store.folder / backup.archive_name) == backup.archive_sha256
    except OSError:
        return True


async def archive_warnings(catalogue: Catalogue) -> tuple[Reason, ...]:
    """Return what people should know of archives dated in the future and of stores' losses."""
    ahead = await catalogue.backups.dated_ahead()
    found = [ahead_warning(backup) for backup in ahead[:_MOST]]
    lost = await catalogue.archives.store_faults()
    for store, archive, why in lost[:_MOST]:
        facts = (("store", store), ("stored", archive), ("cause", why.code), *why.facts)
        found.append(Reason(WarningCode.STORED_FAULT, facts))
    if len(lost) > _MOST:
        found.append(because(WarningCode.STORED_FAULTS, count=len(lost) - _MOST))
    return tuple(found)


def ahead_warning(backup: Backup) -> Reason:
    """Return that a backup is dated in the future."""
    return because(WarningCode.DATED_AHEAD, backup=backup.id, at=backup.started_at.isoformat())


async def _record(catalogue: Catalogue, archive: Backup | StoredArchive, fault: Reason, file: ArchiveFile) -> None:
    await catalogue.archives.set_fault(archive.id, fault, file.state)
    logger.error("the archive of backup {}, {}, is damaged: {}", archive.id, archive.archive_name, sentence_of(fault))


async def _read_again(store: Store, catalogue: Catalogue, archive: StoredArchive, file: ArchiveFile) -> None:
    try:
        sha256 = await asyncio.to_thread(sha256_of, store.folder / archive.archive_name)
    except OSError as error:
        why = because(Cause.ARCHIVE_UNREAD, said=error.strerror or type(error).__name__)
        if await catalogue.archives.set_missed(archive.id, why):  # said once, however often it is looked at
            logger.error("the archive of backup {}, {}: {}", archive.id, archive.archive_name, in_full(why))
        return
    if sha256 == archive.archive_sha256:
        await catalogue.archives.clear_fault(archive.id, file.bytes)
        logger.warning("the archive of backup {}, {}, is there and whole again", archive.id, archive.archive_name)
    else:
        lasts = archive.fault.code not in _OF_ANOTHER_FILE
        await _record(catalogue, archive, archive.fault if lasts else Reason(Cause.ARCHIVE_OTHER), file)
