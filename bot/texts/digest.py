"""The digest of a day, and the note that nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.clock import clock_time, zone_name
from bot.models import Backup, BackupState, Status, Verdict
from bot.services.messages.digest import Digest
from bot.texts.markup import FittedList, compose, names, text
from bot.texts.measures import count, day_name, human_size
from bot.texts.verdict import verdict
from bot.words.failures import why_failed

NAMED = 2
"""Names of databases in one line; more are counted."""


def digest(digest: Digest, status: Status | None, timezone: ZoneInfo, missed: int = 0) -> str:
    """Return a day in one message: how all stands, how many runs were good, then a line for each, newest first.

    `missed` runs did not take place on it.
    """
    troubled = sum(_is_trouble(run, digest.databases) for run in digest.runs)
    amiss = [f"{troubled} with trouble"] if troubled else []
    amiss += [f"{missed} missed"] if missed else []
    return compose(
        f"📰 <b>Backups of {day_name(digest.day)}</b>",
        None if status is None else verdict(status, timezone),
        f"{count(len(digest.runs), 'run')}, "
        + (f"❗️ <b>{', '.join(amiss)}</b>" if amiss else "all good ✅")
        + f" · times in {text(zone_name(timezone), 40)}",
        _followed(digest),
        "",
        FittedList(tuple(_line(run, digest, timezone) for run in digest.runs), 100),
        "",
        "<i>📦 the archive came to this chat. This message is edited over the day.</i>",
    )


def _followed(digest: Digest) -> str | None:
    return None if digest.databases is None else f"Only of {names(sorted(digest.databases), 5)}"


def _is_trouble(run: Backup, followed: frozenset[str] | None) -> bool:
    return not run.proven or any(followed is None or record.name in followed for record in run.skipped)


def _line(run: Backup, digest: Digest, timezone: ZoneInfo) -> str:
    when = f"<code>{clock_time(run.started_at, timezone)}</code>"
    if not run.proven:
        word = "interrupted" if run.state is BackupState.INTERRUPTED else "failed"
        return f"{when} ❌ {word}: {text(why, 90)}" if (why := why_failed(run)) else f"{when} ❌ {word}"
    here = " 📦" if run.id in digest.received else ""
    databases = [d for d in run.databases if digest.databases is None or d.name in digest.databases]
    missing = [record.name for record in run.skipped if digest.databases is None or record.name in digest.databases]
    if missing:
        return f"{when} ⚠️ <b>NOT backed up: {names(missing, NAMED)}</b>{here}"
    if not databases:
        return f"{when} ▫️ none of your databases{here}"
    if run.same_as is not None:
        return f"{when} 🟰 unchanged since backup {run.same_as}{here}"
    unchecked = sum(database.verdict is not Verdict.OK for database in databases)
    said = f"⚠️ {count(unchecked, 'database')} could not be checked ·" if unchecked else "✅"
    return f"{when} {said} {count(len(databases), 'database')}, {human_size(run.archive_bytes)}{here}"


def unchanged_note(since: Backup, runs: Sequence[Backup], timezone: ZoneInfo) -> str:
    """Return in one line that the newest archive above is still what the databases hold."""
    last = clock_time(runs[-1].started_at, timezone)
    return (
        f"🟰 Unchanged since {clock_time(since.started_at, timezone)} (backup {since.id}): "
        f"{count(len(runs), 'run')}, the last at {last}"
    )
