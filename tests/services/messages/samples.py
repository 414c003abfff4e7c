"""Backups and deliveries for plans that need no disk."""

from datetime import datetime

from bot.models import BackedUp, Backup, Delivery, DeliveryState, Recipient, SentVolume, Trigger
from tests.world import samples
from tests.world.values import NOON, backed_up

ANN, BEN, TEAM = Recipient(chat_id=11), Recipient(chat_id=12), Recipient(chat_id=-1001, thread_id=7)


def held(name: str, content: str = "a") -> BackedUp:
    """A database of that content."""
    return backed_up(name, sha256=content * 64)


def backup(
    id: int,
    at: datetime = NOON,
    *,
    skipped: bool = False,
    trigger: Trigger = Trigger.SCHEDULE,
    on_disk: bool = True,
    pinned: bool = False,
    **contents: str,
) -> Backup:
    """A proven backup of databases by name and content: `users="a"`."""
    databases = (held(f"{name}.db", content) for name, content in (contents or {"users": "a"}).items())
    return samples.backup(
        id,
        started_at=at,
        trigger=trigger,
        archive_name=f"database_backup_{at:%Y%m%d_%H%M%S}.zip",
        databases=tuple(databases),
        skipped=(samples.skipped("gone.db"),) * skipped,
        on_disk=on_disk,
        pinned=pinned,
    )


def sent(backup: Backup, to: Recipient = ANN, *, volumes: int = 1, gone: int = 0, undeletable: str = "") -> Delivery:
    """A complete delivery, of which the first `gone` volumes were deleted since."""
    return Delivery(
        backup_id=backup.id,
        recipient=to,
        state=DeliveryState.SENT,
        sent_at=backup.started_at,
        volumes=tuple(
            SentVolume(
                number=number,
                message_id=backup.id * 100 + number,
                sent_at=backup.started_at,
                deleted_at=backup.started_at if number <= gone else None,
                undeletable=undeletable,
            )
            for number in range(1, volumes + 1)
        ),
    )
