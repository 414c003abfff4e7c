"""Defines every error a person can meet: a code, a sentence for the chat, a hint, an exit code.

Errors are returned upward and reported once, at the top; nothing logs them on the way.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from bot.models import NO_REASON, Cause, Reason, SkipReason, because, skip_reason
from bot.words.causes import mend_of, sentence_of

if TYPE_CHECKING:
    from bot.models import SkippedRecord


class CourierError(Exception):
    """A failure with a sentence that names the thing and the fault, and a hint that names the mend.

    `sentence` is plain text (no HTML), fit for the chat; `hint` says what to do or type next and may be empty. A kind
    of error without a code and an exit code of its own has those of the kind that it is one of.

    `cause` is what is recorded of it, a little less than the sentence says; nothing where its kind says enough.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init_subclass__(cls, *, code: str = "", exit_code: int = 0) -> None:
        cls.code, cls.exit_code = code or cls.code, exit_code or cls.exit_code

    def __init__(self, sentence: str, *, hint: str = "", cause: Reason = NO_REASON) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.cause = cause

    @classmethod
    def because(cls, cause: Cause, **facts: str | int | Path) -> Self:
        """Return an error of this kind that says what `bot/words` has for a cause."""
        return cls.of(because(cause, **facts))

    @classmethod
    def of(cls, why: Reason) -> Self:
        error = cls(sentence_of(why), hint=mend_of(why))
        error.cause = why
        return error


class SettingsError(CourierError, code="settings", exit_code=2):
    """.env or the environment is wrong."""

    def __init__(self, faults: tuple[str, ...], *, hint: str = "") -> None:
        """Hold all faults at once: one sentence per faulty variable."""
        super().__init__("\n".join(faults), hint=hint)
        self.faults = faults


class NotFoundError(CourierError, code="not-found", exit_code=3):
    """There is no such backup, archive or database."""


class BusyError(CourierError, code="busy", exit_code=4):
    """A run is under way; says who asked, and its stage."""


class InstanceError(CourierError, code="instance", exit_code=5):
    """Another process serves this BACKUP_DIR."""


class SnapshotError(CourierError, code="snapshot", exit_code=6):
    """One database could not be copied; the run goes on without it."""

    @property
    def reason(self) -> SkipReason:
        return skip_reason(self.cause)


class NothingToBackUpError(CourierError, code="nothing", exit_code=7):
    """No database could be backed up at all; `skipped` says why, one by one."""

    def __init__(self, sentence: str, *, hint: str = "", skipped: tuple[SkippedRecord, ...] = ()) -> None:
        super().__init__(sentence, hint=hint)
        self.skipped = skipped


class ArchiveError(CourierError, code="archive", exit_code=8):
    """An archive could not be written or proven."""


class DamagedArchiveError(ArchiveError, code="damaged", exit_code=9):
    """An archive on disk is not what was written."""


class NoSpaceError(CourierError, code="no-space", exit_code=10):
    """The disk is full."""


class CatalogueError(CourierError, code="catalogue", exit_code=11):
    """The catalogue can't be used."""


class DeliveryError(CourierError, code="delivery", exit_code=12):
    """A backup is stored, but not delivered to everybody."""


class TelegramError(CourierError, code="telegram", exit_code=13):
    """Telegram refuses this bot (token, second poller)."""


class AbortedError(CourierError, code="aborted", exit_code=14):
    """Shut down, or stopped by a person."""


class UntrustedArchiveError(CourierError, code="untrusted", exit_code=15):
    """What was brought to restore from is not safe or not sound, and refused; nothing of it was used."""


class MissingVolumesError(UntrustedArchiveError, code="volumes", exit_code=16):
    """Volumes are missing: `missing` holds their numbers where they are known, `total` is 0 where it is not."""

    def __init__(
        self, sentence: str, *, missing: tuple[int, ...] = (), total: int = 0, hint: str = "", cause: Reason = NO_REASON
    ) -> None:
        super().__init__(sentence, hint=hint, cause=cause)
        self.missing = missing
        self.total = total


class RestoreRefusedError(CourierError, code="refused", exit_code=17):
    """Something is in the way of a restore, or what was planned no longer holds; nothing was changed."""


class RestoreError(CourierError, code="restore", exit_code=18):
    """A restore failed and says what it left. `rolled_back` tells whether everything is as it was before."""

    def __init__(self, sentence: str, *, rolled_back: bool, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.rolled_back = rolled_back


class SealError(CourierError, code="seal", exit_code=19):
    """A sealed archive can't be opened, or none sealed: the key is missing or not the right one.

    Nothing is known about the archive itself. `wants` is "key" or "passphrase" where one would help.
    """

    def __init__(self, sentence: str, *, wants: str = "", hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.wants = wants


class MachineError(CourierError, code="machine", exit_code=20):
    """What starts the services of this machine refuses, or can't be asked; says what was done all the same."""


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra to this environment.

    The project stands in no registry: it is installed from a folder, which pip, pipx and uv write down. Where that is
    gone, or was never written, the command is to be run in a folder of the source.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - for the few who need it

    source = _installed_from()
    pip = f"{_quoted(sys.executable)} -m pip install"
    if find_spec("pip") is None:  # as uv makes environments
        pip = f"uv pip install --python {_quoted(sys.executable)}"
    what = _quoted(f"{source or '.'}[{extra}]")
    return f"{pip} {what}" + ("" if source else " in the folder of its source")


def _installed_from() -> str:
    """Return the folder, or the wheel, that this was installed from; empty where it is not known, or gone."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - as above
    from urllib.request import url2pathname  # noqa: PLC0415

    try:
        told = json.loads(distribution("sqlite-courier").read_text("direct_url.json") or "{}")
        path = url2pathname(urlsplit(str(told["url"])).path)
    except (PackageNotFoundError, ValueError, KeyError):
        return ""
    return path if os.path.exists(path) else ""  # noqa: PTH110 - no other use of paths here


def _quoted(text: str) -> str:
    return f'"{text}"' if os.name == "nt" else shlex.quote(text)
