"""Decides which of the bot's archive messages to delete from chats, and why others stay: pure, with floors.

The disk holds what goes; the chats keep what a new machine would need. Days are UTC days here, as in the pinned list of
restore points, whose promise this plan must not break: the last restore point of each day, and the newest one of each
database, stay in every chat that has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from bot.models import Backup, Delivery, Recipient, Trigger
from bot.services.catalogue.newest import newest_first

DELETABLE = timedelta(hours=48) - timedelta(minutes=2)
"""Telegram deletes only younger messages (https://core.telegram.org/bots/api#deletemessage); with time for the call."""

ROUTINE = (Trigger.SCHEDULE, Trigger.CATCH_UP)


class TidyReason(StrEnum):
    """Why messages stay in a chat, or go."""

    ALREADY_DELETED = "already deleted"
    UNDELETABLE = "undeletable"
    TOO_OLD = "too old"  # for Telegram to delete them
    NO_TIDYING = "no tidying"
    ASKED_FOR = "asked for"
    PINNED = "pinned"
    ONLY_THERE = "only there"
    NEWEST_THERE = "newest there"
    NEWEST_OF_DATABASE = "newest of a database"  # of all restore points
    LAST_OF_DAY = "last of its day"  # of all restore points
    LAST_OF_DAY_THERE = "last of its day there"
    TOO_YOUNG = "too young"

    HALF_DELETED = "half deleted"
    OLD = "old"


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyDecision:
    """What becomes of one backup's messages in one chat, all volumes alike, and why."""

    delivery: Delivery
    delete: bool
    why: TidyReason


def plan_tidy(
    delivered: Sequence[Delivery], backups: Mapping[int, Backup], *, now: datetime, keep: timedelta | None
) -> tuple[TidyDecision, ...]:
    """Decide for every delivery that is complete; None keeps everything. Nothing is deleted here.

    `delivered` has to hold all complete deliveries of the days it touches, `backups` what they are of. Messages go only
    as a whole, only while Telegram still deletes them, and only where the archive is on the disk. One that was begun is
    finished: half an archive helps nobody.
    """
    alive = [d for d in delivered if d.volumes and not any(volume.deleted_at for volume in d.volumes)]
    needed = _needed({d.backup_id for d in alive}, backups, now)
    newest, last_of_day = _newest_per_chat(alive, backups, now)

    def decide(delivery: Delivery) -> TidyDecision:
        backup = backups[delivery.backup_id]
        left = [volume for volume in delivery.volumes if not volume.deleted_at]
        oldest = min((volume.sent_at for volume in left), default=now)
        latest = max((volume.sent_at for volume in left), default=now)

        def stays(why: TidyReason) -> TidyDecision:
            return TidyDecision(delivery=delivery, delete=False, why=why)

        if not left:
            return stays(TidyReason.ALREADY_DELETED)
        if any(volume.undeletable for volume in left):
            return stays(TidyReason.UNDELETABLE)
        if now - oldest >= DELETABLE:
            return stays(TidyReason.TOO_OLD)
        if len(left) < len(delivery.volumes):
            return TidyDecision(delivery=delivery, delete=True, why=TidyReason.HALF_DELETED)
        if keep is None:
            return stays(TidyReason.NO_TIDYING)
        if backup.trigger not in ROUTINE:
            return stays(TidyReason.ASKED_FOR)
        if backup.pinned:
            return stays(TidyReason.PINNED)
        if not backup.sound:
            return stays(TidyReason.ONLY_THERE)
        if newest.get(delivery.recipient) == backup.id:
            return stays(TidyReason.NEWEST_THERE)
        if reason := needed.get(backup.id):
            return stays(reason)
        if backup.id in last_of_day.get(delivery.recipient, ()):
            return stays(TidyReason.LAST_OF_DAY_THERE)
        if now - latest < keep:
            return stays(TidyReason.TOO_YOUNG)
        return TidyDecision(delivery=delivery, delete=True, why=TidyReason.OLD)

    return tuple(decide(delivery) for delivery in delivered)


def _newest_first(backups: Iterable[Backup], now: datetime) -> tuple[Backup, ...]:
    return newest_first(backups, now=now, at=lambda backup: backup.started_at, then=lambda backup: backup.id)


def _day(backup: Backup) -> date:
    return backup.started_at.astimezone(UTC).date()


def _needed(ids: Collection[int], backups: Mapping[int, Backup], now: datetime) -> dict[int, TidyReason]:
    """Return the backups that the pinned list must be able to bring back from the chats, each with its reason."""
    reasons: dict[int, TidyReason] = {}
    days: set[date] = set()
    names: set[str] = set()
    for backup in _newest_first((backups[id] for id in ids), now):
        held = {database.name for database in backup.databases}
        if held - names:
            reasons[backup.id] = TidyReason.NEWEST_OF_DATABASE
        elif _day(backup) not in days:
            reasons[backup.id] = TidyReason.LAST_OF_DAY
        names |= held
        days.add(_day(backup))
    return reasons


def _newest_per_chat(
    alive: Sequence[Delivery], backups: Mapping[int, Backup], now: datetime
) -> tuple[dict[Recipient, int], dict[Recipient, set[int]]]:
    newest: dict[Recipient, int] = {}
    last: dict[Recipient, dict[date, int]] = {}
    order = {backup.id: place for place, backup in enumerate(_newest_first(backups.values(), now))}
    for delivery in sorted(alive, key=lambda d: order[d.backup_id]):
        newest.setdefault(delivery.recipient, delivery.backup_id)
        last.setdefault(delivery.recipient, {}).setdefault(_day(backups[delivery.backup_id]), delivery.backup_id)
    return newest, {recipient: set(days.values()) for recipient, days in last.items()}
