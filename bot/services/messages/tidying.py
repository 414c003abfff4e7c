"""Decides which of the bot's archive messages to delete from chats, and why others stay: pure, with floors.

The disk holds what goes; the chats keep what a new machine would need. Days are UTC days here, as in the pinned list of
restore points, whose promise this plan must not break: the last restore point of each day, and the newest one of each
database, stay in every chat that has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bot.models import Backup, Delivery, Recipient, Trigger
from bot.services.catalogue.newest import newest_first

DELETABLE = timedelta(hours=48) - timedelta(minutes=2)
"""Telegram deletes only younger messages (https://core.telegram.org/bots/api#deletemessage); with time for the call."""

ROUTINE = (Trigger.SCHEDULE, Trigger.CATCH_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyDecision:
    """What becomes of one backup's messages in one chat, all volumes alike; `why` is a phrase for people."""

    delivery: Delivery
    delete: bool
    why: str


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

        def stays(why: str) -> TidyDecision:
            return TidyDecision(delivery=delivery, delete=False, why=why)

        if not left:
            return stays("already deleted")
        if refusal := next((volume.undeletable for volume in left if volume.undeletable), ""):
            return stays(f"Telegram does not delete it: {refusal}")
        if now - oldest >= DELETABLE:
            return stays("too old: Telegram deletes nothing after 48 hours")
        if len(left) < len(delivery.volumes):
            return TidyDecision(delivery=delivery, delete=True, why="the rest of an archive that is half deleted")
        if keep is None:
            return stays("nothing is tidied")
        if backup.trigger not in ROUTINE:
            return stays("somebody asked for it")
        if backup.pinned:
            return stays("pinned")
        if not backup.sound:
            return stays("only in the chat")
        if newest.get(delivery.recipient) == backup.id:
            return stays("the newest in this chat")
        if reason := needed.get(backup.id):
            return stays(reason)
        if backup.id in last_of_day.get(delivery.recipient, ()):
            return stays("the last of its day in this chat")
        if now - latest < keep:
            return stays("not old enough")
        return TidyDecision(delivery=delivery, delete=True, why=f"older than {keep / timedelta(hours=1):g} hours")

    return tuple(decide(delivery) for delivery in delivered)


def _newest_first(backups: Iterable[Backup], now: datetime) -> tuple[Backup, ...]:
    return newest_first(backups, now=now, at=lambda backup: backup.started_at, then=lambda backup: backup.id)


def _day(backup: Backup) -> date:
    return backup.started_at.astimezone(UTC).date()


def _needed(ids: Collection[int], backups: Mapping[int, Backup], now: datetime) -> dict[int, str]:
    """Return the backups that the pinned list must be able to bring back from the chats, each with its reason."""
    reasons: dict[int, str] = {}
    days: set[date] = set()
    names: set[str] = set()
    for backup in _newest_first((backups[id] for id in ids), now):
        held = {database.name for database in backup.databases}
        if held - names:
            reasons[backup.id] = "the newest restore point of a database"
        elif _day(backup) not in days:
            reasons[backup.id] = "the last restore point of its day"
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
