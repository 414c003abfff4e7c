"""Holds what every restore works with: the store, the catalogue, the keys and the timeouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bot.clock import Clock
from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.models import DatabaseChange, Facts, RestorePlan
from bot.services.catalogue import Catalogue
from bot.services.files.own_folders import NOTHING_OWN, OwnFolders
from bot.services.files.store import Store
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.replacement import Replacement
from bot.services.sealing.keys import NO_KEYS, Keys, Seal

StepHook = Callable[[str], None]


def no_hook(_step: str) -> None:
    """Let a step pass. Tests stop a process dead at a step of their choice instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreContext:
    """The parts that a restore needs of the product. `host` and `timezone` go into the manifest of safety copies.

    Safety copies are sealed with `seal`; `keys` open what is brought. Nothing is ever restored into what is `own`.
    `active` are files that an application wrote to while a plan for them was shown, each with a sentence about it.
    """

    store: Store
    catalogue: Catalogue
    busy_timeout: float
    host: str
    timezone: str
    clock: Clock
    on_step: StepHook = no_hook
    seal: Seal | None = None
    keys: Keys = NO_KEYS
    own: OwnFolders = NOTHING_OWN
    active: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, store: Store, catalogue: Catalogue, *, clock: Clock) -> Self:
        """Return what restores by these settings work with. Reads the file of keys: once for all of them."""
        return cls(
            store=store,
            catalogue=catalogue,
            busy_timeout=settings.busy_timeout,
            host=settings.server,
            timezone=settings.timezone.key,
            clock=clock,
            seal=settings.seal,
            keys=settings.keys,
            own=own_folders(settings),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, and in the private folder `scratch` all that is needed to act on it.

    `takes_back` holds, for an undo, the replacements to be taken back, by the name of the database.
    """

    plan: RestorePlan
    intake: Intake
    scratch: Path
    force: bool = False
    takes_back: Mapping[str, Replacement] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        """What is recorded of it: the databases, and the backup or the file that they come from."""
        names = tuple(("database", change.name) for change in self.plan.changes)
        if self.plan.backup_id is not None:
            return (*names, ("backup", self.plan.backup_id))
        return (*names, ("archive", self.intake.file)) if self.intake.file else names

    def incoming(self, change: DatabaseChange) -> Incoming | None:
        """What comes back into that database; None where a former file is only moved back."""
        return next((one for one in self.intake.databases if one.name == change.name), None)
