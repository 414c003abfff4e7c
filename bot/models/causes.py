"""Causes: the codes of what is wrong with databases, archives and runs; `bot/words/causes.py` has the sentences."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from bot.models.reasons import Reason


def because(cause: StrEnum, **facts: str | int | Path) -> Reason:
    """Return a reason that every table and file can hold: paths are text, and what no UTF-8 can hold is escaped."""
    known = ((name, value if isinstance(value, int) else readable(str(value))) for name, value in facts.items())
    return Reason(cause, tuple(known))


def readable(text: str) -> str:
    """Escape what no UTF-8 can hold: Linux lets file names be any bytes, and Python carries them as surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


class Cause(StrEnum):
    """What is wrong, to the sentence. It is recorded: a value is never renamed without a step of the catalogue."""

    # --- why a database is not in a backup: it is not there, or is none ------------------------------------------
    MISSING = "missing"
    VANISHED = "vanished"  # when it was about to be copied
    GONE = "gone"
    NO_MATCH = "no match"
    NO_MATCH_TAKEN = "no match taken"  # but of what is no database
    OWN_FOLDER = "own folder"
    OWN_FILE = "own file"
    FOLDER = "folder"
    NO_FILE = "no file"
    NO_UTF8 = "no utf-8"
    EMPTY = "empty"
    NO_SQLITE = "no sqlite"
    WRONG_HEADER = "wrong header"
    UNKNOWN_FORMAT = "unknown format"

    # --- it can't be read ----------------------------------------------------------------------------------------
    HOT_JOURNAL = "hot journal"
    EXCLUSIVE = "exclusive"
    LOCKED = "locked"
    LOCKED_MIDWAY = "locked midway"
    NO_PERMISSION = "no permission"
    NO_LOOK = "no look"
    FOREIGN_OWNER = "foreign owner"
    NOT_LOOKED_AT = "not looked at"
    NOT_READ = "not read"
    NOT_OPENED = "not opened"
    NOT_OPENED_BY_SQLITE = "not opened by sqlite"

    # --- its log is elsewhere ------------------------------------------------------------------------------------
    MOUNTED_ALONE = "mounted alone"
    HARD_LINKED = "hard linked"
    LOG_BESIDE_OTHER = "log beside other"
    LOG_NOT_BESIDE = "log not beside"
    UPPER_LAYER = "upper layer"
    JOURNAL_OUTSIDE = "journal outside"  # what is to be known of one that can be copied all the same
    JOURNAL_BESIDE_OTHER = "journal beside other"

    # --- it was found damaged, or written meanwhile --------------------------------------------------------------
    DAMAGED = "damaged"
    CUT_SHORT = "cut short"
    CHECK_FAILED = "check failed"
    REWRITTEN = "rewritten"
    REWRITTEN_ALWAYS = "rewritten always"
    WRITTEN_UNLOCKED = "written unlocked"

    # --- this machine failed -------------------------------------------------------------------------------------
    NO_ROOM = "no room"
    DISK_FULL = "disk full"
    NOT_COPIED = "not copied"
    NOT_COPIED_INTO = "not copied into"
    UNFORESEEN = "unforeseen"
    COPY_LOST = "copy lost"
    COPY_CUT = "copy cut"

    # --- why a run made no archive -------------------------------------------------------------------------------
    RUN_CUT_OFF = "run cut off"
    SERVICE_STOPPED = "service stopped"
    UNFORESEEN_ERROR = "unforeseen error"
    NO_SPACE_FOR_ARCHIVE = "no space for archive"
    ARCHIVE_NOT_WRITTEN = "archive not written"
    ARCHIVE_EXISTS = "archive exists"
    FOLDER_NOT_CREATED = "folder not created"
    FOLDER_NOT_READ = "folder not read"
    COPY_GONE = "copy gone"
    COPY_UNREAD = "copy unread"
    COPY_RESIZED = "copy resized"
    DEFLATED_CUT = "deflated cut"
    DEFLATED_UNREAD = "deflated unread"
    NOT_SEALED = "not sealed"
    MANIFEST_TOO_LARGE = "manifest too large"
    UNPROVEN_SHORT = "unproven: short"
    UNPROVEN_UNREAD = "unproven: unread"
    UNPROVEN_INCOMPLETE = "unproven: incomplete"
    UNPROVEN_MEMBER = "unproven: member"
    UNPROVEN_MORE = "unproven: more"
    UNPROVEN_LISTING = "unproven: listing"
    UNPROVEN_DEFLATE = "unproven: deflate"
    UNPROVEN_CONTENT = "unproven: content"
    UNPROVEN_SEAL = "unproven: seal"
    UNPROVEN_KEYS = "unproven: keys"
    UNPROVEN_MANIFEST = "unproven: manifest"
    UNPROVEN_LATER = "unproven: later"  # under its final name
    UNPROVEN_LATER_UNREAD = "unproven: later unread"

    # --- why no scheduled backups happen, or it is not known whether ---------------------------------------------
    NEVER_STARTED = "never started"
    SHUT_DOWN = "shut down"
    NO_SIGN_OF_LIFE = "no sign of life"
    SIGN_OF_LIFE_AHEAD = "sign of life ahead"
    PAUSED = "paused"
    NOTHING_PLANNED = "nothing planned"

    # --- what is to be known of a database that is in a backup ----------------------------------------------------
    RECOVERED = "recovered"  # from its hot journal
    LEFT_BESIDE = "left beside"
    ON_A_SHARE = "on a share"
    BROKEN_RULE = "broken rule"
    TOO_MANY_TABLES = "too many tables"  # to be listed in a manifest

    # --- why an archive is no longer good ------------------------------------------------------------------------
    ARCHIVE_GONE = "archive gone"
    ARCHIVE_LET_GO = "archive let go"  # the same, and an admin said that this is fine
    ARCHIVE_CUT = "archive cut"
    ARCHIVE_OTHER = "archive other"  # than was written, by its checksum
    ARCHIVE_CUT_OFF = "archive cut off"  # before its end, as reading it has shown
    ARCHIVE_CHANGED = "archive changed"
    ARCHIVE_UNREAD = "archive unread"  # the disk gives it out no more
    ARCHIVE_DAMAGED = "archive damaged"  # in some other way
    MEMBER_DAMAGED = "member damaged"
    STORED_GONE = "stored gone"  # from an object store

    # --- why what was brought as an archive is none that can be restored -----------------------------------------
    NO_ZIP = "no zip"
    NO_MANIFEST = "no manifest"
    NO_DATABASE = "no database"
    NEWER_FORMAT = "newer format"
    NOT_UNPACKED = "not unpacked"  # here
    UNSAFE = "unsafe"

    # --- why a backup could not be had back as it was -------------------------------------------------------------
    OTHER_ARCHIVE = "other archive"
    OTHER_DATABASE = "other database"
    FETCHED_OTHER = "fetched other"
    VOLUME_OTHER = "volume other"
    NOT_GIVEN_OUT = "not given out"
    NO_LONGER_THERE = "no longer there"
    NO_KEY_FITS = "no key fits"
    WRONG_PASSPHRASE = "wrong passphrase"  # noqa: S105 - no secret
    NO_RECORD = "no record"
    OTHER_REFERENCES = "other references"
    OTHER_SCHEMA = "other schema"

    IN_BACKUP_INFO = "in backup_info"  # learned from a chat, where only that it was skipped is told
