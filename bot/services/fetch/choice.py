"""Chooses the backup of the catalogue that is to be fetched from Telegram."""

from __future__ import annotations

from datetime import datetime

from bot.errors import NotFoundError
from bot.models import Backup, RestorePoint, Trigger
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Files

GIVE_FROM_TELEGRAM = "Give --from-telegram: Telegram still has it."


async def point_of(catalogue: Catalogue, backup: Backup) -> RestorePoint | None:
    """Return what it takes to fetch this backup; None where the file_ids of its volumes are not all known."""
    for point in await catalogue.restore_points.select():
        if (point.archive, point.sha256) == (backup.archive_name, backup.archive_sha256):
            return point
    return None


async def choose_in_chat(catalogue: Catalogue, which: str = "latest", *, at: datetime | None = None) -> RestorePoint:
    """Return what it takes to fetch the backup that is meant.

    That is the newest that Telegram holds, at `at` or before, or the one that is named. A safety copy is only fetched
    when it is named. Raises `NotFoundError`.
    """
    if at is None and which.strip().casefold() != "latest":
        backup = await catalogue.backups.find(which)
        point = await point_of(catalogue, backup)
        if point is None:
            raise NotFoundError(
                f"Backup {backup.id} can't be fetched from Telegram: it was not delivered there, or not in full.",
                hint="Restore it from the disk, or save its files from the chat and restore from those.",
            )
        return point
    for point in await catalogue.restore_points.select():
        found = await catalogue.restore_points.backup_of(point) if at is None or point.at <= at else None
        if found is not None and found.trigger is not Trigger.SAFETY:
            return point
    when = f" of {at:%Y-%m-%d %H:%M:%S} or before" if at else ""
    raise NotFoundError(
        f"No backup{when} is known to be whole in Telegram.",
        hint="Leave --from-telegram out to restore from the disk; on a new machine run `sqlite-courier recover`.",
    )


async def is_restorable(backup: Backup, catalogue: Catalogue, files: Files | None) -> bool:
    """Tell whether the archive of a backup is on the disk, with nothing known against it, or in Telegram."""
    if not backup.proven:
        return False
    return backup.sound or (files is not None and await point_of(catalogue, backup) is not None)
