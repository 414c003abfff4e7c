"""Installs the service on this machine, and removes it again: what `install` wrote, and nothing else."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bot.errors import MachineError
from bot.services.files.private_file import replace_whole
from bot.services.host import accounts
from bot.services.host.commands import last_words, run
from bot.services.host.installation import MARK, Command, Installation, Recipe, Registration, Starter
from bot.services.host.machine import manager_runs


def install(recipe: Recipe, installation: Installation, *, tell: Callable[[str], None]) -> None:
    """Write the file and have the service begun; `tell` hears each step. Raises `MachineError`.

    Nothing is written where somebody else's file is in the way, or the service could not read its settings as its user.
    """
    place = recipe.registration
    require_manager(place)
    if place.file.is_file() and MARK not in place.text:
        raise MachineError(
            f"{place.file} is there and was not written by `service install`.",
            hint="Choose another name with --name, or move that file away.",
        )
    try:
        for folder in installation.own:
            _make(folder, installation.user)
        check_as_user(installation)
        again = place.file.is_file()
        place.file.parent.mkdir(parents=True, exist_ok=True)
        if again and place.kind is not Starter.SYSTEMD:  # which takes a new unit over by itself
            for command in place.end:
                run(command)
        replace_whole(place.file, recipe.content)
        place.file.chmod(0o644)  # no secret is in it, and everybody may ask what runs here
    except OSError as error:
        raise MachineError(
            f"{error.filename or place.file} can't be written: {error.strerror}.", hint=_as_administrator(place)
        ) from None
    tell(f"wrote {place.file}")
    for command in recipe.begin:
        _require(command, f"{place.file} is written, but then")
        tell(f"ran {shlex.join(command)}")


def check_as_user(installation: Installation) -> None:
    """Read the settings as the service will, as its user. Raises `MachineError`; who is not root checks only itself."""
    if installation.user != accounts.me() and not accounts.IS_ROOT:
        return
    command = (*installation.courier, "config", "--json", "--env-file", str(installation.env_file))
    try:
        done = accounts.run_as(
            installation.user, command, folder=installation.folder, token_file=installation.token_file
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said = getattr(error, "strerror", "") or str(error)
        raise MachineError(
            f"{installation.user} can't run {installation.courier[0]} in {installation.folder}: {said}.",
            hint="Install it where that user may read, or choose another one with --as.",
        ) from None
    if done.returncode != 0:
        raise MachineError(
            f"As {installation.user} the settings can't be read: {last_words(done)}",
            hint=f"Let {installation.user} read {installation.env_file} (chown, chmod), or choose another with --as.",
        )


def uninstall(place: Registration, *, tell: Callable[[str], None]) -> None:
    """End the service and remove the file that `install` wrote, and nothing else. Raises `MachineError`."""
    try:
        if MARK not in place.text:
            raise MachineError(
                f"{place.file} was not written by `service install`, and is left alone.",
                hint=f"Who wrote it knows how to remove it: {shlex.join(place.end[0])}, then delete the file.",
            )
        for command in place.end if manager_runs(place.kind) else ():
            _require(command, f"{place.file} is left:")
            tell(f"ran {shlex.join(command)}")
        place.file.unlink()
    except OSError as error:
        raise MachineError(f"{place.file} can't be removed: {error.strerror}.", hint=_as_administrator(place)) from None
    tell(f"removed {place.file}")
    for command in place.removed if manager_runs(place.kind) else ():
        tell(f"ran {shlex.join(command)}")
        run(command)


def _make(folder: Path, user: str) -> None:
    """Make a folder of our own and its parents, private and that user's; one that exists keeps its owner."""
    if not folder.exists():
        _make(folder.parent, user)
        folder.mkdir(mode=0o700)
        accounts.hand_over(folder, user)


def require_manager(place: Registration) -> None:
    """Raise `MachineError` where nothing could begin a service here, or only root may have it begun."""
    if not manager_runs(place.kind):
        raise MachineError(
            "This machine is not run by systemd, so nothing here starts the service.",
            hint="In a container its restart policy does; `--dry-run` prints the unit for elsewhere.",
        )
    if place.kind is not Starter.WINDOWS and place.system and not accounts.IS_ROOT:
        raise MachineError(f"{place.file} is written by root alone.", hint=_as_administrator(place))


def _as_administrator(place: Registration) -> str:
    if not place.system:
        return "Give that folder to your own user."
    again = shlex.join([sys.executable, "-P", "-m", "bot", *sys.argv[1:]])
    return "Run it in a terminal of an administrator." if place.kind is Starter.WINDOWS else f"sudo {again}"


def _require(command: Command, otherwise: str) -> None:
    done = run(command)
    if done.returncode != 0:
        raise MachineError(
            f"{otherwise} {shlex.join(command)} failed: {last_words(done)}", hint="`sqlite-courier doctor` says more."
        )
