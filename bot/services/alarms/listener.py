"""Defines the interfaces of a check that opens alarms and of a listener that is told of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from bot.models import Alarm, AlarmNotice
from bot.services.alarms.lifecycle import AlarmStep

AlarmCheck = Callable[[], Awaitable[None]]
"""Looks whether something is wrong, and begins or ends alarms."""


class NotNotifiedError(Exception):
    """A listener could not be told; `seconds` is when to try again at the earliest, None as usual."""

    def __init__(self, sentence: str, *, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Listener(Protocol):
    """A recipient of alarms; `address` identifies it over restarts."""

    @property
    def address(self) -> str: ...

    async def is_wanted(self, alarm: Alarm) -> bool:
        """Say whether they are to hear of an alarm that begins."""
        ...

    async def notify(self, step: AlarmStep, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        """Do what is due, and return how the alarm is known now. Raises `NotNotifiedError`."""
        ...


Audience = Callable[[], Awaitable[Iterable[Listener]]]
"""Who is there to be told now."""
