"""What is not as it should be with a backup, or with a database that is in one: a line for each."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import BackedUp, Backup
from bot.words.causes import in_full


def remarks(database: BackedUp) -> tuple[str, ...]:
    """Return in sentences what is amiss, though it is backed up: broken references, broken rules, how it was read."""
    broken, said = database.foreign_key_violations, tuple(map(in_full, database.warnings))
    return (f"{broken:,} row{'' if broken == 1 else 's'} with a broken foreign key", *said) if broken else said


def dated_ahead(backup: Backup, timezone: ZoneInfo) -> str:
    """Say of a backup that is dated in the future what that means."""
    at = date_time(backup.started_at, timezone)
    return f"Backup {backup.id} is dated in the future ({at}): a wrong clock made it, and it counts as the oldest."
