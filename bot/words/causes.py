"""The sentences of causes: this file alone has them. Plain text, to be filled with facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bot.models import OTHER, Cause, Reason
from bot.words.filling import filled


class CauseWords(NamedTuple):
    """What is wrong, and what mends it; `mend` may be empty."""

    sentence: str
    mend: str = ""


_UNPROVEN = "The archive could not be proven"
_OLDER = "Restore from an older backup, and make a new one now."
_RESTORE = "Restore it from the last good backup."
_MACHINE = "This says nothing about the database: look at this machine's disks, memory and open files (ulimit -n)."
_SPACE = "Free some space, or set SNAPSHOT_DIR to a folder on another disk."
_UNSEEN = "The newest rows can't be seen from here."
_CRASH = "If that application crashes in the middle of a write, this can't be seen here."
_MOUNTED = "{path} is mounted here as a single file, so its log stays outside."
_MOUNT = "Mount its folder in place of the file (such as -v ./data:{folder})."
_LINKED = (
    "{path} is one of {links} hard links to the same file, and its log lies beside the one that its application opens."
)
_LINK = "Put the name that its application opens into DATABASES[ ({others}?)], or remove the other links."

CAUSES: Mapping[str, CauseWords] = {
    OTHER: CauseWords("{said}"),
    Cause.MISSING: CauseWords("{path}[ is a link to {target}, which] does not exist."),
    Cause.VANISHED: CauseWords(
        "{path}[ is a link to {target}, which] does not exist.", "Correct DATABASES, or put the file back."
    ),
    Cause.GONE: CauseWords("{path} is gone: {pattern} found it there before."),
    Cause.NO_MATCH: CauseWords("No file matches {pattern}."),
    Cause.NO_MATCH_TAKEN: CauseWords("No file matches {pattern} but what is no database, or the courier's own."),
    Cause.OWN_FOLDER: CauseWords(
        "{path} lies in {folder}, the courier's own folder ({setting}), and is no database to back up."
    ),
    Cause.OWN_FILE: CauseWords("{path} is the courier's own catalogue, {file}, and is no database to back up."),
    Cause.FOLDER: CauseWords("{path} is a folder, not a database."),
    Cause.NO_FILE: CauseWords("{path} is no regular file, not a database."),
    Cause.NO_UTF8: CauseWords(
        "The name of {path} is not valid UTF-8: no archive, chat or log could name it. Rename the file."
    ),
    Cause.EMPTY: CauseWords(
        "{path} is empty (0 bytes).", "If the application has written to it before, restore it from a backup."
    ),
    Cause.NO_SQLITE: CauseWords(
        "{path} is not a readable SQLite database (encrypted?).",
        "Check the path; databases encrypted with SQLCipher can't be read without their key.",
    ),
    Cause.WRONG_HEADER: CauseWords(
        "{path} begins as a SQLite database, but its header is wrong.",
        "If its application can't open it either, restore it from a backup.",
    ),
    Cause.UNKNOWN_FORMAT: CauseWords(
        "{path} says that it is of a format that SQLite {version} does not know, such as a newer one's or a fork's"
        " (WAL2).",
        "Run the courier with the SQLite that the application uses. If that is a common one, a byte of the file's"
        " header is wrong.",
    ),
    Cause.HOT_JOURNAL: CauseWords(
        "{path} has a hot journal: its application crashed in the middle of a write, and reading it would mean"
        " repairing it.",
        "Start its application, which repairs it, or set ALLOW_JOURNAL_RECOVERY=true.",
    ),
    Cause.EXCLUSIVE: CauseWords(
        "{path} is held by its application in exclusive locking mode (a -wal lies beside it and no -shm): nobody else"
        " can read it.",
        "Let the application set PRAGMA locking_mode=NORMAL and open the database anew, or stop it for the backup.",
    ),
    Cause.LOCKED: CauseWords(
        "{path} stayed locked by its application for {waited} s.",
        "A long write was going on; raise BUSY_TIMEOUT if this happens often. If it happens at every backup, its"
        " application may have set PRAGMA locking_mode=EXCLUSIVE: it needs NORMAL.",
    ),
    Cause.LOCKED_MIDWAY: CauseWords("{path} was locked in the middle of its copy."),
    Cause.NO_PERMISSION: CauseWords(
        "{path} may not be read by this user[ (SQLite says “{said}”)].",
        "Run the courier as the same user as the application, or let it read the file and write to its folder.",
    ),
    Cause.NO_LOOK: CauseWords("{path} may not be looked at by this user."),
    Cause.FOREIGN_OWNER: CauseWords(
        "{path} belongs to another user, and reading it now would leave files beside it that its application could not"
        " write.",
        'Run the courier as the same user as the application, or share a group with it and chmod 664 "{path}".',
    ),
    Cause.NOT_LOOKED_AT: CauseWords("{path} can't be looked at: {said}."),
    Cause.NOT_READ: CauseWords("{path} could not be read: SQLite says “{said}”."),
    Cause.NOT_OPENED: CauseWords("{path} could not be opened: {said}.", _MACHINE),
    Cause.NOT_OPENED_BY_SQLITE: CauseWords("{path} could not be opened: SQLite says “{said}”.", _MACHINE),
    Cause.MOUNTED_ALONE: CauseWords(f"{_MOUNTED} {_UNSEEN}", _MOUNT),
    Cause.HARD_LINKED: CauseWords(f"{_LINKED} {_UNSEEN}", _LINK),
    Cause.LOG_BESIDE_OTHER: CauseWords(
        f"{_LINKED} {_UNSEEN}", "Put {other} into DATABASES in its place: a log lies beside it."
    ),
    Cause.JOURNAL_OUTSIDE: CauseWords(f"{_MOUNTED} {_CRASH}", _MOUNT),
    Cause.JOURNAL_BESIDE_OTHER: CauseWords(f"{_LINKED} {_CRASH}", _LINK),
    Cause.LOG_NOT_BESIDE: CauseWords(
        f"{{path}} is open in a program whose write-ahead log does not lie beside it. {_UNSEEN}",
        "Most likely a container has this single file mounted: mount its folder instead. If it was renamed while it was"
        " open, restart its application.",
    ),
    Cause.UPPER_LAYER: CauseWords(
        "{path} lies in the upper layer of the overlay at {point}, where the locks of its application can't be seen."
        f" {_UNSEEN}",
        "Put {other} into DATABASES in its place, or keep it in a mounted folder.",
    ),
    Cause.DAMAGED: CauseWords("{path} is damaged: SQLite says “{said}”.", _RESTORE),
    Cause.CUT_SHORT: CauseWords(
        "{path} is cut short: {bytes} bytes where its {pages} pages need {expected}.", _RESTORE
    ),
    Cause.CHECK_FAILED: CauseWords("The database is damaged[: {said}]."),
    Cause.REWRITTEN: CauseWords(
        "{path} was written while it was read, by what takes no lock.",
        "Whatever writes it should do so through SQLite, or write another file and rename that.",
    ),
    Cause.REWRITTEN_ALWAYS: CauseWords(
        "{path} was being written each time it was looked at: {found}",
        "It is tried again at the next backup. Whatever writes it should write another file and rename that.",
    ),
    Cause.WRITTEN_UNLOCKED: CauseWords(
        "{path} was written while it was read, and its folder allows no lock.",
        "Let the courier write to the folder, or run it as the same user as the application.",
    ),
    Cause.NO_ROOM: CauseWords(
        "The disk of {folder} is full: a copy of {needed:,} bytes is to be made, and {spare:,} are to spare.", _SPACE
    ),
    Cause.DISK_FULL: CauseWords(
        "The disk of {folder} is full: the copy of {path} could not be written[ ({said}; no more files may be left)].",
        _SPACE,
    ),
    Cause.NOT_COPIED: CauseWords("{path} could not be copied: {said}.", _MACHINE),
    Cause.NOT_COPIED_INTO: CauseWords("{path} could not be copied into {folder}: {said}.", _MACHINE),
    Cause.UNFORESEEN: CauseWords("{path} could not be copied: {kind}: {said}."),
    Cause.COPY_LOST: CauseWords("The private copy of {path} was lost: {said}. The database itself may be sound."),
    Cause.COPY_CUT: CauseWords(
        "The private copy of {path} was lost: it has another size than it had. The database itself may be sound."
    ),
    Cause.RUN_CUT_OFF: CauseWords("the run was cut off: the process or the machine stopped"),
    Cause.SERVICE_STOPPED: CauseWords("The service was stopped."),
    Cause.UNFORESEEN_ERROR: CauseWords("{kind}: {said}"),
    Cause.NO_SPACE_FOR_ARCHIVE: CauseWords(
        "There is no space left for {file} in {folder} ({said}).",
        "Free some disk space, or keep fewer backups (MAX_BACKUP_COUNT, MAX_BACKUP_AGE_DAYS).",
    ),
    Cause.ARCHIVE_NOT_WRITTEN: CauseWords(
        "{file} could not be written in {folder}: {said}.",
        "Check that BACKUP_DIR exists, belongs to the user the bot runs as, and that its disk is healthy.",
    ),
    Cause.ARCHIVE_EXISTS: CauseWords("{file} exists already in {folder}; it is not replaced."),
    Cause.FOLDER_NOT_CREATED: CauseWords(
        "The folder {folder} can't be created: {said}.", "Set BACKUP_DIR to a folder that this user may write."
    ),
    Cause.FOLDER_NOT_READ: CauseWords(
        "The folder {folder} can't be read: {said}.", "See that this user may read BACKUP_DIR."
    ),
    Cause.COPY_GONE: CauseWords("The private copy of {name} is gone: {said}."),
    Cause.COPY_UNREAD: CauseWords("The private copy of {name} could not be read back: {said}."),
    Cause.COPY_RESIZED: CauseWords("The private copy of {name} changed its size while it was being compressed."),
    Cause.DEFLATED_CUT: CauseWords("{archive} is cut off."),
    Cause.DEFLATED_UNREAD: CauseWords("{archive} could not be read: {said}."),
    Cause.NOT_SEALED: CauseWords("The archive could not be sealed: {said}."),
    Cause.MANIFEST_TOO_LARGE: CauseWords(
        "{manifest} would have more than {most:,} bytes, which no restore reads.",
        "Divide DATABASES among two services, each with a BACKUP_DIR of its own.",
    ),
    Cause.UNPROVEN_SHORT: CauseWords(f"{_UNPROVEN}: the file is shorter than what was written."),
    Cause.UNPROVEN_UNREAD: CauseWords(f"{_UNPROVEN}: reading it back failed ({{said}})."),
    Cause.UNPROVEN_INCOMPLETE: CauseWords(f"{_UNPROVEN}: {{name}} is not complete in it."),
    Cause.UNPROVEN_MEMBER: CauseWords(
        f"{_UNPROVEN}: {{name}}, read back from it, is not what was read from the private copy of the database.",
        "Memory or disk may be failing: look into the system's log and test both.",
    ),
    Cause.UNPROVEN_MORE: CauseWords(f"{_UNPROVEN}: it holds more than was written."),
    Cause.UNPROVEN_LISTING: CauseWords(
        f"{_UNPROVEN}: its directory does not list the members that were written[ ({{said}})]."
    ),
    Cause.UNPROVEN_DEFLATE: CauseWords(f"{_UNPROVEN}: a member of it can't be inflated as it was written."),
    Cause.UNPROVEN_CONTENT: CauseWords(f"{_UNPROVEN}: the file does not hold what was written to it."),
    Cause.UNPROVEN_SEAL: CauseWords(f"{_UNPROVEN}: what comes out of its seal is not what went in."),
    Cause.UNPROVEN_KEYS: CauseWords(f"{_UNPROVEN}: it is not sealed for the keys that were asked for."),
    Cause.UNPROVEN_MANIFEST: CauseWords(
        f"{_UNPROVEN}: its {{manifest}}, read as for a restore, is not what was written.",
        "Please report this, with what `sqlite-courier config` prints.",
    ),
    Cause.UNPROVEN_LATER: CauseWords(
        "{file} could not be proven after it got its name: the disk gives back other bytes than were written."
    ),
    Cause.UNPROVEN_LATER_UNREAD: CauseWords("{file} could not be proven after it got its name: {said}."),
    Cause.RECOVERED: CauseWords(
        "Its application had crashed in the middle of a write: the hot journal was rolled back."
    ),
    Cause.LEFT_BESIDE: CauseWords(
        "Reading it left {file}[ and {second_file}] beside it; its application takes them over."
    ),
    Cause.ON_A_SHARE: CauseWords(
        "{path} is in WAL mode on a network share ({kind}): if another machine has it open, its newest rows may be"
        " missing.",
        "Run the courier on the machine that its application runs on.",
    ),
    Cause.BROKEN_RULE: CauseWords("Rows break a rule of their table: {said}."),
    Cause.TOO_MANY_TABLES: CauseWords(
        "Its rows are not listed by table: the names of its tables alone would be larger than a manifest may be."
    ),
    Cause.ARCHIVE_GONE: CauseWords("It is gone from the disk, and neither retention nor an admin has deleted it."),
    Cause.ARCHIVE_LET_GO: CauseWords("It was taken from the disk by hand, and an admin said that this is fine."),
    Cause.ARCHIVE_CUT: CauseWords("It has {bytes:,} bytes and was written with {written:,}."),
    Cause.ARCHIVE_OTHER: CauseWords("It is not what was written (SHA-256)."),
    Cause.ARCHIVE_CUT_OFF: CauseWords("It is cut off: its end is missing."),
    Cause.ARCHIVE_CHANGED: CauseWords("It was changed after it was written, or is cut off."),
    Cause.ARCHIVE_UNREAD: CauseWords("It can't be read: {said}.", "Let this service read it, or mend the disk."),
    Cause.ARCHIVE_DAMAGED: CauseWords("Not all that was written comes out of it; the log file says what does not."),
    Cause.MEMBER_DAMAGED: CauseWords(
        "{name} does not come out of it as it was written.", "Restore the others in it with --only."
    ),
    Cause.STORED_GONE: CauseWords("It is gone from the store, and not by us."),
    Cause.NO_ZIP: CauseWords("It is no ZIP archive."),
    Cause.NO_MANIFEST: CauseWords("It has no manifest that can be read: nothing proves what is in it."),
    Cause.NO_DATABASE: CauseWords("It holds no SQLite database."),
    Cause.NEWER_FORMAT: CauseWords("A newer SQLite Courier wrote it.", "Update SQLite Courier."),
    Cause.NOT_UNPACKED: CauseWords(
        "It is packed as nothing here unpacks it.", "Unpack it with the tool that made it, and zip the databases again."
    ),
    Cause.UNSAFE: CauseWords("It holds what no backup tool writes.", "Do not unpack it elsewhere either."),
    Cause.OTHER_ARCHIVE: CauseWords(
        "{archive} is not the archive that was written under its name (SHA-256).",
        "Take another backup; `sqlite-courier verify` tells which ones are whole.",
    ),
    Cause.OTHER_DATABASE: CauseWords(
        "{archive} is damaged: {name} is not the database that its manifest describes (SHA-256).",
        "Take another backup, or restore the others in it with --only.",
    ),
    Cause.FETCHED_OTHER: CauseWords(
        "{archive}, fetched from {place}, is not the archive that was proven: its SHA-256 is {found}… instead of"
        " {expected}….",
        "Fetch another restore point.",
    ),
    Cause.VOLUME_OTHER: CauseWords(
        "{volume} comes back from {place} as something else than was sent: its SHA-256 is {found}… instead of"
        " {expected}….",
        "Fetch another restore point.",
    ),
    Cause.NOT_GIVEN_OUT: CauseWords(
        "{volume} can't be fetched from {place}, which no longer gives out this file: it is gone, or its file_id is"
        " from another bot.",
        "Fetch another restore point, or forward the archive to the bot.",
    ),
    Cause.NO_LONGER_THERE: CauseWords("{archive} is no longer in {folder}."),
    Cause.NO_KEY_FITS: CauseWords(
        "No key given here opens {archive}: it is sealed for others, or its header is damaged.",
        "Compare the fingerprint in its caption with the one on your recovery sheet.",
    ),
    Cause.WRONG_PASSPHRASE: CauseWords(
        "The passphrase does not open {archive}.", "It is the AGE_PASSPHRASE of the time it was made."
    ),
    Cause.NO_RECORD: CauseWords("{name} is in no manifest: there is nothing to compare it with.", _OLDER),
    Cause.OTHER_REFERENCES: CauseWords(
        "{name}: {rows} rows refer to missing ones, {before} did when it was backed up.", _OLDER
    ),
    Cause.OTHER_SCHEMA: CauseWords("{name}: its schema is not the one that was backed up.", _OLDER),
    Cause.NEVER_STARTED: CauseWords("The service has not been started with this BACKUP_DIR yet."),
    Cause.SHUT_DOWN: CauseWords("The service was shut down.", "Start it again with `sqlite-courier run`."),
    Cause.NO_SIGN_OF_LIFE: CauseWords(
        "The service has given no sign of life lately: it was killed, hangs or sleeps, or has no room to write one."
    ),
    Cause.SIGN_OF_LIFE_AHEAD: CauseWords("The last sign of life lies in the future: the clock was set back."),
    Cause.PAUSED: CauseWords("Scheduled backups were paused by {by}."),
    Cause.NOTHING_PLANNED: CauseWords("The service runs, but no next backup is planned."),
    Cause.IN_BACKUP_INFO: CauseWords("It was skipped; why is in the archive's backup_info.txt."),
}


def sentence_of(why: Reason) -> str:
    """Return what is wrong, in a whole sentence; empty where there is no reason."""
    return _said(CAUSES[why.code].sentence, why) if why else ""


def mend_of(why: Reason) -> str:
    """Return what to do about it; empty where nothing is known."""
    return _said(CAUSES[why.code].mend, why) if why else ""


def in_full(why: Reason) -> str:
    """Return what is wrong and what mends it."""
    return f"{sentence_of(why)} {mend_of(why)}".strip()


def _said(words: str, why: Reason) -> str:
    known = dict(reversed(why.facts))  # of two with one name, the first
    if (found := str(known.get("found", ""))) in CAUSES:
        known["found"] = sentence_of(Reason(found, tuple(fact for fact in why.facts if fact[0] != "found")))
    return filled(words, known)
