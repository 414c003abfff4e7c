"""Runs under way, backups or restores: stages, progress, outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.models.backups import Backup, Trigger
from bot.models.deliveries import Delivery
from bot.models.restores import RestoreProgress, StageProgress


class Stage(StrEnum):
    """Where a run stands, in order."""

    STARTING = "starting"
    SNAPSHOT = "snapshot"
    CHECK = "check and compress"
    PROVE = "prove"
    DELIVER = "deliver"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(StageProgress):
    """A progress event of a backup."""

    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInProgress:
    """The run under way, a backup or a restore; `here` is false when another process has it."""

    started_at: datetime
    trigger: Trigger
    requested_by: str
    progress: Progress | RestoreProgress
    here: bool = True

    @property
    def is_restore(self) -> bool:
        return isinstance(self.progress, RestoreProgress)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to: the backup as catalogued and its deliveries, recipient by recipient."""

    backup: Backup
    deliveries: tuple[Delivery, ...] = ()


ReportBytes = Callable[[int, int], None]
"""Takes the bytes that are done, and the bytes in all."""
ReportRun = Callable[[Progress], None]
ReportRestore = Callable[[RestoreProgress], None]
