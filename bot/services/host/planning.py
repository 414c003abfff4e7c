"""Plans how the service starts with this machine: as whom, from where, and which folders it writes to."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.config.folders import own_folders
from bot.config.settings import Settings
from bot.errors import NotFoundError, SettingsError
from bot.models import Database
from bot.services.host import accounts
from bot.services.host.installation import DEFAULT_NAME, Installation
from bot.services.snapshot.patterns import absolute, is_glob

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")


def plan_installation(
    settings: Settings,
    databases: Sequence[Database],
    *,
    env_file: Path,
    name: str = DEFAULT_NAME,
    system: bool | None = None,
    user: str = "",
) -> Installation:
    """Plan to start the service from the folder of this process, with this interpreter and these settings.

    Without `system` it is for the machine where root asks or Windows is, else for who asks. Without a `user` it runs
    as the owner of the databases. Raises `SettingsError`, `NotFoundError`.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError((f"{name!r} is no name for a service: use letters, digits, dots and dashes.",))
    _require_kept(settings, env_file)
    if system is None:
        system = accounts.IS_ROOT or sys.platform == "win32"
    if not system and user not in ("", accounts.me()):
        raise SettingsError(
            (f"A service of your own runs as you ({accounts.me()}), and not as {user}.",),
            hint="Leave --user out to install it for the machine.",
        )
    chosen = user or (owner_of_all(databases) if system else accounts.me())
    accounts.require_user(chosen)
    token = settings.given.texts.get("BOT_TOKEN_FILE", "")
    own = tuple(folder for _, folder in own_folders(settings).folders)
    return Installation(
        name=name,
        # -P: the folder may hold a package called `bot` of somebody else.
        courier=(sys.executable, "-P", "-m", "bot"),
        env_file=env_file.absolute(),
        folder=Path.cwd(),
        user=chosen,
        system=system,
        own=own,
        writable=writable_folders(settings, databases),
        token_file=Path(token).expanduser().absolute() if token else None,
    )


def owner_of_all(databases: Iterable[Database]) -> str:
    """Return whom all databases belong to. Raises `NotFoundError` without any, `SettingsError` where they differ."""
    owners: dict[str, Path] = {}
    for database in databases:
        owners.setdefault(accounts.owner_of(database.path), database.path)
    if not owners:
        raise NotFoundError(
            "None of the DATABASES is there now, so it can't be told as whom the service should run.",
            hint="Name their owner with --as.",
        )
    if len(owners) > 1:
        named = ", ".join(f"{path} to {owner}" for owner, path in owners.items())
        raise SettingsError(
            (f"The databases belong to different users: {named}.",),
            hint="Name one with --as that may read them all, or install a service for each with --name and --env-file.",
        )
    return next(iter(owners))


def writable_folders(settings: Settings, databases: Iterable[Database]) -> tuple[Path, ...]:
    """Return the folders that the service writes to, none inside another, sorted.

    Those of the databases are among them: a log in WAL mode lies beside its database, also while it is only read. Of a
    glob it is the deepest folder that all it can match lie in, unless that is a folder at the root.
    """
    wanted = {folder for _, folder in own_folders(settings).folders}
    wanted |= {database.path.resolve().parent for database in databases}
    for pattern in settings.databases:
        wanted |= {folder for folder in (_base(pattern),) if len(folder.parts) > 2 or not is_glob(pattern)}
    return tuple(folder for folder in sorted(wanted) if not wanted & {*folder.parents})


def _base(pattern: str) -> Path:
    path = absolute(pattern)
    if not is_glob(pattern):
        return path.parent
    while is_glob(str(path)):
        path = path.parent
    return path


def _require_kept(settings: Settings, env_file: Path) -> None:
    """Raise `SettingsError` where the service would not see what this process has its settings from."""
    if not env_file.is_file():
        raise SettingsError(
            (f"There is no {env_file.absolute()}: the service would start without settings.",),
            hint="Copy .env.example to it and fill it in, or name another with --env-file.",
        )
    places = settings.given.places
    fleeting = sorted(name for name, place in places.items() if place == "environment")
    if fleeting:
        raise SettingsError(
            (f"{', '.join(fleeting)}: set in this shell's environment alone, which the service does not see.",),
            hint=f"Write it into {env_file}.",
        )
