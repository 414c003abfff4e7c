"""Who did or asked for something, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.models import Actor

_WORDS: Mapping[str, str] = {
    Actor.SCHEDULE: "the schedule",
    Actor.COMMAND_LINE: "the command line",
    Actor.SETUP: "setup",
    Actor.RECOVER: "recover",
    Actor.RESTORE_IF_MISSING: "run --restore-if-missing",
    Actor.PROGRAM_END: "the end of the program",
    Actor.START: "a process that starts",
    Actor.CHAT: "learned from the chat",
    Actor.DISK: "found on the disk",
}


def actor_words(actor: str) -> str:
    """Return what an `Actor` is called, or the name of a person; records add the id: `Ann` of `Ann (11)`."""
    return _WORDS.get(actor) or re.sub(r" \(-?\d+\)$", "", actor)
