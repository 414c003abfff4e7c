"""Stands in for Telegram in a process that does not talk to it: refuses whatever is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from bot.models import OutcomeCode, Recipient
from bot.services.contracts.destination import Refused


class NoTelegram:
    """A destination, a channel and chats in which nothing can be done; what is asked of them raises `Refused`."""

    bot_id, name = 0, "Telegram"

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> None:
        """There is no cut of its own."""

    async def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Refused(OutcomeCode.NOT_HERE)

    create_topic = send_volume = check_reachable = probe = round_trip = _refuse
    send = send_picture = edit = delete = delete_messages = _refuse
    fetch = pinned = post = replace = pin = remove = describe = _refuse

    def forwarded(self, *_: Any, **__: Any) -> NoReturn:
        raise Refused(OutcomeCode.NOT_HERE)
