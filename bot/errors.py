"""Defines every error a person can meet: a code, a sentence for the chat, a hint, an exit code.

    CourierError
    ├── SettingsError            settings        exit 2   .env or the environment is wrong
    ├── NotFoundError            not-found       exit 3   no such backup, archive or database
    ├── BusyError                busy            exit 4   a run is under way; who asked, and its stage
    ├── InstanceError            instance        exit 5   another process serves this BACKUP_DIR
    ├── SnapshotError            snapshot        exit 6   one database could not be copied (holds a SkipReason)
    ├── NothingToBackUpError     nothing         exit 7   no database could be backed up at all
    ├── ArchiveError             archive         exit 8   an archive could not be written or proven
    │   └── DamagedArchiveError  damaged         exit 9   an archive on disk is not what was written
    ├── NoSpaceError             no-space        exit 10  the disk is full
    ├── CatalogueError           catalogue       exit 11  the catalogue can't be used
    ├── DeliveryError            delivery        exit 12  a backup is stored, but not delivered to everybody
    ├── TelegramError            telegram        exit 13  Telegram refuses this bot (token, second poller)
    ├── AbortedError             aborted         exit 14  shut down, or stopped by a person
    ├── UntrustedArchiveError    untrusted       exit 15  what was brought to restore from is not safe or not sound
    │   └── MissingVolumesError  volumes         exit 16  some of its volumes are missing
    ├── RestoreRefusedError      refused         exit 17  something is in the way of a restore; nothing was changed
    ├── RestoreError             restore         exit 18  a restore failed; says what it left
    └── SealError                seal            exit 19  a sealed archive can't be opened, or none sealed: the key

Errors are returned upward and reported once, at the top; nothing logs them on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from bot.models import SkipReason


class CourierError(Exception):
    """A failure with a sentence that names the thing and the fault, and a hint that names the mend.

    `sentence` is plain text (no HTML), fit for the chat; `hint` says what to do or type next and may be empty.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class SettingsError(CourierError):
    code = "settings"
    exit_code = 2

    def __init__(self, faults: tuple[str, ...], *, hint: str = "") -> None:
        """Hold all faults at once: one sentence per faulty variable."""
        super().__init__("\n".join(faults), hint=hint)
        self.faults = faults


class NotFoundError(CourierError):
    code = "not-found"
    exit_code = 3


class BusyError(CourierError):
    code = "busy"
    exit_code = 4


class InstanceError(CourierError):
    code = "instance"
    exit_code = 5


class SnapshotError(CourierError):
    """One database could not be copied; the run goes on without it."""

    code = "snapshot"
    exit_code = 6

    def __init__(self, reason: SkipReason, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.reason = reason


class NothingToBackUpError(CourierError):
    code = "nothing"
    exit_code = 7


class ArchiveError(CourierError):
    code = "archive"
    exit_code = 8


class DamagedArchiveError(ArchiveError):
    code = "damaged"
    exit_code = 9


class NoSpaceError(CourierError):
    code = "no-space"
    exit_code = 10


class CatalogueError(CourierError):
    code = "catalogue"
    exit_code = 11


class DeliveryError(CourierError):
    code = "delivery"
    exit_code = 12


class TelegramError(CourierError):
    code = "telegram"
    exit_code = 13


class AbortedError(CourierError):
    code = "aborted"
    exit_code = 14


class UntrustedArchiveError(CourierError):
    """What was brought to restore from is refused; nothing of it was used."""

    code = "untrusted"
    exit_code = 15


class MissingVolumesError(UntrustedArchiveError):
    """Volumes are missing: `missing` holds their numbers where they are known, `total` is 0 where it is not."""

    code = "volumes"
    exit_code = 16

    def __init__(self, sentence: str, *, missing: tuple[int, ...] = (), total: int = 0, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.missing = missing
        self.total = total


class RestoreRefusedError(CourierError):
    """Something is in the way of a restore, or what was planned no longer holds; nothing was changed."""

    code = "refused"
    exit_code = 17


class RestoreError(CourierError):
    """A restore failed. `rolled_back` tells whether everything is as it was before."""

    code = "restore"
    exit_code = 18

    def __init__(self, sentence: str, *, rolled_back: bool, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.rolled_back = rolled_back


class SealError(CourierError):
    """The key is missing or not the right one; nothing is known about the archive itself."""

    code = "seal"
    exit_code = 19

    def __init__(self, sentence: str, *, wants: str = "", hint: str = "") -> None:
        """`wants` is "key" or "passphrase" where one would help."""
        super().__init__(sentence, hint=hint)
        self.wants = wants


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra; the project stands in no registry, so it is run in its own folder."""
    return f"pip install '.[{extra}]' in the folder that SQLite Courier was installed from"
