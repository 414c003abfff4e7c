"""Defines the frozen values that screens, digests and notes show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.models import Backup, MessageChoice, Recipient, WhenUnchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class MyMessages:
    """Everything the screen of one admin shows. `known` are the names of the databases to choose from.

    `receives` is false where DELIVER_TO leaves this chat out. `fallback` is the chat to which every backup comes
    because no chat wants them all; None where one does.
    """

    admin_id: int
    choice: MessageChoice
    known: tuple[str, ...]
    receives: bool
    fallback: Recipient | None
    fallback_name: str
    unchanged: WhenUnchanged
    chat_keep_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A local day as one chat is told of it: the runs that ended, newest first, and which of them came here as files.

    `databases` are those the admin follows, None for all. A day that `is_over` says nothing of how all stands now.
    """

    day: date
    runs: tuple[Backup, ...]
    received: frozenset[int]
    databases: frozenset[str] | None = None
    is_over: bool = False
