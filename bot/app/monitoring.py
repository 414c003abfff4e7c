"""Tells an outside watchdog (HEARTBEAT_URL) how planned runs end."""

from __future__ import annotations

from bot.config.settings import Settings
from bot.errors import AbortedError, BusyError, CourierError
from bot.models import Delivery, RunResult
from bot.services.alarms.watchdog import Watchdog
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery


class Monitoring:
    """Tells the watchdog how planned runs end; without one, nobody."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        url = settings.heartbeat_url.get_secret_value()
        self._watchdog = Watchdog(url) if url else None
        self._catalogue = catalogue
        self._settling = Nursery()

    def run_begins(self) -> None:
        if self._watchdog is not None:
            self._watchdog.begins()

    def run_ended(self, result: RunResult) -> None:
        if self._watchdog is not None:
            self._watchdog.ended(result.backup, result.deliveries)

    def run_failed(self, error: Exception) -> None:
        """A run that only found another one under way, or was cut off by a shutdown, has not failed."""
        if self._watchdog is not None and not isinstance(error, (BusyError, AbortedError)):
            self._watchdog.failed(error.sentence if isinstance(error, CourierError) else type(error).__name__)

    def delivered_later(self, delivery: Delivery) -> None:
        """The ledger has tried a delivery again; with its last one, the run has succeeded after all."""
        watchdog = self._watchdog
        if watchdog is not None and watchdog.unconfirmed == delivery.backup_id:
            work = self._settle(watchdog, delivery.backup_id)
            self._settling.start(work, failure=f"the watchdog can't be told of backup {delivery.backup_id}")

    async def stop(self) -> None:
        """Let what is being told arrive."""
        if self._watchdog is not None:
            await self._watchdog.stop()

    async def _settle(self, watchdog: Watchdog, backup_id: int) -> None:
        deliveries = await self._catalogue.deliveries.of(backup_id)
        if watchdog.unconfirmed == backup_id:
            watchdog.settled(deliveries)
