"""The caption under a delivered archive: three lines, what is amiss, and the rest in a quote that opens at a press."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from bot.clock import date_time, zone_name
from bot.models import Backup, Volume
from bot.texts.backups import check_verdict, checked_contents, remarked_lines, seal_line, skipped_causes
from bot.texts.markup import CAPTION_LIMIT, compose, name, names, signed
from bot.texts.measures import count, instant

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
        return signed(server, f"🧩 <b>{volume.number}/{volume.total}</b>")
    whole, backup = backup, _followed(backup, followed)
    others = len(whole.databases) + len(whole.skipped) - len(backup.databases) - len(backup.skipped)
    remarked = remarked_lines(backup, most=6)
    icon = "⚠️" if remarked.lines or backup.skipped else "✅"
    what = "Incomplete backup" if whole.skipped else "Backup"
    when = instant(backup.started_at, f"{date_time(backup.started_at, timezone)} {zone_name(timezone)}")
    return compose(
        signed(server, f"{icon} <b>{what} of {when}</b>"),
        f"{checked_contents(whole)}{', 🔒 sealed' if backup.sealed else ''}",
        _names(backup, others),
        f"🧩 {volume.total} files, this is 1/{volume.total}" if volume.total > 1 else None,
        skipped_causes(backup.skipped, most=6),
        remarked,
        *(_folded(backup, volume) if in_full else ()),
        limit=CAPTION_LIMIT,
    )


def _names(backup: Backup, others: int) -> str | None:
    """Return the names; where there is something to say of some, they follow, and the others have their mark here."""
    shrunken = {loss.database for loss in backup.shrunken}
    sound = [one.name for one in backup.databases if one.is_sound and one.name not in shrunken]
    mark = "✅ " if sound and (backup.skipped or len(sound) < len(backup.databases)) else ""
    more = f"{count(others, 'database')} that you do not follow" if others else ""
    return mark + " and ".join(filter(None, (names(sound, 6), more))) or None


def _folded(backup: Backup, volume: Volume) -> tuple[str, ...]:
    seal = seal_line(backup)
    return (
        f"<blockquote expandable>{check_verdict(backup)}",
        *([seal] if seal else []),
        f"SHA-256 <code>{backup.archive_sha256[:16]}</code>… of the whole archive",
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
    files = "both files" if volume.total == 2 else f"all {volume.total} files"
    join = f"put {files} into one folder, <code>cat {archive}.* &gt; {archive}</code>"
    if sealed:
        opened = f"<code>age -d -o backup.zip {archive}</code> with the key of your recovery sheet"
        return f"To restore by hand: {join}; {opened}" if volume.total > 1 else f"To restore by hand: {opened}"
    if volume.total == 1:
        return "To restore by hand: unzip it, then read backup_info.txt"
    return f"To restore by hand: {join} (or open .001 with 7-Zip); then see backup_info.txt"
