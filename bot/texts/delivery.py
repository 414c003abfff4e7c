"""The caption under a delivered archive: three lines, what is amiss, and the rest in a quote that opens at a press."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import Backup, Volume
from bot.texts.backups import checked_contents, remarked_lines, skipped_causes
from bot.texts.markup import CAPTION_LIMIT, compose, name, names, signed
from bot.texts.measures import count, instant
from bot.texts.proof import check_verdict, seal_line

RESTORE = "♻️ Restore"
DETAILS = "🔍 Details"
DATABASES = "🗄 Databases"

UNKNOWN = (
    "🤷 <b>I no longer know this backup.</b>\nIts archive may be good all the same: forward it to me here, with all its"
    " volumes, and I show what is in it and restore from it."
)
UNKNOWN_ANSWER = "I no longer know this backup."


def caption(
    backup: Backup,
    volume: Volume,
    timezone: ZoneInfo,
    followed: frozenset[str] | None = None,
    *,
    server: str = "",
    in_full: bool = True,
) -> str:
    """Return the caption of one volume: when, what, and what is amiss; from the second volume on, only which it is.

    `in_full` adds, folded up, how each database was checked, the hash, and how to restore by hand. At most 1024 long.
    Of the databases that are not `followed` (None: all are) only their number is told: the file holds them all the
    same. Where there are several servers, it begins with the name of this one.
    """
    if volume.number > 1:
        return signed(server, f"🧩 {_volume(volume)} of backup {backup.id} · {_when(backup, timezone)}")
    whole, backup = backup, _followed(backup, followed)
    others = len(whole.databases) + len(whole.skipped) - len(backup.databases) - len(backup.skipped)
    remarked = remarked_lines(backup, most=6)
    icon = "⚠️" if remarked.lines or backup.skipped else "✅"
    what = f"Backup {whole.id}{' · incomplete' if whole.skipped else ''}"
    return compose(
        signed(server, f"{icon} <b>{what} · {_when(backup, timezone)}</b>"),
        f"{checked_contents(whole)}{', 🔒 sealed' if backup.sealed else ''}",
        skipped_causes(backup.skipped, most=6),
        remarked,
        _names(backup, others),
        f"🧩 {_volume(volume)}" if volume.total > 1 else None,
        *(_folded(backup, volume, timezone) if in_full else ()),
        limit=CAPTION_LIMIT,
    )


def _when(backup: Backup, timezone: ZoneInfo) -> str:
    """Return when a backup was made, with the hour that the file's name has: `13 Jul 2026, 14:00 (12:00 UTC)`."""
    local, utc = date_time(backup.started_at, timezone), f"{backup.started_at.astimezone(UTC):%H:%M}"
    return instant(backup.started_at, f"{local} UTC" if local.endswith(utc) else f"{local} ({utc} UTC)")


def _volume(volume: Volume) -> str:
    return f"Volume {volume.number} of {volume.total}"


def _names(backup: Backup, others: int) -> str | None:
    """Return the names; where something is said of some above them, the others have their mark here."""
    shrunken = {loss.database for loss in backup.shrunken}
    sound = [one.name for one in backup.databases if one.is_sound and one.name not in shrunken]
    mark = "✅ " if sound and (backup.skipped or len(sound) < len(backup.databases)) else ""
    more = f"{count(others, 'database')} that you do not follow" if others else ""
    return mark + " and ".join(filter(None, (names(sound, 6), more))) or None


def _folded(backup: Backup, volume: Volume, timezone: ZoneInfo) -> tuple[str, ...]:
    seal = seal_line(backup)
    return (
        f"<blockquote expandable>{check_verdict(backup, timezone)}",
        *([seal] if seal else []),
        f"SHA-256 <code>{backup.archive_sha256}</code>",
        f"{_restore_hint(volume, sealed=bool(backup.sealed))}</blockquote>",
    )


def _followed(backup: Backup, names: frozenset[str] | None) -> Backup:
    if names is None:
        return backup
    return replace(
        backup,
        databases=tuple(database for database in backup.databases if database.name in names),
        skipped=tuple(record for record in backup.skipped if record.name in names),
    )


def _restore_hint(volume: Volume, *, sealed: bool) -> str:
    archive = name(volume.archive.name, 60)
    files = "both volumes" if volume.total == 2 else f"all {volume.total} volumes"
    join = f"put {files} into one folder, <code>cat {archive}.* &gt; {archive}</code>"
    if sealed:
        opened = f"<code>age -d -o backup.zip {archive}</code> with the key of your recovery sheet"
        return f"To restore by hand: {join}; {opened}" if volume.total > 1 else f"To restore by hand: {opened}"
    if volume.total == 1:
        return "To restore by hand: unzip it, then read backup_info.txt"
    return f"To restore by hand: {join} (or open .001 with 7-Zip); then unzip it and read backup_info.txt"
