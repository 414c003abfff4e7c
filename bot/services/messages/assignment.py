"""Decides which chats receive a new backup, and why the others don't: a pure function that leaves no backup unsent.

Whatever people choose, three things hold: every chat gets one archive a day, so that each chat alone can bring
everything back; nothing is called unchanged that this chat does not have and the disk does not hold; and a backup that
nobody asked for still goes to one chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from bot.models import (
    DEFAULT_CHOICE,
    Backup,
    DeliveryReason,
    MessageChoice,
    MessageMode,
    Reason,
    Recipient,
    WhenUnchanged,
)

_DUE = (DeliveryReason.EVERY, DeliveryReason.ASKED, DeliveryReason.FIRST_OF_DAY, DeliveryReason.NOBODY_ELSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """A chat as it stands before a backup goes out.

    `last` is the newest backup that was delivered there whole and not deleted there since; `on_disk` says whether its
    archive is really there. `asked` marks the chat in which somebody asked for this very backup.
    """

    recipient: Recipient
    choice: MessageChoice = DEFAULT_CHOICE
    last: Backup | None = None
    on_disk: bool = False
    parked: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDecision:
    """What is decided for one chat. `same_as` names the backup there that holds the same bytes."""

    recipient: Recipient
    why: DeliveryReason
    same_as: int | None = None

    @property
    def due(self) -> bool:
        return self.why in _DUE

    @property
    def reason(self) -> Reason:
        """What the ledger says of one that is not due."""
        return Reason(self.why, () if self.same_as is None else (("backup", self.same_as),))


def is_same(older: Backup, newer: Backup) -> bool:
    """Tell whether `newer` holds exactly what `older` does: the same databases, byte for byte, and none was skipped."""
    if newer.skipped or older.skipped or not older.proven or not newer.databases:
        return False
    return {(d.name, d.path, d.sha256) for d in older.databases} == {
        (d.name, d.path, d.sha256) for d in newer.databases
    }


def decide_recipients(
    backup: Backup, contexts: Sequence[DeliveryContext], *, unchanged: WhenUnchanged, routine: bool, timezone: ZoneInfo
) -> tuple[DeliveryDecision, ...]:
    """Decide for every recipient, in the order given. `routine` is what nobody asked for: the planned runs.

    A backup that lacks a database is never called unchanged. What an object store or a mailbox gets spares no chat.
    """
    may_skip = routine and unchanged is not WhenUnchanged.SEND
    decisions = [
        _decide(backup, context, may_skip=may_skip, routine=routine, timezone=timezone) for context in contexts
    ]
    already_held = (
        may_skip and same_bytes(backup, [context for context in in_chats(contexts) if not context.parked]) is not None
    )
    takers = [
        context for decision, context in zip(decisions, contexts, strict=True) if decision.due and not context.parked
    ]
    if not already_held and not in_chats(takers):
        spared = in_chats(context for decision, context in zip(decisions, contexts, strict=True) if not decision.due)
        if (fallback := fallback_recipient(spared)) is not None:
            at = next(index for index, decision in enumerate(decisions) if decision.recipient == fallback)
            decisions[at] = DeliveryDecision(recipient=fallback, why=DeliveryReason.NOBODY_ELSE)
    return tuple(decisions)


def same_bytes(backup: Backup, contexts: Sequence[DeliveryContext]) -> int | None:
    """Return the newest backup that some chat and the disk hold with the same databases, byte for byte."""
    return max(
        (context.last.id for context in contexts if context.last is not None and _has_same(context, backup)),
        default=None,
    )


def in_chats(contexts: Iterable[DeliveryContext]) -> list[DeliveryContext]:
    """Leave out what is no chat: from chats alone everything can be had back."""
    return [context for context in contexts if context.recipient.is_chat]


def fallback_recipient(contexts: Sequence[DeliveryContext]) -> Recipient | None:
    """Return the chat that takes a backup which is due to nobody; None when none of them can be reached.

    Who wants a digest rather than who wants trouble only, and always the same one: the first in the settings.
    """
    reachable = [context for context in contexts if not context.parked]
    chosen = min(reachable, key=lambda context: context.choice.mode is MessageMode.TROUBLE, default=None)
    return chosen.recipient if chosen else None


def _decide(
    backup: Backup, context: DeliveryContext, *, may_skip: bool, routine: bool, timezone: ZoneInfo
) -> DeliveryDecision:
    def decided(why: DeliveryReason, same_as: int | None = None) -> DeliveryDecision:
        return DeliveryDecision(recipient=context.recipient, why=why, same_as=same_as)

    if context.asked:
        return decided(DeliveryReason.ASKED)
    if context.last is None or _day(context.last, timezone) < _day(backup, timezone):
        return decided(DeliveryReason.FIRST_OF_DAY if context.choice != DEFAULT_CHOICE else DeliveryReason.EVERY)
    if context.choice.mode is not MessageMode.EVERY:
        return decided(DeliveryReason.DIGEST if context.choice.mode is MessageMode.DIGEST else DeliveryReason.TROUBLE)
    if may_skip and _has_same(context, backup):
        return decided(DeliveryReason.UNCHANGED, context.last.id)
    if routine and context.on_disk and _holds_what_is_followed(context.last, backup, context.choice):
        return decided(DeliveryReason.DATABASES)
    return decided(DeliveryReason.EVERY)


def _has_same(context: DeliveryContext, backup: Backup) -> bool:
    return context.last is not None and context.on_disk and is_same(context.last, backup)


def _holds_what_is_followed(last: Backup, backup: Backup, choice: MessageChoice) -> bool:
    """Whether the chat's newest archive has the chosen databases as they are now; one that left is no news either."""
    if choice.databases is None:
        return False
    then = {(d.name, d.path): d.sha256 for d in last.databases}
    return all(
        then.get((database.name, database.path)) == database.sha256
        for database in backup.databases
        if database.name in choice.databases
    )


def _day(backup: Backup, timezone: ZoneInfo) -> date:
    return backup.started_at.astimezone(timezone).date()
