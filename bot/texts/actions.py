"""Actions of admins, as Detailed Logs show them: the person, the action, the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Action
from bot.services.catalogue import AuditEntry
from bot.texts.markup import FittedList, by_name, compose, text
from bot.texts.measures import local_moments, moment
from bot.words.failures import failure_words
from bot.words.filling import filled

_FROM = "[: {database}][ from backup {backup}][ from {archive}]"
_CHANGED = "[: {before} → {after}]"

ACTIONS: Mapping[Action, tuple[str, str]] = {
    Action.OTHER: ("▫️", ""),
    Action.BACKUP_STARTED: ("💾", "started a backup"),
    Action.TAKEN_AGAIN: ("📤", "took a backup again[: backup {backup}, to {recipient}]"),
    Action.PINNED: ("📌", "pinned[: backup {backup}]"),
    Action.UNPINNED: ("📌", "unpinned[: backup {backup}]"),
    Action.NOTED: ("📝", "noted[: backup {backup}: {note}]"),
    Action.NOTE_REMOVED: ("📝", "removed the note[: backup {backup}]"),
    Action.DELETED: ("🗑", "deleted[: backup {backup}, {archive}]"),
    Action.FORGOT: ("➖", "hid[: {database}]"),
    Action.ARCHIVES_FORGOTTEN: ("▫️", "no longer misses archives[: backups {backup}]"),
    Action.RESTORE_CONFIRMED: ("▫️", f"confirmed a restore{_FROM}"),
    Action.RESTORED: ("▫️", f"restored{_FROM}[ into {{folder}}]"),
    Action.UNDONE: ("▫️", "undid a restore[: {database}]"),
    Action.RESTORE_REFUSED: ("▫️", f"restore refused{_FROM}"),
    Action.RESTORE_FAILED: ("▫️", f"restore failed{_FROM}"),
    Action.RESTORE_CUT_OFF: ("▫️", "restore cut off[: {database}]"),
    Action.ARCHIVE_SENT: ("▫️", "sent an archive[: {archive}, SHA-256 {sha256}]"),
    Action.ARCHIVE_REFUSED: ("▫️", "sent an archive that was refused[: {archive}]"),
    Action.DRILL_STARTED: ("🧪", "started a test-restore"),
    Action.DRILL_CUT_OFF: ("🧪", "test-restore cut off, with the service"),
    Action.PAUSED: ("⏸", "paused[ until {until}]"),
    Action.RESUMED: ("▶️", "resumed"),
    Action.SCHEDULE_CHANGED: ("🗓", f"changed the schedule{_CHANGED}"),
    Action.SCHEDULE_RESET: ("🗓", f"reset the schedule{_CHANGED}"),
    Action.SCHEDULE_RESET_BY_HAND: ("🗓", "reset SCHEDULE"),
    Action.MODE_CHOSEN: ("▫️", "chose messages: {mode}"),
    Action.QUIET_CHOSEN: ("▫️", "chose messages: quiet from {start} to {end}"),
    Action.QUIET_ALARMS_CHOSEN: ("▫️", "chose messages: quiet from {start} to {end}, alarms too"),
    Action.NO_QUIET_CHOSEN: ("▫️", "chose messages: no quiet hours"),
    Action.DATABASES_CHOSEN: ("▫️", "chose messages: only {database}"),
    Action.ALL_CHOSEN: ("▫️", "chose messages: all databases"),
    Action.ALARM_ACCEPTED: ("▫️", "accepted[: {alarm}]"),
    Action.ALARM_HUSHED: ("▫️", "silenced an alarm for themselves[: {alarm}]"),
    Action.ADMIN_ADDED: ("👮", "added an admin[: {who}]"),
    Action.ADMIN_REMOVED: ("👮", "removed an admin[: {who}]"),
    Action.ADMINS_RESET: ("👮", "reset ADMIN_IDS"),
    Action.PLACE_ADDED: ("📬", "added a place for backups[: {who}]"),
    Action.PLACE_REMOVED: ("📬", "removed a place for backups[: {who}]"),
    Action.PLACES_RESET: ("📬", "reset DELIVER_TO"),
    Action.LOG_TAKEN: ("📄", "took the log file"),
}
"""The icon and the words of each action, to be filled with its facts."""


def actions(entries: Sequence[AuditEntry], page: int, now: datetime, timezone: ZoneInfo) -> str:
    """Return a page of what admins did, newest first."""
    heading = f"📜 <b>Detailed Logs</b>: actions{of_pages(page)}"
    if not entries:
        return f"{heading}\n\nNothing here{'' if page else ' yet'}."
    return compose(heading, "", FittedList(tuple(action_line(entry, now, timezone) for entry in entries), len(entries)))


def of_pages(page: int) -> str:
    """Return which page of a log is shown; nothing for the newest."""
    return f", page {page + 1}" if page else ""


def action_line(entry: AuditEntry, now: datetime, timezone: ZoneInfo) -> str:
    """Return what an admin did, in a line."""
    icon, words = ACTIONS[entry.action]
    why = failure_words(entry.fact("error")) if entry.fact("error") else entry.fact("said")
    said = local_moments(": ".join(filter(None, (filled(words, _together(entry)), why))), now, timezone)
    return f"{icon} {moment(entry.at, now, timezone)} <b>{by_name(entry.actor, 50)}</b> {text(said, 260)}"


def _together(entry: AuditEntry) -> dict[str, str]:
    """Return the facts by their names; those of one name are a list."""
    together: dict[str, str] = {}
    for name, value in entry.facts:
        together[name] = f"{together[name]}, {value}" if name in together else str(value)
    return together
