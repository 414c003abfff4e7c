"""Detailed Logs: entries of the journal, cut so that a page always fits a message."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.journal.reader import JournalEntry
from bot.texts.markup import FittedList, compose, cut, length, one_line
from bot.texts.measures import human_size, local_moments, moment

_ICONS = {"TRACE": "▫️", "DEBUG": "▫️", "INFO": "ℹ️", "SUCCESS": "✅", "WARNING": "⚠️", "ERROR": "❌", "CRITICAL": "🚨"}
_LEVELS = {"WARNING": ": warnings and errors"}
_ROOM = 3700
"""What the entries may take of a message, beside its heading."""


def journal(entries: Sequence[JournalEntry], page: int, level: str | None, now: datetime, timezone: ZoneInfo) -> str:
    """Return a page of the journal, newest first. Long entries are cut as little as the others leave room for."""
    heading = f"📜 <b>Detailed Logs</b>{_LEVELS.get(level or '', '')}, page {page + 1}, newest first"
    if not entries:
        return f"{heading}\n\nNothing here{'' if page else ' yet'}."
    for most in (1500, 1000, 700, 500, 400, 300, 250, 200, 120, 60):
        lines = [_entry(entry, most, now, timezone) for entry in entries]
        if sum(length(line) + 1 for line in lines) <= _ROOM:
            break
    return compose(heading, "", FittedList(tuple(lines), len(lines)))


def _entry(entry: JournalEntry, most: int, now: datetime, timezone: ZoneInfo) -> str:
    icon = _ICONS.get(entry.level.upper(), "▫️")
    lines = entry.message.strip().splitlines() or [""]
    # Of a traceback, the first line says what happened and the last one why.
    shown = lines[0] if len(lines) == 1 else f"{lines[0].strip()} … {lines[-1].strip()}"
    # one_line leaves no escape sequence or right-to-left trick of a hostile file name in the page
    message = html.escape(cut(one_line(local_moments(shown, now, timezone)), most), quote=False)
    # Which of our own modules wrote it is in the file; of a library, it says whose words these are.
    whose = "" if entry.module.startswith("bot.") else f" {html.escape(cut(one_line(entry.module), 40), quote=False)}:"
    when = f"{moment(entry.time, now, timezone)}:{entry.time.astimezone(timezone):%S}"
    return f"{icon} <b>{when}</b>{whose} {message}"


def log_file(size: int, sent_bytes: int) -> str:
    """Return the caption of the log file; `sent_bytes` is less than `size` when only its end is sent."""
    if sent_bytes < size:
        return (
            f"📄 The end of the log: the last {human_size(sent_bytes)} of {human_size(size)}."
            " The whole file is on the server."
        )
    return f"📄 The log file, {human_size(size)}."


def no_log_file() -> str:
    """Return the answer where there is no log file, or an empty one."""
    return "The log file is still empty."
