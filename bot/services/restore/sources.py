"""Finds the backup to restore: the newest, an id, an instant, or archive files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.errors import CourierError, DamagedArchiveError, NotFoundError, SettingsError
from bot.models import SAFETY_KEPT, Backup, Trigger
from bot.services.catalogue import Catalogue
from bot.services.catalogue.newest import newest_first
from bot.services.fetch.choice import GIVE_FROM_TELEGRAM, point_of
from bot.services.files.store import Store
from bot.services.retention.inventory import is_as_written, record_fault
from bot.words.causes import sentence_of

_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ALL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSource:
    """What to restore from: archive files (with `backup` where the catalogue vouches for them).

    `only` are the databases in it that are sound, () where all are. `ahead` are those that were passed over since they
    are dated in the future. Volumes that were put `in_order` already are not read and inflated once more for that.
    """

    files: tuple[Path, ...]
    backup: Backup | None = None
    only: tuple[str, ...] = ()
    ahead: tuple[Backup, ...] = ()
    in_order: bool = False


def parse_instant(text: str, timezone: ZoneInfo) -> datetime:
    """Read a time as people write it, in their time zone unless it names one. A day alone means its end.

    Raises `SettingsError`, also for a time that the clock shows twice.
    """
    for layout in _FORMATS:
        try:
            at = datetime.strptime(text.strip(), layout)  # noqa: DTZ007 - the zone is given below
        except ValueError:
            continue
        if layout == "%Y-%m-%d":
            return at.replace(hour=23, minute=59, second=59, fold=1, tzinfo=timezone)
        return _once(at.replace(tzinfo=timezone))
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            (f"--at can't be read: “{text}” is no time.",),
            hint='Write it like "2026-07-13 05:00"; it is read in the time zone of TIMEZONE.',
        ) from None
    return at if at.tzinfo else _once(at.replace(tzinfo=timezone))


def _once(at: datetime) -> datetime:
    """Return a local time. Raises `SettingsError` for one that comes twice, as clocks are put back."""
    passes = [at, at.replace(fold=1)]
    utc = [one.astimezone(UTC) for one in passes]
    if utc[0] >= utc[1]:  # it comes once; or never, where clocks are put on, and is the hour after
        return utc[0].astimezone(at.tzinfo)
    written = " or ".join(f'"{one:%Y-%m-%d} {one.isoformat()[11:]}" ({one:%Z})' for one in passes)
    raise SettingsError((f"--at is a time that comes twice: {at:%Y-%m-%d %H:%M}.",), hint=f"Write {written}.")


async def newest_before(catalogue: Catalogue, folder: Path, at: datetime, timezone: ZoneInfo) -> RestoreSource:
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
    return await _on_disk(catalogue, folder, before[0], timezone)


async def find_source(catalogue: Catalogue, folder: Path, which: str, timezone: ZoneInfo) -> RestoreSource:
    """Return the backup that a person names: "latest", an id, an archive's name or the beginning of its time.

    "latest" is the newest proven one that is no safety copy and that nobody has deleted. Where its archive is gone or
    damaged, nothing older is taken in its place unasked: the error names the newest good one. Raises `NotFoundError`,
    `DamagedArchiveError`.
    """
    ahead: tuple[Backup, ...] = ()
    if which.strip().casefold() == "latest":
        backups = await _restorable(catalogue)
        if not backups:
            raise NotFoundError(
                "There is no proven backup on the disk.",
                hint="Give --from-telegram to fetch the newest one from the chat, or bring an archive as a file.",
            )
        backup = backups[0]
        ahead = tuple(other for other in backups if other.started_at > backup.started_at)
    else:
        backup = await catalogue.backups.find(which)
    if backup.unopened and backup.on_disk:  # nothing vouches for it until it is opened
        return RestoreSource(files=(folder / backup.archive_name,))
    if not backup.proven:
        raise NotFoundError(f"Backup {backup.id} is {backup.state}: there is nothing to restore from.")
    return replace(await _on_disk(catalogue, folder, backup, timezone), ahead=ahead)


async def other_ways(catalogue: Catalogue, backup: Backup, timezone: ZoneInfo) -> str:
    """Return what to do where the archive of a backup is lost: where it still is, and the newest good older one."""
    if not backup.fault and backup.same_as is not None:
        return f"Nothing had changed then: backup {backup.same_as} holds the same databases, restore that one."
    in_chat = await point_of(catalogue, backup) is not None
    if in_chat:
        ways = [GIVE_FROM_TELEGRAM]
    elif backup.trigger is Trigger.SAFETY:
        ways = [f"What was there before a restore is on the disk only, and kept for {SAFETY_KEPT.days} days."]
    else:
        ways = ["Save its file or files from the chat, and restore from those."]
    sound = [other for other in await _restorable(catalogue) if other.sound]
    older = [other for other in sound if (other.started_at, other.id) < (backup.started_at, backup.id)]
    if older:
        at = date_time(older[0].started_at, timezone)
        ways.append(f"The newest good one before it is backup {older[0].id} of {at}: `restore {older[0].id}` takes it.")
    return " ".join(ways)


async def found_damaged(
    store: Store, catalogue: Catalogue, origin: RestoreSource, error: CourierError, timezone: ZoneInfo
) -> CourierError:
    """Return the error for an archive that a restore could not use; where the disk has spoilt it, that is recorded.

    It then names the other ways to the same databases.
    """
    backup = origin.backup
    if backup is None or origin.files != (store.folder / backup.archive_name,) or await is_as_written(store, backup):
        return error
    await record_fault(store, catalogue, backup, error)
    return DamagedArchiveError(
        f"The archive of backup {backup.id}, {backup.archive_name}, is damaged. {error.sentence}",
        hint=await other_ways(catalogue, backup, timezone),
        cause=error.cause,
    )


async def _on_disk(catalogue: Catalogue, folder: Path, backup: Backup, timezone: ZoneInfo) -> RestoreSource:
    archive = folder / backup.archive_name
    if backup.damaged:
        raise DamagedArchiveError(
            f"The archive of backup {backup.id}, {backup.archive_name}, is damaged. {sentence_of(backup.fault)}",
            hint=await other_ways(catalogue, backup, timezone),
            cause=backup.fault,
        )
    if not backup.on_disk or not await asyncio.to_thread(archive.is_file):
        where = "gone from the disk" if backup.gone or backup.on_disk else "no longer on the disk"
        hint = await other_ways(catalogue, backup, timezone)
        raise NotFoundError(f"The archive of backup {backup.id} is {where}.", hint=hint)
    return RestoreSource(files=(archive,), backup=backup)


async def _restorable(catalogue: Catalogue) -> Sequence[Backup]:
    """Return the proven backups that should be on the disk, newest first; no safety copies."""
    backups = await catalogue.backups.select(limit=_ALL, on_disk_only=True, gone_too=True, proven_only=True)
    ordinary = [backup for backup in backups if backup.trigger is not Trigger.SAFETY]
    return newest_first(
        ordinary, now=catalogue.clock(), at=lambda backup: backup.started_at, then=lambda backup: backup.id
    )
