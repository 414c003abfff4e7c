"""The caption under a delivered archive."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from bot.clock import local_and_utc
from bot.models import Backup, Volume
from bot.texts.backups import (
    check_verdict,
    contents,
    database_lines,
    seal_line,
    shrunken_heading,
    shrunken_lines,
    skipped_heading,
    skipped_lines,
)
from bot.texts.markup import CAPTION_LIMIT, compose, name, signed
from bot.texts.measures import count, human_size


def caption(
    backup: Backup, volume: Volume, timezone: ZoneInfo, followed: frozenset[str] | None = None, *, server: str = ""
) -> str:
    """Return the caption of one volume: when, what, how well checked, which part, and how to get it back.

    At most 1024 long; the databases are listed under the first volume only, the skipped ones under every one. Of the
    databases that are not `followed` (None: all are) only their number is told: the file holds them all the same. Where
    there are several, it begins with the name of the `server`.
    """
    whole, backup = backup, _followed(backup, followed)
    others = len(whole.databases) + len(whole.skipped) - len(backup.databases) - len(backup.skipped)
    sound = all(database.is_sound for database in backup.databases)
    icon = "✅" if sound and not backup.skipped and not backup.shrunken else "⚠️"
    first = volume.number == 1
    return compose(
        signed(server, f"{icon} <b>Backup of {local_and_utc(backup.started_at, timezone)}</b>"),
        contents(whole),
        _volume_line(volume),
        skipped_heading(backup.skipped),
        # Where there are many, each one's name matters more than the first one's reason.
        # A reason can name a path, which is not for whoever reads a sealed backup's caption.
        skipped_lines(backup.skipped, detail=90 if len(backup.skipped) <= 3 and not backup.sealed else 0, most=12),
        shrunken_heading(backup.shrunken),
        shrunken_lines(backup.shrunken, most=6),
        database_lines(backup, most=12) if first else None,
        f"… and {count(others, 'database')} that you do not follow" if first and others else None,
        check_verdict(backup),
        seal_line(backup),
        f"SHA-256 <code>{backup.archive_sha256[:16]}</code>… of the whole archive",
        _restore_hint(volume, sealed=bool(backup.sealed)),
        limit=CAPTION_LIMIT,
    )


def _followed(backup: Backup, names: frozenset[str] | None) -> Backup:
    if names is None:
        return backup
    return replace(
        backup,
        databases=tuple(database for database in backup.databases if database.name in names),
        skipped=tuple(record for record in backup.skipped if record.name in names),
    )


def _volume_line(volume: Volume) -> str | None:
    if volume.total == 1:
        return None
    return f"🧩 <b>Volume {volume.number} of {volume.total}</b>, {human_size(volume.bytes)}"


def _restore_hint(volume: Volume, *, sealed: bool) -> str:
    if sealed:
        archive = name(volume.archive.name, 60)
        join = (
            f"join all {volume.total} volumes, <code>cat {archive}.* &gt; {archive}</code>; "
            if volume.total > 1
            else ""
        )
        return f"♻️ To restore: {join}<code>age -d -o backup.zip {archive}</code> with the key of your recovery sheet"
    if volume.total == 1:
        return "♻️ To restore: unzip; how and where to is in backup_info.txt"
    archive = name(volume.archive.name, 60)
    return (
        f"♻️ To restore: put all {volume.total} volumes into one folder and join them,"
        f" <code>cat {archive}.* &gt; {archive}</code> (or open .001 with 7-Zip); then see backup_info.txt"
    )
