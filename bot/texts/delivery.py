"""The caption under a delivered archive, and the alarms that come without one."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from bot.models import Backup, Verdict, Volume
from bot.texts.backups import (
    asked_by,
    check_verdict,
    contents,
    database_lines,
    seal_line,
    skipped_heading,
    skipped_lines,
)
from bot.texts.markup import CAPTION_LIMIT, compose, name, text
from bot.texts.measures import count, human_size, local_and_utc


def caption(backup: Backup, volume: Volume, timezone: ZoneInfo, followed: frozenset[str] | None = None) -> str:
    """Return the caption of one volume: when, what, how well checked, which part, and how to get it back.

    At most 1024 long; the databases are listed under the first volume only, the skipped ones under every one. Of the
    databases that are not `followed` (None: all are) only their number is told: the file holds them all the same.
    """
    whole, backup = backup, _followed(backup, followed)
    others = len(whole.databases) + len(whole.skipped) - len(backup.databases) - len(backup.skipped)
    unchecked = any(database.verdict is not Verdict.OK for database in backup.databases)
    icon = "⚠️" if backup.skipped or unchecked else "✅"
    first = volume.number == 1
    return compose(
        f"{icon} <b>Backup of {local_and_utc(backup.started_at, timezone)}</b>",
        contents(whole),
        _volume_line(volume),
        skipped_heading(backup.skipped),
        # Where there are many, each one's name matters more than the first one's reason.
        skipped_lines(backup.skipped, detail=90 if len(backup.skipped) <= 3 else 0, most=12),
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


def run_failed(backup: Backup, timezone: ZoneInfo) -> str:
    """Return the alarm for a run that made no backup."""
    return compose(
        "🚨 <b>Backup failed</b>",
        f"{local_and_utc(backup.started_at, timezone)}, {asked_by(backup.trigger, backup.requested_by)}",
        text(backup.error or "The reason is not known; see Detailed Logs.", 1200),
        skipped_lines(backup.skipped),
        "",
        "Nothing new was stored. Older backups are untouched.",
    )


def run_interrupted(backup: Backup, timezone: ZoneInfo) -> str:
    """Return the notice, at the next start, of a run that an ended process left behind."""
    return compose(
        "⏹ <b>A backup was interrupted</b>",
        f"{local_and_utc(backup.started_at, timezone)}, {asked_by(backup.trigger, backup.requested_by)}",
        text(backup.error, 600) if backup.error else None,
        "It left nothing behind and counts as no backup. Older backups are untouched.",
    )


def databases_skipped(backup: Backup, timezone: ZoneInfo) -> str:
    """Return the alarm for a backup that lacks databases."""
    return compose(
        f"🚨 <b>{count(len(backup.skipped), 'database')} NOT backed up</b>",
        f"{local_and_utc(backup.started_at, timezone)}, {asked_by(backup.trigger, backup.requested_by)}",
        skipped_lines(backup.skipped, detail=300, most=20),
        "",
        f"The other {count(len(backup.databases), 'database')} went out as usual." if backup.databases else None,
        "The last good backup of each one above is kept.",
    )


def recovered(backup: Backup, timezone: ZoneInfo, after: str = "") -> str:
    """Return the end of an alarm: everything is backed up again. `after` is a duration in words."""
    return compose(
        f"✅ <b>Backups are complete again</b>{f', after {text(after, 40)}' if after else ''}",
        f"{local_and_utc(backup.started_at, timezone)}: {contents(backup)}",
    )
