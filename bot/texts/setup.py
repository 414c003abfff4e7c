"""What `setup` says in Telegram: to who arrives, and on the bot's own page."""

from __future__ import annotations

from bot.models import BotIdentity
from bot.texts.markup import compose, text

ABOUT = "Backs up SQLite databases every hour, proves each backup and sends it here."
DESCRIPTION = (
    "This bot backs up the SQLite databases of one server: every hour a consistent snapshot, checked, proven, and sent"
    " here as a ZIP that any tool opens. Restores are two presses away.\n\nIt answers its admins alone."
)


def admin_arrived(bot: BotIdentity) -> str:
    """Return the greeting of who came with the code, as HTML."""
    return compose(
        f"✅ <b>You are an admin of {text(bot.name, 60)} now</b>",
        "",
        "Setting up goes on in the terminal. The first backup comes here.",
    )


def place_arrived(bot: BotIdentity) -> str:
    """Return the greeting of a group or topic that receives from now on, as HTML."""
    return compose(
        f"✅ <b>{text(bot.name, 60)} sends its backups here from now on</b>",
        "",
        "It is steered in the private chats of its admins.",
    )


def proven(databases: str, rows: str, took: str, *, first: bool) -> str:
    """Return what the drill of the backup that setup has made came to, as HTML."""
    return compose(
        f"✅ <b>The {'first ' if first else ''}backup came back</b>",
        "",
        f"Fetched back from Telegram and restored: {databases}, {rows}, {took}.",
        "",
        "/admin opens the menu once the service runs.",
    )
