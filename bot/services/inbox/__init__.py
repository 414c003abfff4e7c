"""What admins send to the bot to be restored: collected, fetched, proven, described, and handed on."""

from bot.services.inbox.inbox import Inbox

__all__ = ["Inbox"]
