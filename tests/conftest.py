"""What every test leaves as it found it: the journal of the process, the secrets it hides, and no lost exception.

The fixtures are in `tests/world/fixtures.py`.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from loguru import logger

from bot.journal.redaction import redact
from bot.journal.writer import close_journal

pytest_plugins = ["tests.world.fixtures"]

settings.register_profile("unhurried", deadline=None)  # what else the machine does must fail no property
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the golden screens be written anew instead of compared."""
    parser.addoption("--update-screens", action="store_true", help="write tests/screens/ as the service draws them now")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto` one more than there are processors: while a test waits for a clock or a process, another works."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Close the journal that a command run in this process began: it would clean the records of later tests."""
    secrets = redact._secrets
    yield
    close_journal()
    logger.enable("bot")  # `recover` silences it
    redact._secrets = secrets


class LostExceptions(logging.Handler):
    """Keeps what asyncio says of exceptions that nobody looked at: work that failed without a word."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "never retrieved" in record.getMessage():
            self.said.append(logging.Formatter().format(record))

    def check(self) -> None:
        said, self.said = self.said, []
        assert not said, "\n".join(said)


@pytest.fixture(autouse=True, scope="session")
def _lost_exceptions() -> Iterator[LostExceptions]:
    lost = LostExceptions()
    logging.getLogger("asyncio").addHandler(lost)
    yield lost
    gc.collect()  # what hangs in a circle says it only now; once, as it takes a while
    logging.getLogger("asyncio").removeHandler(lost)
    lost.check()


@pytest.fixture(autouse=True)
def _no_exception_is_lost(_lost_exceptions: LostExceptions) -> Iterator[None]:
    """Fail on "Task exception was never retrieved", also one that an earlier test of this process has left."""
    yield
    _lost_exceptions.check()
