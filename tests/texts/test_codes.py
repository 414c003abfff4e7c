"""Every code that is recorded has words."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import pytest

from bot.models import Actor, Reason, RetentionCode, UncheckedCode
from bot.words.actors import actor_words
from bot.words.checks import unchecked_words
from bot.words.retention import retention_words


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
