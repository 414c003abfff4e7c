"""Takes in the archives that admins send to the bot: collected, fetched, proven, described, offered for restore."""

from bot.services.inbox.context import InboxContext
from bot.services.inbox.inbox import Inbox

__all__ = ["Inbox", "InboxContext"]
