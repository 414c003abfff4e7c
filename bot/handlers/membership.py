"""Handles changes of the bot's membership in chats: blocked, removed, added again; moves and timers of chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiogram import F, Router
from aiogram.filters import IS_MEMBER, IS_NOT_MEMBER, PROMOTED_TRANSITION, ChatMemberUpdatedFilter
from aiogram.types import ChatMemberUpdated, Message

from bot.models import OutcomeCode, Reason

if TYPE_CHECKING:
    from bot.services.delivery.ledger import Ledger
    from bot.services.manager import Manager
    from bot.services.messages.timers import Timers


def build_membership_router() -> Router:
    """Make the router; whoever did it, it is true of the chat, and nothing is answered."""
    router = Router(name="standing")
    router.my_chat_member.register(put_out, ChatMemberUpdatedFilter(IS_MEMBER >> IS_NOT_MEMBER))
    router.my_chat_member.register(let_in, ChatMemberUpdatedFilter(IS_NOT_MEMBER >> IS_MEMBER))
    router.my_chat_member.register(let_in, ChatMemberUpdatedFilter(PROMOTED_TRANSITION))
    router.message.register(moved, F.migrate_to_chat_id)
    router.message.register(set_timer, F.message_auto_delete_timer_changed)
    return router


async def put_out(event: ChatMemberUpdated, ledger: Ledger) -> None:
    code = OutcomeCode.BLOCKED if event.chat.type == "private" else OutcomeCode.REMOVED
    await ledger.recipient_left(event.chat.id, Reason(code))


async def let_in(event: ChatMemberUpdated, manager: Manager) -> None:
    await manager.recipient_returned(event.chat.id)


async def moved(message: Message, ledger: Ledger) -> None:
    if message.migrate_to_chat_id is not None:
        await ledger.recipient_moved(message.chat.id, message.migrate_to_chat_id)


async def set_timer(message: Message, timers: Timers) -> None:
    if message.message_auto_delete_timer_changed is not None:
        await timers.changed(message.chat.id, message.message_auto_delete_timer_changed.message_auto_delete_time)
