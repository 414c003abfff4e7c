"""Validates cron expressions, and explains what is wrong with them."""

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from bot.config.spoken_schedule import spoken

DRILLS_OFF = "off"
"""DRILL_SCHEDULE without test-restores."""

_EXAMPLE = "“0 * * * *” is every hour on the hour, “30 3 * * *” every day at 03:30"

# What each field is called, here and by cronsim, and what stands in it.
_FIELDS = (
    ("minute", "Bad minute", "0–59", 60),
    ("hour", "Bad hour", "0–23", 24),
    ("day of the month", "Bad day-of-month", "1–31", 31),
    ("month", "Bad month", "1–12", 12),
    ("day of the week", "Bad day-of-week", "0–7 or SUN–SAT", 7),
)


def validate_expression(expression: str) -> str:
    """Return a cron expression with single spaces, also for words such as `daily 3am` or `every monday`.

    Raises ValueError with a sentence that names the fault.

    Five fields; no seconds, since a run every few seconds would only wait for itself. Refused as well: times that never
    come, such as 31 February, and steps longer than their field, which cron would silently shorten.
    """
    parts = (spoken(expression) or expression).split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"“{expression}” has {len(parts)} field{'' if len(parts) == 1 else 's'}; a schedule has five: minute, "
            f"hour, day of the month, month and day of the week. {_EXAMPLE}. "
            "Words do, too: “daily 3am”, “every monday”."
        )
    for (field, _, _, span), part in zip(_FIELDS, parts, strict=True):
        for step in re.findall(r"/(\d+)", part):
            if int(step) >= span:
                raise ValueError(f"“{expression}”: the {field} “{part}” can't go in steps of {step}. {_EXAMPLE}.")
    try:
        next(CronSim(" ".join(parts), datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(_fault(expression, parts, str(error))) from None
    return " ".join(parts)


def _fault(expression: str, parts: list[str], said: str) -> str:
    for place, (field, fault, allowed, _) in enumerate(_FIELDS):
        if said != fault:
            continue
        alone = " ".join(part if number == place else "*" for number, part in enumerate(parts))
        try:
            CronSim(alone, datetime(2024, 1, 1, tzinfo=UTC))
        except CronSimError:
            return f"“{expression}”: the {field} “{parts[place]}” is not valid ({allowed}). {_EXAMPLE}."
    return f"“{expression}” never comes: its months don't have that day. {_EXAMPLE}."
