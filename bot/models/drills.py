"""Test-restores: what was proven by one, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DrillSource(StrEnum):
    """Where a test-restored archive came from."""

    TELEGRAM = "telegram"
    DISK = "disk"
    OBJECTS = "object storage"

    @property
    def words(self) -> str:
        """Where it came from, fit to follow "restored"."""
        return {"telegram": "from Telegram", "disk": "from the disk"}.get(self, "from an object store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A test-restore of one backup: `detail` says what was proven, or else what is wrong, in whole sentences.

    Not `opened` is a sealed archive that no key here opens: its bytes were compared, and no restore is proven by it.
    """

    backup_id: int
    at: datetime
    source: DrillSource
    ok: bool
    detail: str
    opened: bool = True
