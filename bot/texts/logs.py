"""Detailed Logs: what happened, a sentence each, newest first; the log itself is a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Alarm, Backup, BackupState, Delivery, Drill, Recipient, Trigger
from bot.services.catalogue import Event
from bot.texts.actions import action_line, of_pages
from bot.texts.alarm_words import words_of
from bot.texts.alarms import alarm_recovered
from bot.texts.alarms import icon as alarm_icon
from bot.texts.backups import STATE_ICONS, state_words
from bot.texts.markup import FittedList, compose, names, text
from bot.texts.measures import count, human_size, moment


def detailed_logs(
    events: Sequence[Event],
    page: int,
    now: datetime,
    timezone: ZoneInfo,
    *,
    trouble: bool,
    owed: Mapping[int, Sequence[Delivery]],
    called: Mapping[Recipient, str],
) -> str:
    """Return a page. `owed` are the deliveries of backups that not everybody has, `called` the names of recipients."""
    heading = f"📜 <b>Detailed Logs</b>{': trouble' if trouble else ''}{of_pages(page)}"
    if not events:
        return f"{heading}\n\nNothing here{'' if page else ' yet'}."
    return compose(
        heading, "", FittedList(tuple(_line(each, now, timezone, owed, called) for each in events), len(events))
    )


def _line(
    event: Event,
    now: datetime,
    timezone: ZoneInfo,
    owed: Mapping[int, Sequence[Delivery]],
    called: Mapping[Recipient, str],
) -> str:
    what, when = event.what, f"<b>{moment(event.at, now, timezone)}</b>"
    match what:
        case Backup():
            icon, said = _backup(what, owed.get(what.id, ()), called)
        case Drill():
            icon, said = _drill(what)
        case Alarm() if event.over:
            icon, said = "✅", alarm_recovered(what, timezone).removeprefix("✅ ")
        case Alarm():
            icon, said = alarm_icon(what), text(words_of(what, what.began_at, timezone).title, 120)
        case _:
            return action_line(what, now, timezone)
    return f"{icon} {when} {said}"


def _backup(backup: Backup, owed: Sequence[Delivery], called: Mapping[Recipient, str]) -> tuple[str, str]:
    held = f"{count(len(backup.databases), 'database')}, {human_size(backup.archive_bytes)} packed"
    if backup.trigger is Trigger.SAFETY:
        return "🛟", f"Backup {backup.id} keeps what was there before a restore: {held}"
    if backup.same_as is not None:
        return "🟰", f"Backup {backup.id}: unchanged since backup {backup.same_as}"
    if not backup.proven:
        state = "not opened" if backup.sealed else state_words(backup, owed, called)
        why = f": without {_without(backup)}" if backup.skipped else ""
        return STATE_ICONS[backup.state], f"Backup {backup.id} {_VERBS.get(backup.state, '')}{state}{why}"
    if backup.skipped:
        return STATE_ICONS[backup.state], f"Backup {backup.id} is incomplete: {held}, without {_without(backup)}"
    return STATE_ICONS[backup.state], f"Backup {backup.id}: {held}, {state_words(backup, owed, called)}"


_VERBS = {BackupState.RUNNING: "is ", BackupState.INTERRUPTED: "was "}


def _without(backup: Backup) -> str:
    return names([record.name for record in backup.skipped], 3)


def _drill(drill: Drill) -> tuple[str, str]:
    which = f"of backup {drill.backup_id} ({drill.source.words})"
    if not drill.ok:
        return "❌", f"Test-restore {which} failed"
    if not drill.opened:
        return "🔒", f"Test-restore {which}: its bytes are as they were; no key here opens it"
    return "🧪", f"Test-restore {which}: all is there"


def log_file(size: int, sent_bytes: int) -> str:
    """Return the caption of the log file; `sent_bytes` is less than `size` when only its end is sent."""
    if sent_bytes < size:
        return (
            f"📄 The end of the log: the last {human_size(sent_bytes)} of {human_size(size)}."
            " The whole file is on the server."
        )
    return f"📄 The log file, {human_size(size)}."


def no_log_file() -> str:
    """Return the answer where there is no log file, or an empty one."""
    return "The log file is still empty."
