"""A real HTTP endpoint on loopback: it keeps what it was asked, and can be slow, refuse or be closed."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """A request that came in whole."""

    method: str
    path: str
    query: dict[str, str]
    body: str
    json: Any = None


@dataclass
class Endpoint:
    """`status` is what it answers with; while `hold` is not set, it answers nothing."""

    asked: list[Asked] = field(default_factory=list)
    status: int = 200
    location: str = ""
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self.hold.set()
        application = web.Application()
        application.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        data = await request.json() if request.content_type == "application/json" else None
        async with self.changed:
            self.asked.append(Asked(request.method, request.path, dict(request.query), body, data))
            self.changed.notify_all()
        await self.hold.wait()
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=self.status, headers=headers)

    async def until(self, count: int, *, within: float = 10) -> list[Asked]:
        """Wait until it was asked so often."""
        async with asyncio.timeout(within), self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= count)
        return self.asked
