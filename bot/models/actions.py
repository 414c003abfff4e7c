"""Actions: who did what, in codes; `bot/texts/actions.py` has the words."""

from __future__ import annotations

from enum import StrEnum


class Actor(StrEnum):
    """Who acts or asks where it is no person, who is recorded as `Ann (11)`; `bot/words/actors.py` has the words.

    It is recorded: a value is never renamed without a step of the catalogue.
    """

    SCHEDULE = "schedule"
    COMMAND_LINE = "command line"
    SETUP = "setup"
    RECOVER = "recover"
    RESTORE_IF_MISSING = "restore if missing"
    PROGRAM_END = "program end"  # of the one that the service was started with
    START = "start"  # of a process, which puts things in order
    CHAT = "chat"  # of a backup: nobody knows, it was learned from there
    DISK = "disk"  # the same, of one that was found there


class Action(StrEnum):
    """What somebody did. It is recorded: a value is never renamed without a step of the catalogue.

    Its facts are told where it is recorded. OTHER is of an earlier version, known in words alone: its fact `said`.
    """

    OTHER = "other"

    BACKUP_STARTED = "started a backup"
    TAKEN_AGAIN = "took a backup again"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    NOTED = "noted"
    NOTE_REMOVED = "removed the note"
    DELETED = "deleted"
    FORGOT = "forgot"
    ARCHIVES_FORGOTTEN = "forgot archives"

    RESTORE_CONFIRMED = "confirmed a restore"
    RESTORED = "restored"
    UNDONE = "undid a restore"
    RESTORE_REFUSED = "restore refused"
    RESTORE_FAILED = "restore failed"
    RESTORE_CUT_OFF = "restore cut off"
    ARCHIVE_SENT = "sent an archive"
    ARCHIVE_REFUSED = "archive refused"
    DRILL_STARTED = "started a test-restore"
    DRILL_CUT_OFF = "test-restore cut off"

    PAUSED = "paused"
    RESUMED = "resumed"
    SCHEDULE_CHANGED = "changed the schedule"
    SCHEDULE_RESET = "reset the schedule"
    SCHEDULE_RESET_BY_HAND = "reset SCHEDULE"

    MODE_CHOSEN = "chose a mode"
    QUIET_CHOSEN = "chose quiet hours"
    QUIET_ALARMS_CHOSEN = "chose quiet alarms"  # in the quiet hours
    NO_QUIET_CHOSEN = "chose no quiet hours"
    DATABASES_CHOSEN = "chose databases"
    ALL_CHOSEN = "chose all databases"
    ALARM_ACCEPTED = "accepted"
    ALARM_HUSHED = "hushed"

    ADMIN_ADDED = "added an admin"
    ADMIN_REMOVED = "removed an admin"
    ADMINS_RESET = "reset ADMIN_IDS"
    PLACE_ADDED = "added a place for backups"
    PLACE_REMOVED = "removed a place for backups"
    PLACES_RESET = "reset DELIVER_TO"
    LOG_TAKEN = "took the log file"
