"""Defines how a backup is to be sent: how loudly, who uploads first, and who is told of the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.models import Recipient
from bot.services.concurrency.abort import Abort


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """How a backup is to be sent, besides what and to whom.

    `silent_for` hear no sound, whatever `silent` says. `rank` orders those who wait for a turn to upload, lowest first.
    `trusted` recipients took the backup before theirs; the others are asked whether they can be reached before a whole
    upload is spent on them. `abort` is looked at before each volume; `report` is told the number of a shared volume and
    how many of its bytes went out.
    """

    silent: bool
    rank: float
    trusted: bool
    abort: Abort
    silent_for: frozenset[Recipient] = frozenset()
    report: Callable[[int, int], None] = lambda _number, _count: None
