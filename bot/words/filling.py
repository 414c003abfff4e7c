"""Fills facts into words: what is in braces is a fact, and a part in brackets goes where one is unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping

_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_FACT = re.compile(r"\{(\w+)(:,)?\}")


def filled(words: str, facts: Mapping[str, str | int]) -> str:
    """Return the words with their facts, as `{bytes:,}` in thousands; one that has to be known and is not is a `?`."""

    def all_known(part: str) -> bool:
        return all(fact[1] in facts for fact in _FACT.finditer(part))

    def said(fact: re.Match[str]) -> str:
        value = facts.get(fact[1], "?")
        return f"{value:,}" if fact[2] and isinstance(value, int) else str(value)

    return _FACT.sub(said, _OPTIONAL.sub(lambda part: part[1] if all_known(part[1]) else "", words))
