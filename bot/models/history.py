"""History: past backups page by page, and one of them in detail."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models.backups import Backup
from bot.models.deliveries import Delivery
from bot.models.drills import Drill
from bot.models.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPage:
    """A page of the history, newest first. `page` counts from 0."""

    backups: tuple[Backup, ...]
    page: int
    pages: int
    total: int
    by_rule: frozenset[int] = frozenset()  # the ids of those that a keep rule keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDetails:
    """A backup with its deliveries, and why retention keeps or will drop it, a `RetentionCode`."""

    backup: Backup
    deliveries: tuple[Delivery, ...]
    retention: Reason
    volumes: int
    drills: tuple[Drill, ...] = ()  # newest first
    restorable: bool = False  # its archive is on the disk, or Telegram holds all of it
