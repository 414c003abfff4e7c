"""Restore points: what it takes to get a backup back from the chat alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.models.backups import BackedUp
from bot.models.databases import CheckMethod, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVolume:
    """A volume that lies in Telegram. Only the bot that sent it can use its `file_id`; `sha256` may be empty."""

    file_id: str
    bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDatabase:
    """A database in a restore point: its member name, the path it was read from, and the bytes it has.

    Where a sealed backup is listed in the clear, its name stands in the place of the path.
    """

    name: str
    path: str
    bytes: int
    sha256: str

    def as_backed_up(self, at: datetime, verdict: Verdict = Verdict.OK) -> BackedUp:
        """Return it as a backup records it; what a restore point does not tell is 0 or empty."""
        return BackedUp(
            name=self.name,
            path=self.path,
            sha256=self.sha256,
            bytes=self.bytes,
            compressed_bytes=0,
            page_size=0,
            page_count=0,
            journal_mode="",
            application_id=0,
            user_version=0,
            sqlite_version="",
            taken_at=at,
            verdict=verdict,
            method=CheckMethod.FULL,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePoint:
    """A proven backup whose volumes all lie in Telegram: what it takes to get it back without this machine.

    The volumes are in order and together are the archive. `skipped` names what this backup is without, `sealed` for
    whom it is sealed.
    """

    at: datetime
    archive: str
    bytes: int
    sha256: str
    databases: tuple[HeldDatabase, ...]
    volumes: tuple[StoredVolume, ...]
    skipped: tuple[str, ...] = ()
    sealed: str = ""


RECENT = 150
"""So many restore points are listed one by one; of older ones, the last of each day."""
