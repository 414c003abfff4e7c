"""Which backup is meant: the newest, an id, an instant, or archive files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.errors import NotFoundError, SettingsError
from bot.models import Backup, Trigger
from bot.services.catalogue import Catalogue
from bot.services.restore_points.choice import GIVE_FROM_TELEGRAM, point_of

_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ALL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What to restore from: archive files (with `backup` where the catalogue vouches for them)."""

    files: tuple[Path, ...]
    backup: Backup | None = None


def parse_instant(text: str, timezone: ZoneInfo) -> datetime:
    """Read a time as people write it, in their time zone unless it names one. A day alone means its end.

    Raises `SettingsError`.
    """
    for layout in _FORMATS:
        try:
            at = datetime.strptime(text.strip(), layout)  # noqa: DTZ007 - the zone is given below
        except ValueError:
            continue
        if layout == "%Y-%m-%d":
            at = at.replace(hour=23, minute=59, second=59)
        return at.replace(tzinfo=timezone)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            (f"--at can't be read: “{text}” is no time.",),
            hint='Write it like "2026-07-13 05:00"; it is read in the time zone of TIMEZONE.',
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=timezone)


async def newest_before(catalogue: Catalogue, folder: Path, at: datetime) -> Origin:
    """Return the newest proven backup on the disk that was begun at `at` or before. Raises `NotFoundError`.

    What was copied for safety before a restore is no answer: it is what somebody wanted to get rid of.
    """
    backups = await _restorable(catalogue)
    before = [backup for backup in backups if backup.started_at <= at]
    if not before:
        oldest = ""
        if backups:
            first = min(backup.started_at for backup in backups).astimezone(at.tzinfo)
            oldest = f" The oldest is of {first:%Y-%m-%d %H:%M:%S}."
        raise NotFoundError(
            f"There is no proven backup on the disk of {at:%Y-%m-%d %H:%M:%S} or before.{oldest}",
            hint="Archives delivered to the chat may be older: give --from-telegram, or bring one as a file.",
        )
    newest = max(before, key=lambda backup: (backup.started_at, backup.id))
    return await _on_disk(catalogue, folder, newest)


async def find_origin(catalogue: Catalogue, folder: Path, which: str) -> Origin:
    """Return the backup that a person names: "latest", an id, an archive's name or the beginning of its time.

    "latest" is the newest proven one on the disk that is no safety copy. Raises `NotFoundError`.
    """
    if which.strip().casefold() == "latest":
        backups = await _restorable(catalogue)
        if not backups:
            raise NotFoundError(
                "There is no proven backup on the disk.",
                hint="Give --from-telegram to fetch the newest one from the chat, or bring an archive as a file.",
            )
        backup = backups[0]
    else:
        backup = await catalogue.find_backup(which)
    if not backup.proven and backup.sealed and backup.on_disk:  # nothing vouches for it until it is opened
        return Origin(files=(folder / backup.archive_name,))
    if not backup.proven:
        raise NotFoundError(f"Backup {backup.id} is {backup.state}: there is nothing to restore from.")
    return await _on_disk(catalogue, folder, backup)


async def _on_disk(catalogue: Catalogue, folder: Path, backup: Backup) -> Origin:
    archive = folder / backup.archive_name
    if not backup.on_disk or not await asyncio.to_thread(archive.is_file):
        in_chat = await point_of(catalogue, backup)
        raise NotFoundError(
            f"The archive of backup {backup.id} is no longer on the disk.",
            hint=_instead(backup, in_chat=in_chat is not None),
        )
    return Origin(files=(archive,), backup=backup)


async def _restorable(catalogue: Catalogue) -> Sequence[Backup]:
    backups = await catalogue.backups(limit=_ALL, on_disk_only=True, proven_only=True)
    return [backup for backup in backups if backup.trigger is not Trigger.SAFETY]


def _instead(backup: Backup, *, in_chat: bool) -> str:
    """Return what to do where the archive is gone from the disk."""
    if backup.same_as is not None:
        return f"Nothing had changed then: backup {backup.same_as} holds the same databases, restore that one."
    return GIVE_FROM_TELEGRAM if in_chat else "Save its file or files from the chat, and restore from those."
