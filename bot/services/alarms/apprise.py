"""Sends alarms to phones and other services by apprise; the only file that imports it. Waits for no endpoint.

An address is an apprise URL such as `ntfy://topic` (https://github.com/caronc/apprise/wiki); it holds secrets and is in
no sentence.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from bot.clock import Clock
from bot.models import Alarm, AlarmNotice
from bot.services.alarms.lifecycle import AlarmStep, NotNotifiedError, fingerprint

ANSWERS_WITHIN = 20.0
"""Seconds for one message in all; apprise waits four for a connection and four for an answer, unless told else."""

TRIES = 5
"""A phone that could not be told so often hears of the next reminder, or of the end, instead."""

Wording = Callable[[Alarm, datetime], tuple[str, str]]


class AppriseTarget:
    """One apprise address. It is told when an alarm begins, at each reminder, and when it ends."""

    def __init__(self, url: str, *, wording: Wording, clock: Clock) -> None:
        self._url, self._wording, self._clock = url, wording, clock
        self._failures: dict[tuple[str, AlarmStep], int] = {}

    @property
    def address(self) -> str:
        """A fingerprint: the address itself is a secret, and the catalogue is no place for it."""
        return f"phone:{hashlib.sha256(self._url.encode()).hexdigest()[:12]}"

    async def is_wanted(self, alarm: Alarm) -> bool:
        return True

    async def notify(self, step: AlarmStep, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        now = self._clock()
        match step:
            case AlarmStep.CHANGE:
                # A phone can't take back what it has shown.
                return replace(notice, shown=fingerprint(alarm, notice.quiet_until))
            case AlarmStep.END_UNHEARD:
                return replace(notice, done=True)  # nothing to put right: it never rang
            case _:
                await self._send(step, alarm, now)
        if step is AlarmStep.END:
            return replace(notice, done=True)
        return replace(notice, message_id=0, sent_at=now, reminded_at=now, shown=fingerprint(alarm, notice.quiet_until))

    async def _send(self, step: AlarmStep, alarm: Alarm, now: datetime) -> None:
        title, body = self._wording(alarm, now)
        attempt = (alarm.id, step)
        if await in_a_thread(lambda: _notify(self._url, title, body), ANSWERS_WITHIN):
            self._failures.pop(attempt, None)
            return
        self._failures[attempt] = self._failures.get(attempt, 0) + 1
        if self._failures[attempt] < TRIES:
            raise NotNotifiedError("the address of NOTIFY_URLS does not take the message")
        self._failures.pop(attempt)


async def in_a_thread(work: Callable[[], bool], seconds: float) -> bool:
    """Do blocking work in a thread that nobody waits for longer than so; False when it failed or took longer.

    A daemon, and no pool: an endpoint that hangs must hold up neither other work nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool) -> None:
        if not answer.done():
            answer.set_result(result)

    def run() -> None:
        try:
            result = work()
        except Exception:  # whatever a plugin raises, the alarm was not taken
            result = False
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="phone", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        return False


def _notify(url: str, title: str, body: str) -> bool:
    from apprise import Apprise, NotifyFormat  # noqa: PLC0415 - 0.2 s, and optional

    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    phone = Apprise()
    return bool(phone.add(url) and phone.notify(title=title, body=body, body_format=NotifyFormat.TEXT))
