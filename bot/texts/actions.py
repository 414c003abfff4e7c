"""Actions of admins, as Detailed Logs show them: the person, the action, the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.services.catalogue import AuditEntry
from bot.texts.markup import FittedList, by_name, compose, text
from bot.texts.measures import local_moments, moment

_ICONS = {
    "paused": "⏸",
    "resumed": "▶️",
    "pinned": "📌",
    "unpinned": "📌",
    "deleted": "🗑",
    "noted": "📝",
    "removed the note": "📝",
    "started a backup": "💾",
    "took a backup again": "📤",
    "took the log file": "📄",
    "started a test-restore": "🧪",
    "changed the schedule": "🗓",
    "reset the schedule": "🗓",
    "added an admin": "👮",
    "removed an admin": "👮",
    "reset ADMIN_IDS": "👮",
    "added a place for backups": "📬",
    "removed a place for backups": "📬",
    "reset DELIVER_TO": "📬",
}


def actions(entries: Sequence[AuditEntry], page: int, now: datetime, timezone: ZoneInfo) -> str:
    """Return a page of what admins did, newest first."""
    heading = f"👤 <b>Actions</b>, page {page + 1}, newest first"
    if not entries:
        return f"{heading}\n\nNothing here{'' if page else ' yet'}."
    return compose(heading, "", FittedList(tuple(_line(entry, now, timezone) for entry in entries), len(entries)))


def _line(entry: AuditEntry, now: datetime, timezone: ZoneInfo) -> str:
    detail = local_moments(entry.detail, now, timezone)
    said = f"{text(entry.action, 60)}{f': {text(detail, 200)}' if detail else ''}"
    who = f"<b>{by_name(entry.actor, 50)}</b>"
    return f"{_ICONS.get(entry.action, '▫️')} {moment(entry.at, now, timezone)} {who} {said}"
