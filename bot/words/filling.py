"""Fills facts into words: what is in braces is a fact, and a part in brackets goes where one is unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping

_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_FACT = re.compile(r"\{(\w+)\}")


def filled(words: str, facts: Mapping[str, str | int]) -> str:
    """Return the words with their facts; a fact that has to be known and is not is a question mark."""
    kept = _OPTIONAL.sub(lambda part: part[1] if facts.keys() >= {*_FACT.findall(part[1])} else "", words)
    return _FACT.sub(lambda fact: str(facts.get(fact[1], "?")), kept)
