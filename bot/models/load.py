"""What a schedule brings into each chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MUCH = 3
"""Files an hour in each chat; more is said beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLoad:
    """The files and bytes of a day in each chat, when every run sends an archive of so many bytes and volumes.

    `at_most` is said of an archive that has yet to be made: no more than the databases have.
    """

    archive_bytes: int
    volumes: int
    runs_a_day: int
    at_most: bool = False

    @property
    def files_a_day(self) -> int:
        return self.volumes * self.runs_a_day

    @property
    def bytes_a_day(self) -> int:
        return self.archive_bytes * self.runs_a_day

    @property
    def is_much(self) -> bool:
        """Whether it is more than three files an hour, and of large archives: small ones are as often as was wanted."""
        return self.volumes > 1 and self.files_a_day > MUCH * timedelta(days=1) / timedelta(hours=1)
