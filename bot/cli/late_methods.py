"""Has the methods that `dataclasses` makes of text compiled when they are first called; most never are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


def compile_late() -> None:
    """Put them off for all values made from here on, those of libraries too; `inspect` then sees no names of theirs.

    Python 3.11 and 3.12 compile each method by itself, six for a frozen value: that took a fifth of a command's start.
    """
    make: Callable[..., Callable[..., object]] | None = getattr(dataclasses, "_create_fn", None)
    if make is None:
        return  # from 3.13 on, those of a value are compiled together

    def create(name: str, *how: object, **more: object) -> Callable[..., object]:
        made: list[Callable[..., object]] = []

        def method(*given: object, **named: object) -> object:
            if not made:
                made.append(make(name, *how, **more))
            return made[0](*given, **named)

        method.__name__ = name
        return method

    dataclasses._create_fn = create  # type: ignore[attr-defined]
