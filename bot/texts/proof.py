"""How a backup was proven, and for whom it is sealed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import Backup, CheckMethod, Verdict
from bot.services.sealing.keys import BY_PASSPHRASE, UNKNOWN
from bot.texts.markup import text
from bot.texts.measures import count


def check_verdict(backup: Backup, timezone: ZoneInfo) -> str:
    """Say in one line how a backup was proven, and of what has not changed since, when it was checked."""
    unchecked = sum(database.verdict is Verdict.UNCHECKED for database in backup.databases)
    full = all(database.method is CheckMethod.FULL for database in backup.databases)
    if unchecked:
        return f"⚠️ {count(unchecked, 'database')} could not be checked; the archive was read back and compared"
    what, read_back = f"{'Integrity' if full else 'Quick'} check", "archive read back and compared"
    checked = [database.checked_at for database in backup.databases if database.checked_at is not None]
    if not checked:
        return f"🔎 {what}, {read_back}"
    minutes = dict.fromkeys(date_time(at, timezone) for at in sorted(checked))
    since = f"{next(iter(minutes))}{' or later' if len(minutes) > 1 else ''}"
    if len(checked) == len(backup.databases):
        return f"🔎 Unchanged since the {what.lower()} of {since}, {read_back}"
    return f"🔎 {what} ({len(checked)} of {len(backup.databases)} unchanged since {since}), {read_back}"


def seal_line(backup: Backup) -> str | None:
    """Say for whom a backup is sealed; None where it is not."""
    if not backup.sealed:
        return None
    if backup.sealed == BY_PASSPHRASE:
        return "🔒 Sealed (encrypted): opens only with its passphrase"
    known = f"the key file (its fingerprint: <code>{text(backup.sealed, 120)}</code>)"
    key = UNKNOWN if backup.sealed == UNKNOWN else known
    return f"🔒 Sealed (encrypted): opens only with {key}"
