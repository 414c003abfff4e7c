"""Why something came to nothing, by the code of its error, where nothing nearer is recorded. Plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

FAILURES: Mapping[str, str] = {
    "error": "Something went wrong that nobody foresaw; Detailed Logs have it.",
    "settings": "A setting is wrong.",
    "not-found": "What was asked for is not there.",
    "busy": "Something else was under way.",
    "instance": "Another process serves this folder.",
    "snapshot": "A database could not be copied.",
    "nothing": "No database could be backed up.",
    "archive": "The archive could not be written or proven.",
    "damaged": "The archive is damaged.",
    "no-space": "The disk is full.",
    "catalogue": "The catalogue could not be used.",
    "delivery": "It was not delivered to everybody.",
    "telegram": "Telegram refuses this bot.",
    "aborted": "It was stopped.",
    "untrusted": "The archive is not safe or not sound.",
    "volumes": "Volumes are missing.",
    "refused": "Something was in the way, or had changed since the plan.",
    "restore": "The restore failed; Detailed Logs say what it left.",
    "schedule": "There is no such schedule.",
    "seal": "The key is missing, or not the right one.",
    "machine": "This machine refuses it.",
}


def failure_words(code: str) -> str:
    """Return the sentence of an error's code; that of an unforeseen one where it is none of ours."""
    return FAILURES.get(code, FAILURES["error"])
