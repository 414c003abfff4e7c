"""Schedules as people say them."""

from __future__ import annotations

import pytest

from bot.config.cron import validate_expression


@pytest.mark.parametrize(
    ("words", "expression"),
    [
        ("hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("daily", "0 3 * * *"),
        ("Daily 3am", "0 3 * * *"),
        ("every day at noon", "0 12 * * *"),
        ("daily 12am", "0 0 * * *"),
        ("every monday", "0 3 * * 1"),
        ("mondays 4:30", "30 4 * * 1"),
        ("mon-fri 03:30", "30 3 * * 1-5"),
        ("weekdays at 8pm", "0 20 * * 1-5"),
        ("Monday, Thursday at 5pm", "0 17 * * 1,4"),
        ("weekly on sunday midnight", "0 0 * * 0"),
        ("monthly", "0 3 1 * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 1 min", "* * * * *"),
        ("every 6 h", "0 */6 * * *"),
        ("  30   3 * * MON-FRI ", "30 3 * * MON-FRI"),
    ],
)
def test_what_people_say_is_a_schedule(words: str, expression: str) -> None:
    """In .env and in the chat alike; an expression of cron stays one."""
    assert validate_expression(words) == expression


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("every 7 min", "does not divide an hour"),
        ("every 5 hours", "does not divide a day"),
        ("daily 25:00", "25:00 is no time of day"),
        ("daily 13pm", "13pm is no time of day"),
        ("whenever", "“whenever” has 1 field"),
        ("every blue moon", "has 3 fields"),
        ("every 0 minutes", "does not divide an hour"),
    ],
)
def test_what_is_no_schedule_gets_its_sentence(words: str, fault: str) -> None:
    """The words themselves, the fault, and what would do."""
    with pytest.raises(ValueError, match=fault) as caught:
        validate_expression(words)
    assert words in str(caught.value)
