"""Prints lines, warnings, errors with their hints, progress bars, and JSON for scripts."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from io import TextIOWrapper
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.markup import escape

from bot.errors import CourierError
from bot.models import Progress, RestoreProgress, RestoreStage, Stage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.progress import TaskID

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

_LABEL = 40


def prepare() -> None:
    """Let a console that can't show a character (a Windows code page, LANG=C) show `?` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def tell(sentence: str) -> None:
    """Print a sentence, on a terminal broken between its words; not for what is copied, such as a link."""
    out.print(sentence, markup=False, soft_wrap=not out.is_terminal)


def warn(line: str) -> None:
    _remark(f"[yellow]warning:[/] {escape(line)}")


def complain(what: str, line: str) -> None:
    """Print what is wrong; `what` is the word for it, in red."""
    _remark(f"[red]{what}[/] {escape(line)}")


def print_error(error: CourierError) -> None:
    """Print the sentence and, below it, what to do."""
    for line in error.sentence.splitlines():
        complain("error:", line)
    if error.hint:
        _remark(f"[dim]hint:[/]  {escape(error.hint)}")


def _remark(markup: str) -> None:
    err.print(markup, soft_wrap=not err.is_terminal)


def print_result(value: object, *, json: bool, printed: Callable[[], None]) -> None:
    """Print what a command came to: as JSON for scripts, or else as people read it."""
    if json:
        print_json(value)
    else:
        printed()


def print_table(titles: Sequence[str], rows: Iterable[Iterable[str]], *, fixed: int = 0) -> None:
    """Print rows of markup under their titles; a column whose title begins with `>` is right-aligned.

    The first `fixed` columns keep their width, so that a narrow terminal breaks none of them.
    """
    from rich.table import Table  # noqa: PLC0415 - not every command prints one

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(titles):
        side: JustifyMethod = "right" if title.startswith(">") else "left"
        table.add_column(title.lstrip(">"), justify=side, overflow="fold", no_wrap=place < fixed)
    for row in rows:
        table.add_row(*row)
    out.print(table)


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


def fields_of(record: DataclassInstance) -> dict[str, object]:
    """Return a record's fields as JSON holds them, to be added to."""
    return {field.name: as_data(getattr(record, field.name)) for field in dataclasses.fields(record)}


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
    if quiet or not err.is_terminal:
        yield lambda _key, _label, _done, _total: None
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(
        TextColumn(f"{{task.description:<{_LABEL}}}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(key: str, label: str, done: int, total: int) -> None:
            if key not in tasks:
                tasks[key] = bars.add_task(label[:_LABEL], total=None)
            bars.update(tasks[key], description=label[:_LABEL], completed=done, total=total or None)

        yield show
