"""Every code that is recorded has words."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest

from bot.models import NO_REASON, Actor, Cause, Reason, RetentionCode, UncheckedCode, WarningCode, because
from bot.words.actors import actor_words
from bot.words.checks import unchecked_words
from bot.words.retention import retention_words
from bot.words.warnings import warning_words


@pytest.mark.parametrize(
    ("codes", "words"),
    [(UncheckedCode, unchecked_words), (RetentionCode, retention_words)],
    ids=lambda one: one.__name__,
)
def test_every_code_has_words(codes: type[StrEnum], words: Callable[[Reason], str]) -> None:
    """One that nobody gave words would end a screen."""
    assert all(words(Reason(code)) for code in codes)


def test_every_actor_has_words() -> None:
    """People are called by their names, without the number that tells them apart."""
    assert all(actor_words(actor) for actor in Actor)
    assert [actor_words(name) for name in ("Ann (11)", "Ann", "")] == ["Ann", "Ann", ""]


def test_why_archives_stay_is_said_in_a_phrase() -> None:
    """With the names, the periods and the days in it."""
    names, periods = (("name", "a.db"), ("name", "b.db")), tuple(("period", one) for one in ("hour", "day", "month"))
    assert retention_words(Reason(RetentionCode.LAST_GOOD, names)) == "the last good backup of a.db, b.db"
    assert retention_words(Reason(RetentionCode.NEWEST_OF, periods)) == "the newest of its hour, day and month"
    assert retention_words(Reason(RetentionCode.NEWEST_OF, periods[:1])) == "the newest of its hour"
    assert retention_words(Reason(RetentionCode.OLD, (("days", "1"),))) == "older than 1 day"
    assert retention_words(Reason(RetentionCode.OLD, (("days", "2.5"),))) == "older than 2.5 days"
    assert retention_words(Reason(RetentionCode.TOO_MANY, (("count", 50),))) == "beyond the 50 that are kept"


def test_warnings_are_said_in_sentences() -> None:
    """Times are by the clock of the reader; what a store has lost is told apart from the facts of its cause."""
    zone = ZoneInfo("Asia/Kathmandu")
    assert all(warning_words(Reason(code)) for code in WarningCode if code is not WarningCode.STORED_FAULT)
    ahead = because(WarningCode.DATED_AHEAD, backup=7, at="2026-07-12T23:15:00+00:00")
    assert "Backup 7 is dated in the future (13 Jul 2026, 05:00)" in warning_words(ahead, zone)
    facts = (("store", "s3://b/p"), ("stored", "a.zip"), ("cause", Cause.ARCHIVE_CUT), ("bytes", 1), ("written", 2000))
    cut = "a.zip in s3://b/p is damaged: It has 1 bytes and was written with 2,000."
    assert warning_words(Reason(WarningCode.STORED_FAULT, facts)) == cut
    chats = {"This chat": {}, "The chat 1": {"address": "1"}, "The chat 1 (A)": {"address": "1", "name": "A"}}
    for said, told in chats.items():
        timer = warning_words(because(WarningCode.AUTO_DELETE, seconds=86_400, **told))
        assert timer.startswith(f"{said} deletes every message after a day, backups")
    assert warning_words(NO_REASON) == ""
    assert warning_words(because(Cause.FOLDER_NOT_READ, folder="/b", said="no")) == "The folder /b can't be read: no."
