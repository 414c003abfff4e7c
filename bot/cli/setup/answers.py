"""Holds what was answered on the command line, and what setup is going to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.config.settings import Settings
from bot.models import BotIdentity, Recipient

WAIT = "wait"
"""In the place of a number: whoever opens the one-time link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupAnswers:
    """The options of `setup`, as they were typed; None and empty lists are not answered."""

    token_file: Path | None = None
    take_over: bool | None = None
    proxy: str = ""
    admins: Sequence[str] = ()
    remove_admins: Sequence[int] = ()
    places: Sequence[str] = ()
    remove_places: Sequence[str] = ()
    databases: Sequence[str] = ()
    remove_databases: Sequence[str] = ()
    seal: bool | None = None
    key_file: Path | None = None
    bot_name: str = ""
    yes: bool = False
    backup: bool | None = None
    service: bool | None = None

    @property
    def changes(self) -> bool:
        """Whether any of them says what is to be changed."""
        return bool(
            self.token_file
            or self.proxy
            or self.admins
            or self.remove_admins
            or self.places
            or self.remove_places
            or self.databases
            or self.remove_databases
            or self.seal
            or self.bot_name
        )


@dataclass(slots=True, kw_only=True)
class Draft:
    """What setup has learned so far; nothing of it is written before everything is known.

    `text` is the .env as it is, `values` are the settings that change (None takes one out), `files` the private files
    beside it by their paths. `settings` are those in force without the answers.
    """

    env_file: Path
    text: str | None
    settings: Settings
    values: dict[str, str | None] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)
    token: str = ""
    account: BotIdentity | None = None
    owner: str = ""
    """As whom the service is to run: who owns the databases, where root sets up."""
    names: dict[Recipient, str] = field(default_factory=dict)
    """Who arrived, and what they are called."""

    def given(self, name: str) -> str:
        """Return a setting as it is going to be written, or stands there now; empty where it is not set."""
        if name in self.values:
            return self.values[name] or ""
        return self.settings.given.texts.get(name, "")

    @property
    def begun(self) -> bool:
        """Whether there was an .env that a service could run with."""
        return all(self.settings.given.texts.get(name) for name in ("BOT_TOKEN", "ADMIN_IDS", "DATABASES"))
