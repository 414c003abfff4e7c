"""Joins parts to those that are built after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.models import Delivery
from bot.services.concurrency.signal import AsyncSignal, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What happens in one part and concerns parts that are built after it."""

    news: Signal[[]] = field(default_factory=Signal)
    """Something changed that the pinned messages and the digests tell."""
    alarm_nudge: Signal[[]] = field(default_factory=Signal)
    choice_changed: Signal[[]] = field(default_factory=Signal)
    """An admin chose what comes into their chat."""
    people_changed: Signal[[]] = field(default_factory=Signal)
    """An admin, or a chat that receives backups, was added or removed."""
    delivered_later: Signal[[Delivery]] = field(default_factory=Signal)
    """The ledger has tried again what was owed."""
    server_time: Signal[[datetime, datetime]] = field(default_factory=Signal)
    """Telegram's time and this machine's, at an answer."""
    poll_conflict: Signal[[]] = field(default_factory=Signal)
    schedule_changed: AsyncSignal[[]] = field(default_factory=AsyncSignal)
    next_run_changed: AsyncSignal[[]] = field(default_factory=AsyncSignal)

    def happened(self) -> None:
        """A run, a delivery or a test-restore has ended: the messages follow, and the alarms are looked at."""
        self.news()
        self.alarm_nudge()
