"""The words under pictures, and on the buttons beneath them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import BackupDay, Reach, Span
from bot.texts.markup import name
from bot.texts.measures import count, moment

NOTHING_YET = "There is no backup in this time."
GONE = "This database is in no backup of this time."
REPORT = "📄 The report: open it in a browser, or print it"
SPANS = {Span.DAY: "24 h", Span.WEEK: "7 days", Span.MONTH: "30 days"}


def grown(subject: str, span: Span) -> str:
    """Return the words under the growth of a database, or (empty) of all."""
    what = f"<code>{name(subject)}</code>" if subject else "Rows and size"
    return f"📈 {what}, last {'24 hours' if span is Span.DAY else SPANS[span]}"


def of_the_week(days: Sequence[BackupDay]) -> str:
    """Return the sentence under the week."""
    runs, complete = sum(day.due for day in days), sum(day.complete for day in days)
    if runs == complete:
        return f"✅ The week: {count(runs, 'backup')}, complete and proven"
    return f"⚠️ The week: {complete:,} of {count(runs, 'backup')} complete and proven"


def one_year() -> str:
    """Return the words under the year."""
    return "🗓 A year of backups, day by day"


def how_far_back(places: Sequence[Reach], now: datetime, timezone: ZoneInfo) -> str:
    """Return the words under the places: the oldest of all, and where it is."""
    held = [place for place in places if place.times]
    if not held:
        return "⏳ No backup can be restored yet."
    oldest = min(held, key=lambda place: place.times[0])
    where = name(oldest.name or oldest.place) if oldest.place else "on this server's disk"
    return (
        f"⏳ Back to {moment(oldest.times[0], now, timezone)} ({where}),"
        f" in {count(len(held), 'place')} with {count(sum(len(place.times) for place in held), 'backup')}"
    )
