"""Reasons: why something is as it is, in a code and figures; `bot/words/` says them."""

from __future__ import annotations

from dataclasses import dataclass

Facts = tuple[tuple[str, str | int], ...]
"""Names with figures, codes and names from outside; a name may come again and again."""

OTHER = "other"
"""The code of a reason that is known in words alone, its fact `said`: such as an earlier version stored."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its facts, such as `("slow down", (("seconds", 30),))`; false without a code. It holds no secret."""

    code: str = ""
    facts: Facts = ()

    def __bool__(self) -> bool:
        return bool(self.code)


NO_REASON = Reason()
