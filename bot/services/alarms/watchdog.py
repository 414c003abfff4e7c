"""Pings an outside watchdog, by the convention of Healthchecks (https://healthchecks.io/docs/http_api/).

`/start` when a planned run begins, the address itself once its backup is confirmed, `/fail` with the reason as the
body; one `rid` for all pings of a run. A push monitor of Uptime Kuma (`/api/push/…`) knows no paths: it is told
`status=up` or `status=down` with the reason as `msg`, and of no beginning. Nobody waits for a ping.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from bot.models import Backup, Delivery, DeliveryState
from bot.services.concurrency.nursery import Nursery
from bot.words.causes import in_full

if TYPE_CHECKING:
    from aiohttp import ClientSession

ANSWERS_WITHIN = 10.0
"""Seconds for one try, all in all."""

PAUSES = (1.0, 5.0)
"""Seconds before the second and the third try."""

MOST_WAITING = 6
"""Pings that wait behind a dead endpoint; the oldest are dropped: only the newest run matters."""

ENDS_WITHIN = 2.0
LONGEST_BODY = 10_000
LONGEST_QUERY = 250
"""Characters of a reason that stands in an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ping:
    path: str
    run: str
    body: str = ""


class Watchdog:
    """Tells an address of every planned run; without one, nobody. What it says counts for runs of the schedule alone.

    Success is a backup of every database, proven, and confirmed by each recipient that can be reached, and by one at
    least. While a delivery is still under way nothing is said; it is once it is confirmed (`settled`).
    """

    def __init__(
        self, url: str, *, within: float = ANSWERS_WITHIN, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._url, self._within, self._sleep = url, within, sleep
        self._run = ""
        self.unconfirmed: int | None = None
        """The id of the backup that success depends on, once it is confirmed."""
        self._waiting: list[_Ping] = []
        self._sending = Nursery()
        self._silent = False

    def begins(self) -> None:
        """A planned run begins."""
        self._run, self.unconfirmed = str(uuid.uuid4()), None
        self._ping("start")

    def failed(self, why: str) -> None:
        """The run came to nothing."""
        self._ping("fail", why)

    def ended(self, backup: Backup, deliveries: Sequence[Delivery]) -> None:
        """The run made a backup; say so if it is whole and has arrived."""
        if backup.skipped:
            names = "; ".join(f"{record.name}: {in_full(record.why)}" for record in backup.skipped)
            self._ping("fail", f"Not in the backup: {names}")
        elif _confirmed(deliveries):
            self._ping("")
        else:
            self.unconfirmed = backup.id

    def settled(self, deliveries: Sequence[Delivery]) -> None:
        """The deliveries of the unconfirmed backup stand so now."""
        if self.unconfirmed is not None and _confirmed(deliveries):
            self.unconfirmed = None
            self._ping("")

    async def stop(self) -> None:
        """Let what is being sent go out, for a short while."""
        await self._sending.drain(ENDS_WITHIN)

    def _ping(self, path: str, body: str = "") -> None:
        if not self._url or (path == "start" and is_push_monitor(self._url)):
            return
        self._waiting = [*self._waiting[-(MOST_WAITING - 1) :], _Ping(path=path, run=self._run, body=body)]
        if not self._sending.busy:
            self._sending.start(self._send_all(), failure="the watchdog can't be told")

    async def _send_all(self) -> None:
        """Send one after the other: a start that came after its success would be taken for a new run."""
        from aiohttp import ClientSession, ClientTimeout  # noqa: PLC0415 - only where there is a watchdog

        async with ClientSession(timeout=ClientTimeout(total=self._within)) as session:
            while self._waiting:
                ping = self._waiting.pop(0)
                trouble = await self._try(session, ping)
                for pause in PAUSES:
                    if not trouble:
                        break
                    await self._sleep(pause)
                    trouble = await self._try(session, ping)
                self._say(trouble)

    async def _try(self, session: ClientSession, ping: _Ping) -> str:
        """Return what went wrong, without the address: it is a secret."""
        from aiohttp import ClientError  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        url, body = URL(self._url), ping.body[:LONGEST_BODY].encode()
        if is_push_monitor(self._url):
            status, said = ("down", ping.body[:LONGEST_QUERY]) if ping.path == "fail" else ("up", "OK")
            url, body = url.update_query(status=status, msg=said), b""
        else:
            url = (url / ping.path).with_query(url.query) if ping.path else url
            url = url.update_query(rid=ping.run)
        try:
            # No redirect is followed: it could lead out of TLS, or to somewhere else with the secret in its path.
            async with session.request(
                "POST" if body else "GET", url, data=body or None, allow_redirects=False
            ) as answer:
                await answer.read()
        except TimeoutError:
            return f"no answer within {self._within:g} s"
        except (ClientError, OSError) as error:
            return type(error).__name__
        if answer.status >= 300:
            where = " (a redirect: write the address it leads to)" if answer.status < 400 else ""
            return f"HTTP {answer.status}{where}"
        return ""

    def _say(self, trouble: str) -> None:
        """Log a trouble once, not at every ping."""
        if trouble and not self._silent:
            logger.warning("the watchdog of HEARTBEAT_URL could not be told: {}", trouble)
        elif not trouble and self._silent:
            logger.info("the watchdog of HEARTBEAT_URL answers again")
        self._silent = bool(trouble)


def is_push_monitor(url: str) -> bool:
    """Tell whether this is a push monitor of Uptime Kuma (its server/routers/api-router.js)."""
    return "/api/push/" in url


def _confirmed(deliveries: Sequence[Delivery]) -> bool:
    """Tell whether everybody who can be reached has a backup, and somebody has it at all.

    A recipient that a person must mend something for is an alarm of its own, and no reason to call every run failed.
    To be told where an archive lies is not to have it.
    """
    states = [delivery.state for delivery in deliveries]
    owed = (DeliveryState.PENDING, DeliveryState.SENDING)
    return any(delivery.received for delivery in deliveries) and not any(state in owed for state in states)
