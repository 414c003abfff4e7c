"""Holds how the bot hears Telegram: the poller writes it, the status and the alarms read it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models import NO_REASON, Reason


@dataclass(slots=True)
class PollingState:
    """Written by the poller alone; in a process that does not poll it stays as it is."""

    trouble: Reason = NO_REASON
    """A `WarningCode` for the status, none while all is well."""

    refusals: int = 0
    """How often in a row Telegram has refused the token, which it accepted before."""

    heard: bool = False
    """Whether Telegram has answered this process at all."""
