"""Test-restores: what was proven by one, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.models.reasons import Reason


class DrillSource(StrEnum):
    """Where a test-restored archive came from."""

    TELEGRAM = "telegram"
    DISK = "disk"
    OBJECTS = "object storage"

    @property
    def words(self) -> str:
        """Where it came from, fit to follow "restored"."""
        return {"telegram": "from Telegram", "disk": "from the disk"}.get(self, "from an object store")


class DrillCode(StrEnum):
    """What a test-restore has proven; what is wrong instead is a `Cause`, or the code of an error."""

    PROVEN = "proven"  # facts: databases `checked` of so many, `rows`, `unchecked` with a `cause` and facts, `missing`
    COMPARED = "compared"  # byte for byte: no key here opens it


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A test-restore of one backup: `result` is what was proven, or else what is wrong.

    Not `opened` is a sealed archive that no key here opens: its bytes were compared, and no restore is proven by it.
    """

    backup_id: int
    at: datetime
    source: DrillSource
    ok: bool
    result: Reason
    opened: bool = True
