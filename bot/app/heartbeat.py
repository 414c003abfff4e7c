"""Writes the service's signs of life into the catalogue, for the commands and a container's health check."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from loguru import logger

from bot.errors import CourierError
from bot.services.catalogue import Catalogue


class HeartbeatWriter:
    """Writes when the service began, that it is alive, and when its next run is."""

    def __init__(self, catalogue: Catalogue, next_run: Callable[[], datetime | None], *, started_at: datetime) -> None:
        self._catalogue, self._next_run, self._started_at = catalogue, next_run, started_at
        self._fault = ""

    async def beat(self, *, stopped: bool = False) -> None:
        """Leave a sign of life; where none can be written, on a full disk, the service goes on without.

        What stands against it is logged once, until it is another or was over.
        """
        try:
            await self._catalogue.service.beat(
                pid=os.getpid(),
                started_at=self._started_at,
                next_run_at=None if stopped else self._next_run(),
                stopped=stopped,
            )
        except CourierError as error:
            if error.sentence != self._fault:
                logger.error("no sign of life can be written: {}", error.sentence)
            self._fault = error.sentence
        else:
            self._fault = ""
