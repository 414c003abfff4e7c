"""What a schedule brings into each chat, where that is much."""

from __future__ import annotations

from bot.models import ChatLoad, count, human_size


def load_words(load: ChatLoad) -> str:
    """Return what comes in a day, as plain text: `144 files and 2.3 GB a day in each chat`."""
    up_to = "up to " if load.at_most else ""
    return f"{up_to}{count(load.files_a_day, 'file')} and {human_size(load.bytes_a_day)} a day in each chat"


def much(load: ChatLoad | None, offer: str = "Every 6 h instead?") -> str | None:
    """Return the same as a line of a screen with what is offered instead; None where it is not much, or not known."""
    if load is None or not load.is_much:
        return None
    return f"🧩 {count(load.volumes, 'volume')} a backup: {load_words(load)}. {offer}".rstrip()
