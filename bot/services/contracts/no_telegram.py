"""Stands in for Telegram in a process that does not talk to it: refuses whatever is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bot.models import Reachability, Recipient, Volume
from bot.services.contracts.chats import Pinned, PostedDocument, nothing
from bot.services.contracts.destination import Notice, Refused, Sent

NOT_HERE = "This process does not talk to Telegram."


def _refuse() -> NoReturn:
    raise Refused(NOT_HERE)


class NoTelegram:
    """A destination and chats in which nothing can be done; every method raises `Refused`."""

    bot_id = 0

    # --- as a destination and a channel -------------------------------------------------------------------------

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...] | None:
        return None

    async def send_volume(
        self,
        recipient: Recipient,
        volume: Volume,
        *,
        caption: str,
        file_id: str | None,
        silent: bool,
        on_bytes: Callable[[int], None],
    ) -> Sent:
        _refuse()

    async def send(self, recipient: Recipient, notice: Notice) -> int:
        _refuse()

    async def edit(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        _refuse()

    async def delete(self, recipient: Recipient, message_id: int) -> None:
        _refuse()

    async def check_reachable(self, recipient: Recipient) -> None:
        _refuse()

    async def probe(self, recipient: Recipient) -> Reachability:
        _refuse()

    async def round_trip(self) -> float:
        _refuse()

    # --- as chats ----------------------------------------------------------------------------------------------

    async def fetch(
        self,
        file_id: str,
        into: Path,
        expected_bytes: int,
        *,
        offset: int = 0,
        on_bytes: Callable[[int], None] = nothing,
    ) -> str:
        _refuse()

    async def pinned(self, chat_id: int) -> Pinned | None:
        _refuse()

    async def post(self, chat_id: int, name: str, content: bytes | str, caption: str) -> PostedDocument:
        _refuse()

    async def replace(
        self, chat_id: int, message_id: int, name: str, content: bytes | str, caption: str
    ) -> PostedDocument:
        _refuse()

    async def pin(self, chat_id: int, message_id: int) -> None:
        _refuse()

    async def remove(self, chat_id: int, message_id: int) -> None:
        _refuse()

    def forwarded(self, senders: frozenset[int], *, seconds: float) -> AsyncGenerator[PostedDocument, None]:
        _refuse()

    async def auto_delete(self, chat_id: int) -> int:
        _refuse()

    async def delete_messages(self, recipient: Recipient, message_ids: Sequence[int]) -> None:
        _refuse()
