"""What every test leaves as it found it: the journal of the process and the secrets it hides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.journal.redaction import redact
from bot.journal.writer import close_journal


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Close the journal that a command run in this process began: it would clean the records of later tests."""
    secrets = redact._secrets
    yield
    close_journal()
    redact._secrets = secrets
