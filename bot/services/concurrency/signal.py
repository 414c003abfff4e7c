"""Carries what happens in a part that is made early to parts that are made later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Signal(Generic[P]):
    """Calls everybody who is connected, in their order. Only the composition connects, before anything runs."""

    def __init__(self) -> None:
        self._listeners: list[Callable[P, object]] = []

    def connect(self, listener: Callable[P, object]) -> None:
        """Let a listener hear of it from now on."""
        self._listeners.append(listener)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in self._listeners:
            listener(*args, **kwargs)


class AsyncSignal(Generic[P]):
    """A signal whose listeners are awaited, side by side, by whoever gives it."""

    def __init__(self) -> None:
        self._listeners: list[Callable[P, Awaitable[object]]] = []

    def connect(self, listener: Callable[P, Awaitable[object]]) -> None:
        """Let a listener hear of it from now on."""
        self._listeners.append(listener)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        await asyncio.gather(*(listener(*args, **kwargs) for listener in self._listeners))
