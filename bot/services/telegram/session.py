"""Extends aiogram's HTTP session: the server's time that comes with every answer, and what its age makes it refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

from aiogram.client.session.aiohttp import AiohttpSession
from aiohttp import ClientSession, TraceConfig, TraceRequestEndParams

from bot.clock import utc_now
from bot.services.telegram.ornaments import WithoutOrnaments

Dated = Callable[[datetime, datetime], None]


class DatedSession(AiohttpSession):
    """Calls `on_date` with the server's time and this machine's, at each answer that names one.

    A message that an old server refuses for an ornament goes without it.
    """

    def __init__(self, *, on_date: Dated, **more: Any) -> None:
        """`more` is what aiogram's own session takes."""
        super().__init__(**more)
        self.middleware(WithoutOrnaments())
        self._on_date = on_date
        self.ahead: timedelta | None = None
        """By how much this machine's clock was ahead of the server's at the last answer; None before the first."""

    async def create_session(self) -> ClientSession:
        session = await super().create_session()
        if not session.trace_configs:
            tracing = TraceConfig()
            tracing.on_request_end.append(self._read_date)
            tracing.freeze()
            session.trace_configs.append(tracing)
        return session

    async def _read_date(self, _: ClientSession, __: SimpleNamespace, ended: TraceRequestEndParams) -> None:
        # The real clock of this machine, whatever clock the service goes by: that one is what may be wrong.
        here = utc_now()
        try:
            server = parsedate_to_datetime(ended.response.headers["Date"])
        except (KeyError, ValueError):
            return
        if server.tzinfo is not None:
            self.ahead = here - server
            self._on_date(server.astimezone(UTC), here)
