"""Where a restore comes from; what one that was cut off has left, and what to do. Plain text."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import OTHER, PendingOutcome, PendingRestore, Reason, SourceCode
from bot.words.actors import actor_words


def source_words(source: Reason, timezone: ZoneInfo) -> str:
    """Return where a restore comes from, as it stands in a sentence: `backup 12 of 13 Jul 2026, 05:00`."""
    facts = dict(source.facts)
    at = date_time(datetime.fromisoformat(str(facts["at"])), timezone) if "at" in facts else ""
    match source.code:
        case SourceCode.BACKUP:
            return f"backup {facts['backup']} of {at}"
        case SourceCode.ARCHIVE:
            file = f" {facts['file']}" if "file" in facts else ""
            volumes = f" of {facts['volumes']} volumes" if "volumes" in facts else ""
            return f"the archive{file}{volumes}{f', made {at}' if at else ''}"
        case SourceCode.DATABASE_FILE:
            return f"the database file {facts['file']}"
        case SourceCode.BEFORE_RESTORE:
            restored = Reason(str(facts.get("of", OTHER)), tuple(fact for fact in source.facts if fact[0] != "of"))
            return f"before the restore of {source_words(restored, timezone)}"
        case SourceCode.BEFORE_ACT:
            return f"before the {facts['act']}"
    return str(facts.get("said"))  # of an earlier version


_LEFT = {
    PendingOutcome.OLD: "is as before",
    PendingOutcome.NEW: "is now restored",
    PendingOutcome.CHANGED: "has changed since",
    PendingOutcome.UNREADABLE: "could not be read",
}


def cut_off_words(pending: PendingRestore, timezone: ZoneInfo, *, safety_id: int | None) -> str:
    """Return what each database is now, and what to type."""
    began, by = date_time(pending.started_at, timezone), actor_words(pending.requested_by)
    left = "; ".join(f"{name} {_LEFT[outcome]}" for name, outcome in pending.databases)
    return (
        f"The restore from {source_words(pending.source, timezone)}, asked for by {by} on {began}, was cut off:"
        f" {left}."
        f" {_what_to_do({outcome for _, outcome in pending.databases}, safety_id)}"
    )


def _what_to_do(outcomes: set[PendingOutcome], safety_id: int | None) -> str:
    if outcomes & {PendingOutcome.UNREADABLE, PendingOutcome.CHANGED}:
        safety = f" What was there before is in backup {safety_id}." if safety_id else ""
        return f"Look at the databases, and restore again where it is needed.{safety}"
    if outcomes == {PendingOutcome.OLD}:
        return "Nothing was changed; restore again."
    if outcomes == {PendingOutcome.NEW}:
        return "It is complete. `sqlite-courier restore --undo` brings back what was there before."
    return "Restore again to finish it, or `sqlite-courier restore --undo` to bring back what was there before."
