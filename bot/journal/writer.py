"""Writes the journal: two log files and the terminal, free of secrets.

`backup_system.log` holds everything, `backup_scheduler.log` what was bound with `logger.bind(scheduler=True)`.
An entry reads `2026-01-31T13:00:00.123+01:00 | INFO     | bot.app.service | text`, with its further lines indented.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger
from loguru._file_sink import FileSink

from bot.errors import SettingsError
from bot.journal.format import HEAD_FORMAT, INDENT, journal_file
from bot.journal.redaction import redact

if TYPE_CHECKING:
    from loguru import Message, Record

_KEPT = timedelta(days=14)
_ROTATED_AT = 10 * 1024 * 1024  # bytes; on most days midnight comes first
_LONGEST_TEXT = 16_000  # characters of a message or of a traceback; some servers answer with a page of HTML

_FILE_FORMAT = HEAD_FORMAT + "{extra[traceback]}"  # loguru ends every format with a line break
_CONSOLE_FORMAT = (
    "<green>{time:YYYY-MM-DD HH:mm:ss}</green> <level>{level: <8}</level> {message}<dim>{extra[traceback]}</dim>"
)
# Line breaks would forge entries, and escape sequences act on the terminal that shows the log.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")

# What these say below a warning is no news for an operator: each update, each request, each statement with its values.
_QUIET = ("aiogram.event", "aiohttp.access", "aiosqlite", "asyncio")


_kept = ExitStack()


def setup_journal(log_dir: Path | None, level: str = "INFO", *, console: bool = True) -> ExitStack:
    """Log to the files in `log_dir`, and with `console` to stderr, what loguru, logging and warnings are told.

    Without a `log_dir` there are no files. They are readable by their owner alone, begin anew at midnight or at 10 MiB,
    and are kept 14 days. Secrets are redacted before any sink sees a record; a traceback shows no values of variables.
    Called again, it replaces the journal kept so far; closing what is returned ends it and puts back what was changed.
    Raises SettingsError where `log_dir` can't be written.
    """
    close_journal()
    with ExitStack() as undo:
        with suppress(ValueError):  # loguru's own sink, there until somebody takes it away
            logger.remove(0)
        logger.configure(patcher=_clean)
        undo.callback(logger.configure, patcher=_leave_alone)
        if log_dir is not None:
            _open_files(log_dir, level, undo)
        if console and sys.stderr is not None:
            undo.callback(logger.remove, logger.add(sys.stderr, level=level, format=_CONSOLE_FORMAT))
        _intercept_logging(level, undo)
        _catch_the_uncaught(console, undo)
        journal = undo.pop_all()
    _kept.callback(journal.close)
    return journal


def close_journal() -> None:
    """Stop keeping the journal, if one is kept: what `setup_journal` changed is put back."""
    _kept.close()


def _open_files(log_dir: Path, level: str, undo: ExitStack) -> None:
    try:
        if not log_dir.is_dir():
            log_dir.parent.mkdir(parents=True, exist_ok=True)
            log_dir.mkdir(mode=0o700, exist_ok=True)
        files = _LogFiles(*(_LogFile(journal_file(log_dir, scheduler=each)) for each in (False, True)))
        undo.callback(logger.remove, logger.add(files, level=level, format=_FILE_FORMAT))
    except OSError as error:
        fault = f"LOG_DIR is {str(log_dir)!r}, which can't be written ({error.strerror}): name a folder that can be."
        raise SettingsError((fault,)) from None


def _open_privately(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    if sys.platform != "win32":
        with suppress(OSError):  # a file of another owner
            os.fchmod(descriptor, 0o600)
    return descriptor


class _LogFile:
    """One log file as loguru keeps it; where it can't be written, a full disk say, one line on stderr says so.

    loguru itself prints a traceback of thirty lines for every entry, and offers no other way to hear of it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._trouble = path, ""
        self._file: Any = FileSink(  # type: ignore[no-untyped-call]  # loguru ships no types of it
            str(path),
            rotation=_Rotation(),
            retention=_KEPT,
            watch=True,  # a command may rotate the files under the service, and the other way round
            opener=_open_privately,
            errors="backslashreplace",  # file names that are not UTF-8
            newline="\n",
        )

    def write(self, message: Message) -> None:
        try:
            self._file.write(message)
            self._trouble = ""
        except OSError as error:
            trouble = error.strerror or type(error).__name__
            if trouble != self._trouble and sys.stderr is not None:
                sys.stderr.write(
                    f"The log {self._path} can't be written: {trouble}. Entries are missing from now on.\n"
                )
            self._trouble = trouble

    def stop(self) -> None:
        with suppress(OSError):  # what could not be written before
            self._file.stop()


class _LogFiles:
    """Both log files in one sink: loguru takes 3 ms to add one, and formats each entry for each."""

    def __init__(self, everything: _LogFile, scheduler: _LogFile) -> None:
        self._everything, self._scheduler = everything, scheduler

    def write(self, message: Message) -> None:
        self._everything.write(message)
        if message.record["extra"].get("scheduler"):
            self._scheduler.write(message)

    def stop(self) -> None:
        self._everything.stop()
        self._scheduler.stop()


class _Rotation:
    """Asks for a new file when the day or the size calls for it.

    Windows can't rename a file that another process holds open, and the entry that asked is then lost: so it asks at
    most once a minute.
    """

    def __init__(self) -> None:
        self._asked: datetime | None = None

    def __call__(self, message: Message, file: TextIO) -> bool:
        now = message.record["time"]
        state = os.fstat(file.fileno())
        if not state.st_size or (self._asked and abs(now - self._asked) < timedelta(minutes=1)):
            return False
        another_day = datetime.fromtimestamp(state.st_mtime, now.tzinfo).date() != now.date()
        if another_day or state.st_size + len(message) > _ROTATED_AT:
            self._asked = now
            return True
        return False


def _clean(record: Record) -> None:
    """Redact a record in place, its exception turned into text: no sink, and no failure of a sink, sees the rest."""
    record["message"] = _tidy(record["message"])
    exception, record["exception"] = record["exception"], None
    extra = {name: redact(value) if isinstance(value, str) else value for name, value in record["extra"].items()}
    extra["traceback"] = ""
    if exception is not None and exception.type is not None:
        lines = traceback.format_exception(exception.type, exception.value, exception.traceback)
        extra["traceback"] = f"\n{INDENT}{_tidy(''.join(lines))}"
    record["extra"].clear()
    record["extra"].update(extra)


def _leave_alone(record: Record) -> None:
    """Stand in for no patcher: loguru can't be told to have none."""


def _tidy(text: str) -> str:
    text = redact(text).strip().replace("\r\n", "\n")
    text = _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)
    if len(text) > _LONGEST_TEXT:  # both ends tell something: the beginning what, the end of a traceback why
        text = f"{text[: _LONGEST_TEXT // 2]} […] {text[-_LONGEST_TEXT // 2 :]}"
    return text.replace("\n", f"\n{INDENT}")


class _Intercept(logging.Handler):
    """Passes what the standard library's loggers are told on to loguru, under the logger's own name."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        try:
            message = record.getMessage()
        except Exception:  # a wrong format string in a library is no reason to lose the entry
            message = f"{record.msg} {record.args}"

        def name(entry: Record) -> None:
            entry["name"], entry["function"], entry["line"] = record.name, record.funcName, record.lineno

        logger.patch(name).opt(exception=record.exc_info).log(level, "{}", message)


def _intercept_logging(level: str, undo: ExitStack) -> None:
    root = logging.getLogger()
    handler, root_level = _Intercept(), root.level
    quiet = {name: logging.getLogger(name).level for name in _QUIET}

    def restore() -> None:
        root.removeHandler(handler)
        root.setLevel(root_level)
        for name, before in quiet.items():
            logging.getLogger(name).setLevel(before)
        logging.captureWarnings(False)

    undo.callback(restore)
    root.addHandler(handler)
    root.setLevel(logger.level(level).no)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _catch_the_uncaught(console: bool, undo: ExitStack) -> None:
    """Log what would otherwise be printed with a bare traceback: an address with the token in it could be there."""
    at_the_top, in_threads = sys.excepthook, threading.excepthook

    def restore() -> None:
        sys.excepthook, threading.excepthook = at_the_top, in_threads

    def log_the_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            at_the_top(kind, error, trace)
        else:
            logger.opt(exception=(kind, error, trace)).critical("Stopped by an error that nobody expected.")
            if not console:  # or the person at the terminal would see nothing at all
                sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    def log_a_thread(happened: threading.ExceptHookArgs) -> None:
        if happened.exc_value is not None and not isinstance(happened.exc_value, SystemExit):
            logger.opt(exception=happened.exc_value).error("A thread was ended by an error that nobody expected.")

    undo.callback(restore)
    sys.excepthook, threading.excepthook = log_the_end, log_a_thread
