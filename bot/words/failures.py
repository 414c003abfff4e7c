"""Why something came to nothing: by what is recorded of it, else by the code of its error alone. Plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.models import Backup, Cause, Reason, SkippedRecord, SkipReason
from bot.words.causes import in_full, sentence_of

FAILURES: Mapping[str, str] = {
    "error": "Something went wrong that nobody foresaw; the log file has it.",
    "settings": "A setting is wrong.",
    "not-found": "What was asked for is not there.",
    "busy": "Something else was under way.",
    "instance": "Another process serves this folder.",
    "snapshot": "A database could not be copied.",
    "nothing": "No database could be backed up.",
    "archive": "The archive could not be written or proven.",
    "damaged": "The archive is damaged.",
    "no-space": "Not enough disk space.",
    "catalogue": "The catalogue could not be used.",
    "delivery": "It was not delivered to everybody.",
    "telegram": "Telegram refuses this bot.",
    "aborted": "It was stopped.",
    "untrusted": "The archive is not safe or not sound.",
    "volumes": "Volumes are missing.",
    "refused": "Something was in the way, or had changed since the plan.",
    "restore": "The restore failed; the log file says what it left.",
    "schedule": "There is no such schedule.",
    "seal": "The key is missing, or not the right one.",
    "machine": "This machine refuses it.",
}


UNOPENED = "Found on the disk, sealed, and no key here opens it: kept, and no backup until it is opened."


def failure_words(code: str) -> str:
    """Return the sentence of an error's code; that of an unforeseen one where it is none of ours."""
    return FAILURES.get(code, FAILURES["error"])


def why_failed(backup: Backup) -> str:
    """Return why a run made no backup; empty where nothing is known."""
    if backup.error or not backup.error_code:
        return sentence_of(backup.error)
    return nothing_words(backup.skipped) if backup.error_code == "nothing" else failure_words(backup.error_code)


def stored_fault_words(store: str, archive: str, why: Reason) -> str:
    """Return what has become of an archive in an object store."""
    if why.code == Cause.STORED_GONE:
        return f"{archive} is gone from {store}, and not by us."
    named = {"archive", "volume"} & dict(why.facts).keys()
    return sentence_of(why) if named else f"{archive} in {store} is damaged: {sentence_of(why)}"


def nothing_words(skipped: Sequence[SkippedRecord]) -> str:
    """Say of each cause once which databases it kept from being backed up; of a single one, what was found."""
    causes: dict[SkipReason, list[SkippedRecord]] = {}
    for record in skipped:
        causes.setdefault(record.reason, []).append(record)
    reasons = "; ".join(
        f"{befallen[0].name}: {in_full(befallen[0].why)}"
        if len(befallen) == 1
        else f"{', '.join(record.name for record in befallen)}: "
        + ("not enough disk space" if reason is SkipReason.NO_SPACE else reason)
        for reason, befallen in causes.items()
    )
    return f"No database could be backed up. {reasons}" if reasons else "DATABASES matches no file."
