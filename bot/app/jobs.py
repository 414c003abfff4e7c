"""Runs the service's background jobs: started by name, watched for a failure, stopped by name or all together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from loguru import logger

from bot.errors import CourierError
from bot.services.concurrency.nursery import Nursery


class BackgroundJobs:
    """What runs beside the backups until the service ends. A job that fails ends the service; see `failed`."""

    def __init__(self) -> None:
        self._tasks = Nursery()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a job; several may have the same name."""
        self._tasks.start(work, name=name).add_done_callback(self._note_end)

    async def stop(self, *names: str) -> None:
        """Cancel the jobs of these names, and return when they have ended."""
        await self._tasks.stop(*names)

    async def stop_all(self) -> None:
        """Cancel what is left; `failed` waits for nothing any more."""
        await self._tasks.drain()
        if not self._failed.done():
            self._failed.cancel()

    async def failed(self) -> None:
        """Return never, or raise what ended a job that can't go on (such as polling with a refused token)."""
        await self._failed

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, CourierError):
            logger.opt(exception=error).error("{} ended unexpectedly", task.get_name())
        if not self._failed.done():
            self._failed.set_exception(error)
