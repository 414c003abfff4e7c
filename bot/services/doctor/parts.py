"""Makes the lines of an examination: good, to be looked at, or wrong."""

from __future__ import annotations

from functools import partial

from bot.journal.redaction import redact
from bot.models import Condition, Examined


def _line(condition: Condition, part: str, about: str, said: str, mend: str = "") -> Examined:
    said = redact(said.strip().removesuffix("."))  # it is made to be shown to others
    return Examined(part=part, about=about, condition=condition, said=said, mend=mend)


good = partial(_line, Condition.GOOD)
look = partial(_line, Condition.LOOK)
wrong = partial(_line, Condition.WRONG)
