"""Cron expressions in words."""

from __future__ import annotations

import re


def in_words(expression: str) -> str:
    """Return an expression in words where they are few, else "": `every 15 minutes`, `daily at 03:30`."""
    if match := re.fullmatch(r"\*(?:/([0-9]+))? \* \* \* \*", expression):
        return (
            f"every {match[1]} minutes" if match[1] and 60 % int(match[1]) == 0 else "" if match[1] else "every minute"
        )
    if match := re.fullmatch(r"([0-9]+) \*(?:/([0-9]+))? \* \* \*", expression):
        every = "hourly" if not match[2] else f"every {match[2]} hours" if 24 % int(match[2]) == 0 else ""
        at = "" if match[1] == "0" else f", {match[1]} min past"
        return every and every + at
    if match := re.fullmatch(r"([0-9]+) ([0-9]+) \* \* \*", expression):
        return f"daily at {int(match[2]):02}:{int(match[1]):02}"
    return ""
