"""Prints lines, warnings, errors with their hints, progress bars, and JSON for scripts."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from enum import Enum
from io import TextIOWrapper
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple, TextIO
from zoneinfo import ZoneInfo

import typer

from bot.errors import CourierError
from bot.models import (
    BackedUp,
    Backup,
    BackupDetails,
    DatabaseChange,
    DatabaseStatus,
    Delivery,
    Drill,
    Progress,
    RecipientStatus,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    SkippedRecord,
    Stage,
    Status,
)
from bot.words.causes import in_full, sentence_of
from bot.words.checks import unchecked_words
from bot.words.drills import drill_words
from bot.words.failures import why_failed
from bot.words.losses import loss_words
from bot.words.outcomes import reason_words
from bot.words.restores import source_words
from bot.words.retention import retention_words
from bot.words.warnings import warning_words

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.progress import TaskID

_LABEL = 40
_UTC = ZoneInfo("UTC")


class Styled(NamedTuple):
    """Words as a terminal shows them, plain elsewhere: in a colour, by its name, `bold` or `dim`."""

    style: str
    words: str


Part = str | Styled


def prepare() -> None:
    """Let a console that can't show a character (a Windows code page, LANG=C) show `?` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def harmless(words: str) -> str:
    """Return words without what a terminal would obey: names of files and tables may hold any byte."""
    return "".join(sign if sign.isprintable() or sign in "\t\n" else "\N{REPLACEMENT CHARACTER}" for sign in words)


def say(*parts: Part) -> None:
    """Print a line, in parts where some of it is styled."""
    _print(sys.stdout, *parts)


def tell(sentence: str) -> None:
    """Print a sentence, on a terminal broken between its words; a path or a link stays whole."""
    say(_broken(sentence, sys.stdout))


def shows_colours() -> bool:
    """Tell whether a terminal is to show colours; NO_COLOR says everywhere that it is not (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def width() -> int:
    """Return the columns of the terminal, be it only read from or told of errors; 80 where there is none."""
    if (columns := os.environ.get("COLUMNS", "")).isdecimal():
        return int(columns)
    for stream in (0, 1, 2):
        with suppress(OSError):
            return os.get_terminal_size(stream).columns or 80
    return 80


def _print(stream: TextIO, *parts: Part) -> None:
    typer.echo("".join(map(_shown, parts)), file=stream, color=None if shows_colours() else False)


def _shown(part: Part) -> str:
    if isinstance(part, str):
        return harmless(part)
    style, words = part
    named = {style: True} if style in ("bold", "dim") else {"fg": style}
    return typer.style(harmless(words), **named)


def _words_of(part: Part) -> str:
    return harmless(part if isinstance(part, str) else part.words)


def _broken(sentence: str, stream: TextIO) -> str:
    """Break a sentence for a terminal; one column stays free, as some signs take two."""
    if not stream.isatty():
        return sentence
    return "\n".join(part for line in sentence.split("\n") for part in _words(line, width() - 1))


def warn(line: str) -> None:
    _remark("yellow", "warning:", line)


def complain(what: str, line: str) -> None:
    """Print what is wrong; `what` is the word for it, in red."""
    _remark("red", what, line)


def print_error(error: CourierError) -> None:
    """Print the sentence and, below it, what to do."""
    for line in error.sentence.splitlines():
        complain("error:", line)
    if error.hint:
        _remark("dim", "hint: ", error.hint)


def _remark(style: str, what: str, line: str) -> None:
    rest = _broken(f"{what} {line}", sys.stderr).removeprefix(what)
    _print(sys.stderr, Styled(style, what), rest)


def print_result(value: object, *, json: bool, printed: Callable[[], None]) -> None:
    """Print what a command came to: as JSON for scripts, or else as people read it."""
    if json:
        print_json(value)
    else:
        printed()


def print_table(titles: Sequence[str], rows: Iterable[Iterable[Part]]) -> None:
    """Print rows under their titles; a column whose title begins with `>` is right-aligned.

    Only the last column is folded where the terminal is too narrow, between words: no name is ever broken.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - how wide a sign is shown

    table: list[list[Part]] = [[Styled("bold", title.lstrip(">")) for title in titles], *(list(row) for row in rows)]
    widths = [max(cell_len(_words_of(cell)) for cell in column) for column in zip(*table, strict=True)][:-1]
    longest = max(cell_len(word) for row in table for word in _words_of(row[-1]).split() or ("",))
    gap = 2 if sum(widths) + 2 * len(widths) + longest <= width() else 1
    start = sum(widths) + gap * len(widths)
    for *cells, last in table:
        line: list[Part] = []
        for cell, most, title in zip(cells, widths, titles, strict=False):
            free = " " * (most - cell_len(_words_of(cell)))
            line += (free, cell) if title.startswith(">") else (cell, free)
            line.append(" " * gap)
        room = max(width() - start, longest)
        first, *more = (part for each in _words_of(last).split("\n") for part in _words(each, room))
        say(*line, first if isinstance(last, str) else Styled(last.style, first))
        for part in more:
            say(" " * start, part)


def _words(line: str, width: int) -> list[str]:
    """Break a line between words into lines of so many signs; a longer word stays whole."""
    return wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


# --- JSON ------------------------------------------------------------------------------------------------------------


def as_data(value: object) -> object:
    """Turn the models into what JSON holds: times as ISO 8601 in UTC, enums by value, paths as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): as_data(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_data(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _said_of(record: DataclassInstance) -> dict[str, object]:
    """Return in words what a record has in codes, and codes where the words are in their place."""
    match record:
        case SkippedRecord():
            return {"detail": in_full(record.why)}
        case BackedUp():
            return {"warning": " ".join(map(in_full, record.warnings)), "detail": unchecked_words(record.unchecked)}
        case Delivery():
            return {"reason": reason_words(record.reason), "reason_code": record.reason.code}
        case BackupDetails():
            return {"retention": retention_words(record.retention), "retention_code": record.retention.code}
        case Drill():
            return {"detail": drill_words(record)}
        case DatabaseChange():
            return {"lost": [loss_words(lost) for lost in record.lost]}
        case RestorePlan() | RestoreResult():
            return {"source": source_words(record.source, _UTC)}
        case RecipientStatus():
            return {"parked_reason": reason_words(record.parked_reason)}
        case Backup():
            codes = {"error_cause": record.error.code, "fault_code": record.fault.code}
            return {"error": why_failed(record), "fault": sentence_of(record.fault), **codes}
        case Status():
            code = record.state_reason.code
            warnings = [warning_words(why, _UTC) for why in record.warnings]
            return {"state_reason": in_full(record.state_reason), "state_reason_code": code, "warnings": warnings}
        case DatabaseStatus():
            return {"trouble": in_full(record.trouble), "trouble_code": record.trouble.code}
    return {}


def fields_of(record: DataclassInstance) -> dict[str, object]:
    """Return a record's fields as JSON holds them, with what they say in words; to be added to."""
    return {field.name: as_data(getattr(record, field.name)) for field in dataclasses.fields(record)} | _said_of(record)


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(as_data(value), ensure_ascii=False, indent=2) + "\n")


# --- progress --------------------------------------------------------------------------------------------------------


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Progress | RestoreProgress], None]]:
    """Show one bar per stage of a run, or of a restore with the database it is at; none when `quiet`.

    Nothing is printed where there is no terminal.
    """
    with _bars(quiet=quiet) as show:

        def report(event: Progress | RestoreProgress) -> None:
            if event.stage not in (Stage.STARTING, Stage.DONE, RestoreStage.DONE):
                label = f"{event.stage}: {event.detail}" if isinstance(event, RestoreProgress) else event.stage
                show(event.stage, label, event.done, event.total)

        yield report


@contextmanager
def byte_progress(*, quiet: bool, label: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar for what counts plain bytes, done and in all."""
    with _bars(quiet=quiet) as show:
        yield lambda done, total: show(label, label, done, total)


@contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[str, str, int, int], None]]:
    """Give a function that moves the bar of a key: its label, how much is done, and of how much."""
    if quiet or not sys.stderr.isatty():
        yield lambda _key, _label, _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - what takes 2 MB is imported where something moves
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(
        TextColumn(f"{{task.description:<{_LABEL}}}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(key: str, label: str, done: int, total: int) -> None:
            if key not in tasks:
                tasks[key] = bars.add_task(label[:_LABEL], total=None)
            bars.update(tasks[key], description=label[:_LABEL], completed=done, total=total or None)

        yield show
