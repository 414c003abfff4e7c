"""Why a database is not in a backup: in a word, in a sentence, and what mends it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.models import DatabaseStatus, Facts, SkipReason
from bot.services.files.space import SPARE_BYTES
from bot.texts.measures import human_size
from bot.words.causes import in_full


@dataclass(frozen=True, slots=True)
class SkipWords:
    """`state` follows "is" and "was", `what` and `mend` are sentences: plain text."""

    state: str
    what: str
    mend: str


_RESTORE = "Restore it: you see first what that changes."
RESTORE_ALL = "Restore them: you see first what that changes."
_GONE = "Put it back, restore it, or say that it was removed on purpose: its backups stay."
_PERMISSIONS = "Run the courier as the same user as its program, or let it read the file and write to its folder."
_UNKNOWN = SkipWords("not readable", "It could not be copied.", "Try again; the log file says what happened.")

SKIPS = {
    SkipReason.MISSING: SkipWords("missing", "The file is missing.", _GONE),
    SkipReason.GONE: SkipWords("missing", "The file is missing.", _GONE),
    SkipReason.OWN_FOLDER: SkipWords(
        "left out", "It lies in the courier's own folder and is no database to back up.", "Take it out of DATABASES."
    ),
    SkipReason.EMPTY: SkipWords(
        "empty", "The file has 0 bytes.", f"If its program has written to it before: {_RESTORE.lower()}"
    ),
    SkipReason.NOT_A_DATABASE: SkipWords(
        "not readable",
        "The file is no SQLite database that can be read; it may be encrypted.",
        "See that DATABASES names the right file. If its program can't open it either, restore it.",
    ),
    SkipReason.UNKNOWN_FORMAT: SkipWords(
        "not readable",
        "The file is of a format that this SQLite does not know, such as a newer one's or a fork's.",
        "Run the courier with the SQLite that its program uses.",
    ),
    SkipReason.DAMAGED: SkipWords("damaged", "The file is damaged.", _RESTORE),
    SkipReason.BUSY: SkipWords(
        "locked",
        "Its program kept it locked for as long as a backup waits.",
        "Try again; if this happens often, raise BUSY_TIMEOUT.",
    ),
    SkipReason.EXCLUSIVE: SkipWords(
        "locked",
        "Its program lets nobody else read it (exclusive locking mode).",
        "Let the program set PRAGMA locking_mode=NORMAL, or stop it for the backup.",
    ),
    SkipReason.HOT_JOURNAL: SkipWords(
        "half written",
        "Its program crashed in the middle of a write, and to read it would mean to repair it.",
        "Start its program, which repairs it, or set ALLOW_JOURNAL_RECOVERY=true.",
    ),
    SkipReason.NO_PERMISSION: SkipWords("not readable", "The courier's user may not read it.", _PERMISSIONS),
    SkipReason.FOREIGN_OWNER: SkipWords(
        "not readable", "It belongs to another user, and reading it now would lock its program out later.", _PERMISSIONS
    ),
    SkipReason.LOG_ELSEWHERE: SkipWords(
        "incomplete",
        "Its newest rows are in a log that can't be seen from here.",
        "Name it in DATABASES by the path that its program opens.",
    ),
    SkipReason.CHANGED_WHILE_READ: SkipWords(
        "being rewritten",
        "Something writes it without SQLite's locks while it is read.",
        "Try again. Whatever writes it should write another file and rename that.",
    ),
    SkipReason.NO_SPACE: SkipWords(
        "without room", "There was not enough disk space for a copy of it.", "Free some disk space, then back up again."
    ),
    SkipReason.FAILED: _UNKNOWN,
}


SPOILED = frozenset({SkipReason.DAMAGED, SkipReason.EMPTY, SkipReason.NOT_A_DATABASE})
"""What another backup does not mend: the file itself is the trouble."""


def full_disk(figures: Sequence[Facts]) -> str:
    """Return what a full disk lacks for all databases that were skipped for it: `16 MB needed, 5 MB free`; or ""."""
    needed = [value for each in figures for name, value in each if name == "needed" and isinstance(value, int)]
    free = [value for each in figures for name, value in each if name == "free" and isinstance(value, int)]
    if not needed or not free:
        return ""
    return f"{human_size(sum(needed) + SPARE_BYTES)} needed, {human_size(min(free))} free"


def cause_of(reasons: Collection[str]) -> str:
    """Return why databases are not in a backup, where it is one cause: `the file is missing`; or ""."""
    states = {skip_words(reason).state for reason in reasons}
    if len(states) != 1:
        return ""
    if states == {skip_words(SkipReason.NO_SPACE).state}:
        return "not enough disk space"
    return f"the file is {states.pop()}" if len(reasons) == 1 else f"the files are {states.pop()}"


def skip_words(reason: str) -> SkipWords:
    """Return the words for a reason; those of a fault that is not known where it is none of ours."""
    return SKIPS[SkipReason(reason)] if reason in SKIPS else _UNKNOWN


def mend_words(reason: str, facts: Facts) -> str:
    """Return what mends it; of a full disk with the folder on it, where the facts know that."""
    folder = next((value for name, value in facts if name == "folder"), "")
    if reason == SkipReason.NO_SPACE and folder:
        return f"Free some space on the disk of {folder}, then back up again."
    return skip_words(reason).mend


def trouble_words(database: DatabaseStatus) -> str:
    """Return why the newest run has skipped a database, in whole sentences; empty where it has not."""
    if database.skipped is SkipReason.NO_SPACE:  # the figures are of all, and stand where all are named
        return skip_words(database.skipped).what
    return in_full(database.trouble)
