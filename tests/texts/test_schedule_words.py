"""Cron expressions in words: our own for what most people choose, a library's for the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.texts.schedule_words import in_words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour"),
        ("5 * * * *", "every hour, at 5 past"),
        ("0 */6 * * *", "every 6 hours"),
        ("30 3 * * *", "daily at 03:30"),
        ("0 6,12,18 * * *", "daily at 06:00, 12:00 and 18:00"),
        ("30 3 * * MON-FRI", "Mon–Fri at 03:30"),
        ("15 6 * * 7", "every Sunday at 06:15"),
        ("0 17 * * 1,4", "every Monday and Thursday at 17:00"),
        ("0 4 1 * *", "on the 1st of each month at 04:00"),
        ("0 4 22 * *", "on the 22nd of each month at 04:00"),
        ("0 4 L * *", "on the last day of each month at 04:00"),
        # What a step does at the end of its range is none of our words.
        ("*/7 * * * *", "every 7 minutes"),
        ("17 */5 * * *", "at 17 minutes past the hour, every 5 hours"),
        ("0 8-20/2 * * MON-FRI", "every 2 hours, between 08:00 and 20:59, Monday through Friday"),
        ("0 4 * * MON#1", "at 04:00, on the first Monday of the month"),
        ("not a schedule", "not a schedule"),
    ],
)
def test_every_schedule_has_words(expression: str, words: str) -> None:
    assert in_words(expression) == words


def test_a_usual_schedule_costs_no_library() -> None:
    """4 MB stay out of a service by the hour."""
    script = (
        "import sys; from bot.texts.schedule_words import in_words;"
        "in_words('0 * * * *'); print('cron_descriptor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
