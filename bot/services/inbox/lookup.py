"""Looks up a document in the catalogue that is too large to be fetched."""

from __future__ import annotations

from bot.errors import NotFoundError
from bot.models import Backup, RestorePoint
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import PostedDocument
from bot.services.fetch.recognition import archive_meant


async def known_backup(catalogue: Catalogue, posted: PostedDocument) -> Backup | None:
    """Return the proven backup that a document seems to be, by its file id or by its name."""
    found = await catalogue.volumes.backup_with_file(posted.file_id)
    if found is None and (name := archive_meant(posted.name)):
        try:
            found = await catalogue.backups.find(name)
        except NotFoundError:
            return None
    return found if found is not None and found.proven else None


async def fetchable_point(catalogue: Catalogue, backup: Backup, limit: int | None) -> RestorePoint | None:
    """Return the restore point of a backup whose volumes are all small enough for a bot to download."""
    found = None
    for point in await catalogue.restore_points.select():
        small = limit is None or all(volume.bytes <= limit for volume in point.volumes)
        if small and (point.archive, point.sha256) == (backup.archive_name, backup.archive_sha256):
            found = point
    return found
