"""Says what can be asked of Telegram beside its chats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.models import TokenReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of Telegram: about the token, with or without listening for another poller, and of the clock.

    `ahead` is by how much ours is ahead, None until Telegram has answered.
    """

    token: Callable[[bool], Awaitable[TokenReport]]
    ahead: Callable[[], timedelta | None]
