"""Knows what starts the services of this machine, where it keeps ours, and what it says of it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bot.services.host import accounts, launchd, systemd, windows
from bot.services.host.commands import run
from bot.services.host.installation import MARK, Installation, Recipe, Registration, Starter

_SYSTEMD_RUNS = Path("/run/systemd/system")
_PROCESSES = Path("/proc")
_ASKED = "ActiveState,UnitFileState,StatusText,Result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A service as the machine knows it. `state` is the machine's own word, `detail` what the service says of itself.

    Where the machine does not tell what became of it, `state` is empty. `ours` is whether `install` wrote its file.
    """

    kind: Starter
    name: str
    system: bool
    file: Path
    ours: bool
    user: str
    state: str
    active: bool | None
    starts_with_machine: bool | None
    detail: str = ""


def kind_of_machine() -> Starter:
    """Return what starts services here; systemd on all but Windows and macOS, be it there or not."""
    return {"win32": Starter.WINDOWS, "darwin": Starter.LAUNCHD}.get(sys.platform, Starter.SYSTEMD)


def recipe_for(installation: Installation) -> Recipe:
    """Return what is written and run on this machine. Raises `SettingsError` for what can't be written."""
    match kind_of_machine():
        case Starter.WINDOWS:
            return windows.recipe(installation)
        case Starter.LAUNCHD:
            return launchd.recipe(installation, home=_home(), uid=_uid())
        case Starter.SYSTEMD:
            return systemd.recipe(installation, home=_home(), version=_systemd_version())


def registration(name: str, *, system: bool) -> Registration:
    """Return where this machine keeps a service of that name."""
    match kind_of_machine():
        case Starter.WINDOWS:
            return windows.registration(name, system=system, folder=Path.cwd())
        case Starter.LAUNCHD:
            return launchd.registration(name, system=system, home=_home(), uid=_uid())
        case Starter.SYSTEMD:
            return systemd.registration(name, system=system, home=_home())


def _home() -> Path:
    """Return the home folder of who asks; one that is not there for a user without any, as containers have them."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def find(name: str, *, system: bool | None = None) -> Registration | None:
    """Return the service of that name which there is: that of the machine before that of who asks."""
    places = [registration(name, system=each) for each in (True, False) if system in (None, each)]
    return next((place for place in places if os.path.isfile(place.file)), None)  # noqa: PTH113 - see of_settings


def of_settings(env_file: Path) -> Registration | None:
    """Return the service that is started with these settings, whatever its name. Blocking."""
    for system in (True, False):
        example = registration("x", system=system).file
        end = example.name.removeprefix("x")
        files: list[Path] = []
        with suppress(PermissionError):  # of the home folder that a container was started with: root's
            files = sorted(example.parent.glob(f"*{end}"))
        for file in files:
            place = registration(file.name.removesuffix(end), system=system)
            with suppress(OSError):
                if serves(place, env_file):
                    return place
    return None


# --- asking -------------------------------------------------------------------------------------------------------


def manager_runs(kind: Starter) -> bool:
    """Tell whether what would start the service runs on this machine."""
    return kind is not Starter.SYSTEMD or _SYSTEMD_RUNS.is_dir()


def ask(place: Registration) -> Registered:
    """Return what the machine knows of a service whose file is there. Blocking."""
    text = place.text
    known = Registered(
        kind=place.kind,
        name=place.name,
        system=place.system,
        file=place.file,
        ours=MARK in text,
        user=_user_in(text) or accounts.owner_of(place.file),
        state="",
        active=None,
        starts_with_machine=None,
    )
    return known if place.kind is not Starter.SYSTEMD or not manager_runs(place.kind) else _ask_systemd(known)


def serves(place: Registration, env_file: Path) -> bool:
    """Tell whether a service is the one of these settings."""
    return str(env_file.absolute()).replace("%", "%%") in place.text


def unit_of(pid: int) -> str | None:
    """Return the unit of systemd that a process runs in, such as `courier.service`; empty where it was started by hand.

    None where that can't be told.
    """
    try:
        groups = (_PROCESSES / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    within = [group.split(":", 2)[2] for group in groups if group.startswith(("0::", "1:name=systemd:"))]
    unit = within[-1].rpartition("/")[2] if within else ""
    return unit if unit.endswith(".service") else ""


def _ask_systemd(known: Registered) -> Registered:
    shown = run((*systemd.control(system=known.system), "show", f"{known.name}.service", f"--property={_ASKED}"))
    found = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
    if shown.returncode != 0 or "ActiveState" not in found:
        return known
    state = found["ActiveState"]
    failed = f" ({found['Result']})" if state == "failed" and found.get("Result") else ""
    return replace(
        known,
        state=f"{state}{failed}",
        active=state in ("active", "reloading"),
        starts_with_machine=found.get("UnitFileState", "").startswith("enabled"),
        detail=found.get("StatusText", ""),
    )


def _user_in(text: str) -> str:
    """Return whom a file names as the service's user; empty where it names none."""
    found = re.search(r"^User=(\S+)|<key>UserName</key>\s*<string>([^<]+)|<UserId>([^<]+)", text, flags=re.MULTILINE)
    return next(filter(None, found.groups()), "") if found else ""


def _systemd_version() -> int:
    """Return the version of systemd; 0 where it can't be told."""
    if shutil.which("systemctl") is None:
        return 0
    found = re.match(r"systemd (\d+)", run(("systemctl", "--version")).stdout)
    return int(found[1]) if found else 0


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
