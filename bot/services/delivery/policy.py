"""Decides when to retry, whom to upload to first, and which backup supersedes an older one: pure functions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from bot.models import Backup, Delivery, DeliveryState, Recipient, RecipientStatus

Owed = Literal["newest", "all"]

LONGEST_RETRY = 3600.0  # seconds; an owed delivery is tried at least this often
LONGEST_WAIT = 120.0  # seconds that a first pass waits on Telegram's request, all in all
ASK_EVERY = timedelta(hours=6)  # a parked recipient that can't press Start (a group, a topic) is found again by this
ASK_UNHEARD_EVERY = timedelta(minutes=10)  # … by this where the service hears nobody's Start; a group in an hour
ASK_AGAIN = timedelta(minutes=10)  # … and by this when asking met a trouble that passes
LEASE = timedelta(hours=2)  # longer than a delivery takes on a slow line; then another process may take it over
LONGEST_TERM = timedelta(days=1)  # no lease and no pause is longer, and Telegram asks for no longer one
SHORTEST_RETRY = 0.05  # seconds; RETRY_DELAY=0 must not become a busy loop

ARRIVES_AGAIN = "✅ Messages of the backup bot arrive here again."


class Recipients(Protocol):
    """Who receives backups, and who hears of everything that is told; it can change at any time."""

    @property
    def recipients(self) -> tuple[Recipient, ...]: ...

    @property
    def readers(self) -> tuple[Recipient, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Who receives what, and how it is tried.

    The `people` receive the archives of `store_folder`, in volumes of `volume_bytes` where a chat shares them. A first
    pass makes `attempts` tries, at least one, `delay`
    seconds and more apart. `owed` says whether only the newest backup is owed to a recipient, or all. Where it does
    not `hear`, nobody can tell this process that they have pressed Start, or added the bot.
    """

    people: Recipients
    store_folder: Path
    volume_bytes: int
    attempts: int
    delay: float
    owed: Owed
    hear: bool = True

    def ask_every(self, recipient: Recipient) -> timedelta:
        """How often a parked recipient is asked whether it can be reached."""
        if self.hear:
            return ASK_EVERY
        return ASK_UNHEARD_EVERY if recipient.is_private else 6 * ASK_UNHEARD_EVERY


def retry_seconds(failures: int, delay: float, *, ambiguous: bool = False) -> float:
    """Seconds until the next try after so many failures: doubling from `delay`, spread, at most an hour.

    After an ambiguous failure it is twice as long: a server that took the bytes and lost its answer needs the time more
    than the recipient needs a second copy.
    """
    doubled = max(delay, SHORTEST_RETRY) * 2.0 ** min(failures - 1 + ambiguous, 20)
    return min(doubled * random.uniform(1, 1.25), LONGEST_RETRY)


def covers(newer: Backup, older: Backup) -> bool:
    """Whether who has `newer` misses nothing of `older`: every database of the one is in the other."""
    return {database.path for database in older.databases} <= {database.path for database in newer.databases}


def uploader_rank(status: RecipientStatus) -> float:
    """Who shall upload: the lower the sooner. Who took a backup last is the likeliest to take the next one."""
    return -status.last_sent_at.timestamp() if status.last_sent_at else 0.0


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether an owed delivery may be tried; one being sent only when its lease has run out.

    One that is to wait for longer than anything does was put off by a clock that has been set back since.
    """
    return delivery.next_try_at is None or not now < delivery.next_try_at <= now + LONGEST_TERM


def all_sent(deliveries: Sequence[Delivery]) -> bool:
    """Whether there are deliveries that are due, each one is confirmed, and one at least brought the archive itself."""
    due = [delivery for delivery in deliveries if delivery.state is not DeliveryState.NOT_DUE]
    return any(delivery.received for delivery in due) and all(delivery.state is DeliveryState.SENT for delivery in due)
