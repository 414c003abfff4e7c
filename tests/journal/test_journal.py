"""The journal: what is written, what is hidden, what can be read back."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loguru import logger

from bot.errors import SettingsError
from bot.journal.format import journal_file
from bot.journal.redaction import HIDDEN, Redaction, redact
from bot.journal.writer import close_journal, setup_journal
from tests.world.full_disk import small_disk
from tests.world.journal import read_journal

TOKEN = "987654321:AbCdEfGhIjKlMnOpQrStUvWxYz0123456-_"
HEAD = "2026-01-31T13:00:00.{:03d}+01:00 | {} | bot.app.service | {}\n"


@pytest.fixture
def log_dir(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with the journal kept in it, at DEBUG."""
    journal = setup_journal(tmp_path / "logs", "DEBUG", console=False)
    yield tmp_path / "logs"
    journal.close()


def messages(log_dir: Path, *, scheduler: bool = False) -> list[str]:
    return [entry.message for entry in read_journal(log_dir, scheduler=scheduler)]


def test_an_entry_is_read_back_as_it_was_logged(log_dir: Path) -> None:
    """Time, level, module and message come back."""
    before = datetime.now(UTC)
    logger.warning("Disk is {} % full", 91)
    (entry,) = read_journal(log_dir)
    assert (entry.level, entry.module, entry.message) == ("WARNING", __name__, "Disk is 91 % full")
    assert abs((entry.time - before).total_seconds()) < 5


def test_the_schedulers_entries_stand_in_both_files(log_dir: Path) -> None:
    """The system's log tells the whole story; the scheduler's only its own part."""
    logger.info("ordinary")
    logger.bind(scheduler=True).info("planned")
    assert messages(log_dir) == ["planned", "ordinary"]
    assert messages(log_dir, scheduler=True) == ["planned"]


def test_a_full_disk_under_the_log_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a traceback for every entry; with room again the log goes on."""
    with small_disk(tmp_path / "disk", 1) as disk:
        journal = setup_journal(disk.folder / "logs", "DEBUG", console=False)
        logger.info("before")
        disk.fill(leave=0)
        for number in range(50):
            logger.info("while it is full, {} {}", number, "x" * 4000)
        said = capsys.readouterr().err
        disk.clear()
        logger.info("after")
        journal.close()
        assert messages(disk.folder / "logs")[0] == "after"
    assert len(said.splitlines()) == 1
    assert "can't be written" in said
    assert "No space left" in said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_files_are_for_their_owner_alone(log_dir: Path) -> None:
    """0600 in a folder of 0700."""
    assert stat.S_IMODE(log_dir.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in log_dir.iterdir()} == {0o600}


def test_no_secret_reaches_a_file(log_dir: Path) -> None:
    """Tokens and known secrets are hidden in messages, arguments, extras, tracebacks and their causes."""
    redact.add("correct horse battery")

    def fail() -> None:
        password = "correct horse battery"
        try:
            raise OSError(f"https://api.telegram.org/file/bot{TOKEN}/documents/1.zip")
        except OSError as error:
            raise RuntimeError(f"proxy refused {password}") from error

    logger.info(f"token {TOKEN}")
    logger.bind(note=TOKEN).info("address {}", f"/bot{TOKEN}/getMe")
    logging.getLogger("aiohttp.client").warning("GET %s", f"/bot{TOKEN}/getMe")
    try:
        fail()
    except RuntimeError:
        logger.exception("Delivery failed")
        logging.getLogger("aiogram").exception("correct%20horse%20battery")
    written = journal_file(log_dir).read_text(encoding="utf-8")
    assert TOKEN not in written
    assert TOKEN.partition(":")[2] not in written
    assert "horse" not in written.replace('"correct horse battery"', "")  # the line of source is shown, as it stands
    assert f"OSError: https://api.telegram.org/file/bot{HIDDEN}/documents/1.zip" in written


def test_redaction_of_a_known_secret() -> None:
    """A secret is hidden as it is and percent-encoded; a word too short to be one stays."""
    hide = Redaction()
    hide.add("pass/word")
    hide.add("abc")
    hide.add_proxy("socks5://me:pw@proxy:1080")
    assert hide("a pass/word, pass%2Fword, abc") == f"a {HIDDEN}, {HIDDEN}, abc"
    assert hide("via socks5://me:pw@proxy:1080") == f"via socks5://{HIDDEN}proxy:1080"


def test_the_longer_secret_goes_first() -> None:
    """A secret inside another one leaves no rest of the longer."""
    hide = Redaction()
    hide.add("secret")
    hide.add("secret-and-more")
    assert hide("secret-and-more") == HIDDEN


def test_a_text_cannot_forge_an_entry_or_steer_a_terminal(log_dir: Path) -> None:
    """Line breaks in a message stay inside its entry; escape sequences are spelled out."""
    logger.info("name\n" + HEAD.format(1, "ERROR   ", "forged") + "\x1b[2J\rover")
    (entry,) = read_journal(log_dir)
    assert entry.level == "INFO"
    assert entry.message.startswith("name\n2026-01-31T13:00:00.001")
    assert entry.message.endswith(r"\x1b[2J\rover")


def test_a_traceback_belongs_to_its_entry(log_dir: Path) -> None:
    """What a traceback says is part of the message, and the entries around it stay whole."""
    logger.info("before")
    try:
        raise KeyError("lost")
    except KeyError:
        logger.exception("Reading failed")
    logger.info("after")
    after, failed, before = read_journal(log_dir)
    assert (after.message, before.message) == ("after", "before")
    assert failed.message.startswith("Reading failed\nTraceback (most recent call last):")
    assert failed.message.endswith("KeyError: 'lost'")


def test_the_standard_library_and_warnings_are_intercepted(log_dir: Path) -> None:
    """Libraries' loggers and warnings land in the journal under their own names; chatter below a warning does not."""
    logging.getLogger("aiogram.dispatcher").info("Run polling for %s", "@bot")
    logging.getLogger("aiogram.event").info("Update id=1 is handled")
    logging.getLogger("aiosqlite").debug("INSERT of values")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old manners", stacklevel=1)
    entries = read_journal(log_dir)
    assert [entry.module for entry in entries] == ["py.warnings", "aiogram.dispatcher"]
    assert "old manners" in entries[0].message
    assert entries[1].message == "Run polling for @bot"


def test_errors_that_nobody_caught_are_logged_without_secrets(
    log_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last traceback of a process or of a thread goes through the journal; the terminal sees it redacted."""
    error = RuntimeError(f"bot{TOKEN}")
    sys.excepthook(RuntimeError, error, None)
    threading.excepthook(threading.ExceptHookArgs((RuntimeError, error, None, None)))
    assert [entry.level for entry in read_journal(log_dir)] == ["ERROR", "CRITICAL"]
    assert all(f"RuntimeError: bot{HIDDEN}" in message for message in messages(log_dir))
    assert capsys.readouterr().err.strip() == f"RuntimeError: bot{HIDDEN}"


def test_the_terminal_shows_what_the_files_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With `console` stderr gets the entries from the level on, redacted and without colour where it is no terminal."""
    journal = setup_journal(tmp_path, "INFO", console=True)
    try:
        logger.debug("too fine")
        logger.info(f"Started {TOKEN}")
    finally:
        journal.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"INFO     Started {HIDDEN}")
    assert "\x1b" not in line
    assert messages(tmp_path) == [f"Started {HIDDEN}"]


def test_setting_up_twice_keeps_one_journal(tmp_path: Path) -> None:
    """The second setup replaces the first, so nothing is logged twice, and the folder may change."""
    first = setup_journal(tmp_path / "one", console=False)
    second = setup_journal(tmp_path / "two", console=False)
    logger.info("once")
    first.close()
    logger.info("twice")
    second.close()
    second.close()
    logger.info("too late")
    assert messages(tmp_path / "one") == []
    assert messages(tmp_path / "two") == ["twice", "once"]


def test_a_folder_that_cannot_be_written_is_a_settings_error(tmp_path: Path) -> None:
    """The sentence names LOG_DIR, the folder and the reason; nothing is left set up."""
    (tmp_path / "file").write_text("in the way")
    handlers = logging.getLogger().handlers[:]
    with pytest.raises(SettingsError) as caught:
        setup_journal(tmp_path / "file" / "logs")
    (fault,) = caught.value.faults
    assert fault.startswith(f"LOG_DIR is {str(tmp_path / 'file' / 'logs')!r}, which can't be written (")
    assert logging.getLogger().handlers == handlers


def test_a_new_day_begins_a_new_file_and_old_ones_go(log_dir: Path) -> None:
    """Yesterday's file is rotated away and still read; one of three weeks ago is deleted."""
    logger.info("yesterday")
    ancient = log_dir / "backup_system.2020-01-01_00-00-00_000000.log"
    ancient.write_text(HEAD.format(1, "INFO", "ancient"))
    day = 24 * 3600
    now = datetime.now(UTC).timestamp()
    os.utime(ancient, (now - 21 * day, now - 21 * day))
    os.utime(journal_file(log_dir), (now - day, now - day))
    logger.info("today")
    assert journal_file(log_dir).read_text().count("\n") == 1
    assert messages(log_dir) == ["today"]
    (rotated,) = log_dir.glob("backup_system.*.log")
    assert "yesterday" in rotated.read_text()
    assert not ancient.exists()


def test_a_large_file_is_rotated(log_dir: Path) -> None:
    """At 10 MiB a new file begins, whatever the day."""
    logger.info("small")
    with journal_file(log_dir).open("ab") as file:
        file.truncate(10 * 1024 * 1024)
    logger.info("next")
    assert len(list(log_dir.glob("backup_system*.log"))) == 2
    assert journal_file(log_dir).stat().st_size < 1000


def test_a_long_entry_keeps_its_beginning_and_its_end(log_dir: Path) -> None:
    """A text is bounded when it is written: both ends of a traceback tell something."""

    def recurse(depth: int) -> None:
        if depth:
            recurse(depth - 1)
        raise ValueError("the cause" if not depth else "x" * 500)

    try:
        recurse(200)
    except ValueError:
        logger.exception("Deep " + "y" * 100_000)
    (entry,) = read_journal(log_dir)
    assert entry.message.startswith("Deep yyy")
    assert entry.message.endswith("ValueError: the cause")
    assert journal_file(log_dir).stat().st_size < 50_000


def test_tracebacks_show_no_values_of_variables(log_dir: Path) -> None:
    """Only code and messages are in a traceback, as Python itself prints it."""
    secret_value = "not-known-to-redact"
    try:
        raise ValueError(len(secret_value))
    except ValueError as error:
        logger.exception("Failed")
        lines = traceback.format_exception(error)
    (message,) = messages(log_dir)
    assert message == "Failed\n" + "".join(lines).strip()


def hooks() -> tuple[object, ...]:
    root = logging.getLogger()
    levels = (root.level, logging.getLogger("aiosqlite").level)
    return root.handlers[:], levels, sys.excepthook, threading.excepthook, warnings.showwarning


def test_a_journal_that_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    """Handlers, levels and hooks are as before, and other sinks see exceptions again."""
    before = hooks()
    setup_journal(tmp_path, "TRACE", console=False).close()
    assert hooks() == before
    setup_journal(tmp_path / "logs", "DEBUG", console=False)
    close_journal()
    close_journal()
    assert hooks() == before
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{message}\n{exception}")
    try:
        raise ValueError("seen again")
    except ValueError:
        logger.exception("it broke")
    finally:
        logger.remove(sink)
    assert "ValueError: seen again" in lines[0]
