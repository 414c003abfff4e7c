"""The history of backups, and the screen of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import local_and_utc
from bot.models import Backup, BackupDetails, BackupPage, Recipient
from bot.services.catalogue.newest import is_ahead
from bot.texts.backups import (
    STATE_ICONS,
    asked_by,
    check_verdict,
    contents,
    database_lines,
    delivered_to,
    delivery_line,
    in_some_chat,
    seal_line,
    skipped_heading,
    skipped_lines,
    unchanged_line,
)
from bot.texts.markup import FittedList, compose, name, sentence, text
from bot.texts.measures import count, human_size, moment
from bot.texts.restore_points import drill_lines

NOTE_REMOVED = "The note is removed."

_AHEAD = "🕰 Dated in the future: a wrong clock made it, and it counts as the oldest."


def history(page: BackupPage, timezone: ZoneInfo) -> str:
    """Return the text over a page of the history; the backups themselves are its buttons."""
    if not page.total:
        return "🗂 <b>History</b>\nNo backup has been made yet."
    of_pages = f", page {page.page + 1} of {page.pages}" if page.pages > 1 else ""
    return (
        f"🗂 <b>History</b>: {count(page.total, 'run')}{of_pages}\n"
        f"Newest first, times in {text(timezone.key, 40)}. Press one to see what is in it.\n"
        "✅ delivered · 💾 stored · ⚠️ with gaps · ❌ failed · 📌 pinned · 📝 with a note · 🟰 unchanged"
        f" · 🔒 sealed · ☁️ no longer on the disk · 🚫 gone or damaged{' · 🗓 kept by a rule' if page.by_rule else ''}"
    )


def history_label(backup: Backup, now: datetime, timezone: ZoneInfo, *, by_rule: bool = False) -> str:
    """Return the button of one backup, as plain text."""
    marks = "📌" * backup.pinned + "🗓" * by_rule + "📝" * bool(backup.note) + _where(backup)
    marks += "🔒" * bool(backup.sealed)
    what = f"{len(backup.databases)} db, {human_size(backup.archive_bytes)}" if backup.proven else str(backup.state)
    what = "not opened" if backup.sealed and not backup.proven else what
    return f"{STATE_ICONS[backup.state]}{marks} {backup.id} · {moment(backup.started_at, now, timezone)} · {what}"


def _where(backup: Backup) -> str:
    if backup.fault:
        return "🚫"
    if backup.same_as is not None:
        return "🟰"
    return "☁️" if backup.proven and not backup.on_disk else ""


def details(
    details: BackupDetails, now: datetime, timezone: ZoneInfo, names: Mapping[Recipient, str] | None = None
) -> str:
    """Return one backup in full: state, databases with their verdicts, who has it, and how long it stays."""
    backup = details.backup
    pinned = " · 📌 pinned" if backup.pinned else ""
    return compose(
        f"{STATE_ICONS[backup.state]} <b>Backup {backup.id}</b> · {backup.state}{pinned}",
        local_and_utc(backup.started_at, timezone),
        sentence(asked_by(backup.trigger, backup.requested_by)),
        _AHEAD if is_ahead(backup.started_at, now) else None,
        text(backup.error, 800) if backup.error else None,
        f"📝 {text(backup.note, 300)}" if backup.note else None,
        *(_archive(details) if backup.proven else ()),
        "",
        skipped_heading(backup.skipped) if backup.proven else None,
        skipped_lines(backup.skipped),
        database_lines(backup),
        "",
        f"📬 {sentence(delivered_to(details.deliveries))}" if details.deliveries else None,
        FittedList(tuple(delivery_line(delivery, now, names) for delivery in details.deliveries), 8),
        FittedList(drill_lines([drill for drill in details.drills if drill.ok], timezone), 1),
        _retention(details) if backup.proven else None,
    )


def _archive(details: BackupDetails) -> tuple[str, ...]:
    backup = details.backup
    volumes = f" in {details.volumes} volumes" if details.volumes > 1 else ""
    return (
        f"<code>{name(backup.archive_name, 60)}</code>{volumes}",
        contents(backup),
        check_verdict(backup),
        *filter(None, [seal_line(backup)]),
        f"SHA-256 <code>{backup.archive_sha256[:16]}</code>…",
        *filter(None, [unchanged_line(backup)]),
    )


def _retention(details: BackupDetails) -> str:
    if details.backup.damaged:
        return f"🚫 <b>The archive on the server's disk is damaged:</b> {text(details.backup.fault, 250)}"
    if details.backup.gone:
        return "🚫 <b>The archive is gone from the server's disk</b>, and nobody here has deleted it."
    if not details.backup.on_disk and details.backup.same_as is not None:
        return f"🗄 Nothing to keep: backup {details.backup.same_as} holds the same."
    if not details.backup.on_disk and not in_some_chat(details.deliveries):
        return "🗄 No longer on the server's disk, and tidied away from the chats."
    if not details.backup.on_disk:
        return "🗄 No longer on the server's disk; what was delivered stays in the chats."
    return f"🗄 {sentence(text(details.retention, 250))}" if details.retention else "🗄 On the server's disk."


def confirm_delete(details: BackupDetails, now: datetime, timezone: ZoneInfo) -> str:
    """Return the question before a backup is deleted."""
    backup = details.backup
    return compose(
        f"🗑 <b>Delete backup {backup.id}?</b>",
        f"{moment(backup.started_at, now, timezone)} · {contents(backup)}",
        f"<code>{name(backup.archive_name, 60)}</code>",
        "",
        "The archive goes from the server's disk for good. Copies already in the chats stay there."
        if in_some_chat(details.deliveries)
        else "The archive goes from the server's disk for good. <b>No chat has a copy of it any more.</b>",
    )


def ask_note(details: BackupDetails) -> str:
    """Return the question for a note."""
    backup = details.backup
    return compose(
        f"📝 <b>A note on backup {backup.id}</b>",
        f"Now: {text(backup.note, 300)}" if backup.note else None,
        "",
        "Type it in one message, such as <i>before the migration</i>; what is over 200 characters is cut off. "
        "I wait five minutes.",
    )
