"""Reads the journal back, newest entry first, from the ends of its files."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from loguru import logger

from bot.journal.redaction import redact

SYSTEM_LOG, SCHEDULER_LOG = "backup_system.log", "backup_scheduler.log"

# An entry begins with this format (bot/journal.py writes it); its further lines are indented, so no text can forge one.
HEAD_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} | {level: <8} | {name} | {message}"
INDENT = "    "
_HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) \| ([^|]+?) *\| ([^|]*) \| (.*)")

_LONGEST_ENTRY = 2_000  # characters; a chat message has 4096
_MOST_LINES = 1_000
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One entry; `message` has at most 2000 characters and holds the traceback, if there is one."""

    time: datetime
    level: str
    module: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """Entries, the newest first; `more` says that older ones follow."""

    entries: tuple[JournalEntry, ...]
    more: bool


def journal_file(log_dir: Path, *, scheduler: bool = False) -> Path:
    """Return the file that is written to now. It may not exist yet."""
    return log_dir / (SCHEDULER_LOG if scheduler else SYSTEM_LOG)


def read_journal(
    log_dir: Path, *, level: str | None = None, limit: int = 10, offset: int = 0, scheduler: bool = False
) -> JournalPage:
    """Return `limit` entries of `level` or above, after the `offset` newest ones; empty where there is no journal.

    The files are read from their ends, rotated ones too, and only as far as needed: memory stays flat.
    """
    lowest = logger.level(level).no if level else 0
    found = (entry for entry in _entries(log_dir, scheduler=scheduler) if _number(entry.level) >= lowest)
    page = list(islice(found, offset, offset + limit + 1))
    return JournalPage(entries=tuple(page[:limit]), more=len(page) > limit)


def _number(level: str) -> int:
    try:
        return logger.level(level).no
    except ValueError:  # a level that only another version knows: better shown than hidden
        return sys.maxsize


def _entries(log_dir: Path, *, scheduler: bool) -> Iterator[JournalEntry]:
    """Yield the entries of the current file and of the rotated ones, the newest first."""
    current = journal_file(log_dir, scheduler=scheduler)
    rotated: list[tuple[int, str, Path]] = []
    with suppress(OSError):
        for path in log_dir.glob(f"{current.stem}.*{current.suffix}"):
            with suppress(OSError):
                rotated.append((path.stat().st_mtime_ns, path.name, path))
    for path in (current, *(path for *_, path in sorted(rotated, reverse=True))):
        with suppress(OSError), path.open("rb") as file:  # rotated away or deleted in this moment
            yield from _entries_backwards(file)


def _entries_backwards(file: BinaryIO) -> Iterator[JournalEntry]:
    further: deque[str] = deque(maxlen=_MOST_LINES)  # lines whose head is still to come, the last one first
    for raw in _lines_backwards(file):
        line = raw.decode("utf-8", "replace").rstrip("\r")
        head = _HEAD.fullmatch(line)
        if head is None:
            further.append(line[:_LONGEST_ENTRY].removeprefix(INDENT))
            continue
        text = redact("\n".join([head[4], *reversed(further)]).rstrip())
        further.clear()
        if len(text) > _LONGEST_ENTRY:
            # A traceback says at its end what happened.
            text = f"{text[: _LONGEST_ENTRY // 2 - 2]}\n…\n{text[-_LONGEST_ENTRY // 2 + 1 :]}"
        with suppress(ValueError):  # digits that are no moment: not written here
            yield JournalEntry(
                time=datetime.fromisoformat(head[1]), level=head[2], module=head[3].strip(), message=text
            )


def _lines_backwards(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file from its end, in blocks; of a line longer than a block the beginning is kept."""
    position = file.seek(0, os.SEEK_END)
    rest = b""
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        lines = (file.read(position - start) + rest).split(b"\n")
        rest = lines[0][:_BLOCK]
        yield from reversed(lines[1:])
        position = start
    if rest:
        yield rest


@dataclass(frozen=True, slots=True)
class JournalReader:
    """The log of one folder, read in pages without holding up the event loop."""

    log_dir: Path

    @property
    def file(self) -> Path:
        """The log file being written now."""
        return journal_file(self.log_dir)

    async def page(self, level: str | None, page: int, per_page: int = 10) -> JournalPage:
        """Return a page, newest first, of `level` and above."""
        return await asyncio.to_thread(read_journal, self.log_dir, level=level, limit=per_page, offset=page * per_page)
