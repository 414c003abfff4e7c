"""What a restore that was cut off has left, and what to do: plain sentences, for the status and the command line."""

from __future__ import annotations

from bot.models import PendingOutcome, PendingRestore


def cut_off_words(pending: PendingRestore, began: str, *, safety_id: int | None) -> str:
    """Return what each database is now, and what to type; `began` says when the restore did."""
    left = "; ".join(
        f"{name} is {'now ' if outcome is PendingOutcome.NEW else ''}{outcome}" for name, outcome in pending.databases
    )
    return (
        f"The restore of {pending.source}, asked for by {pending.requested_by} on {began}, was cut off: {left}."
        f" {_what_to_do({outcome for _, outcome in pending.databases}, safety_id)}"
    )


def _what_to_do(outcomes: set[PendingOutcome], safety_id: int | None) -> str:
    if outcomes & {PendingOutcome.UNREADABLE, PendingOutcome.CHANGED}:
        safety = f" What was there before is in backup {safety_id}." if safety_id else ""
        return f"Look at the databases, and restore again where it is needed.{safety}"
    if outcomes == {PendingOutcome.OLD}:
        return "Nothing was changed; restore again."
    if outcomes == {PendingOutcome.NEW}:
        return "It is complete. `sqlite-courier restore --undo` brings back what was there before."
    return "Restore again to finish it, or `sqlite-courier restore --undo` to bring back what was there before."
