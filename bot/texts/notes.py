"""Notes on backups: the question, and the answers."""

from __future__ import annotations

from bot.models import BackupDetails
from bot.texts.markup import compose, text

# Answers to presses: plain text.
REMOVED = "The note is removed."


def ask_note(details: BackupDetails) -> str:
    """Return the question for a note."""
    backup = details.backup
    return compose(
        f"📝 <b>A note on backup {backup.id}</b>",
        f"Now: {text(backup.note, 300)}" if backup.note else None,
        "",
        "Type it in one message, such as <i>before the migration</i>; what is over 200 characters is cut off. "
        "I wait five minutes.",
    )
