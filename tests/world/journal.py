"""Reads the journal back, as whoever opens its file does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.journal.format import INDENT, journal_file

_HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) \| ([^|]+?) *\| ([^|]*) \| (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    time: datetime
    level: str
    module: str
    message: str


def read_journal(log_dir: Path, *, scheduler: bool = False) -> list[JournalEntry]:
    """Return the entries of the current file, newest first; what does not begin one belongs to the one before."""
    entries: list[JournalEntry] = []
    further: list[str] = []
    for line in reversed(journal_file(log_dir, scheduler=scheduler).read_text(encoding="utf-8").split("\n")):
        head = _HEAD.fullmatch(line)
        if head is None:
            further.insert(0, line.removeprefix(INDENT))
            continue
        time, level, module, message = head.groups()
        entries.append(
            JournalEntry(
                time=datetime.fromisoformat(time),
                level=level,
                module=module.strip(),
                message="\n".join([message, *further]).rstrip(),
            )
        )
        further = []
    return entries
