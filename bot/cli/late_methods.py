"""Has the methods that `dataclasses` makes of text compiled when they are first called; most never are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


def compile_late() -> None:
    """Put off all but `__init__`, for all values made from here on, those of libraries too.

    Python 3.11 and 3.12 compile each method by itself, six for a frozen value: that took a sixth of a command's start.
    """
    make: Callable[..., Callable[..., object]] | None = getattr(dataclasses, "_create_fn", None)
    if make is None:
        return  # from 3.13 on, those of a value are compiled together

    def create(name: str, *how: object, **more: object) -> Callable[..., object]:
        if name == "__init__":
            return make(name, *how, **more)
        made: list[Callable[..., object]] = []

        def method(*given: object) -> object:
            if not made:
                made.append(make(name, *how, **more))
            return made[0](*given)

        method.__name__ = name
        return method

    dataclasses._create_fn = create  # type: ignore[attr-defined]
