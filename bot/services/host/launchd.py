"""Writes the property list that macOS starts the service by."""

from __future__ import annotations

from pathlib import Path

from bot.services.host.installation import MARK, Installation, Recipe, Registration, Starter


def registration(name: str, *, system: bool, home: Path, uid: int) -> Registration:
    """Return where the property list of a name is: that of a daemon, or of an agent of the `uid`."""
    folder = Path("/Library/LaunchDaemons") if system else home / "Library/LaunchAgents"
    return Registration(
        kind=Starter.LAUNCHD,
        name=name,
        system=system,
        file=folder / f"{name}.plist",
        end=(("launchctl", "bootout", f"{domain(system=system, uid=uid)}/{name}"),),
    )


def domain(*, system: bool, uid: int) -> str:
    """Return where launchd keeps the services of the machine, or of a user."""
    return "system" if system else f"gui/{uid}"


def recipe(installation: Installation, *, home: Path, uid: int) -> Recipe:
    """Return the property list and the command that begins it."""
    place = registration(installation.name, system=installation.system, home=home, uid=uid)
    return Recipe(
        registration=place,
        content=property_list(installation),
        begin=(("launchctl", "bootstrap", domain(system=installation.system, uid=uid), str(place.file)),),
        notes=() if installation.system else ("It runs while you are logged in.",),
    )


def property_list(installation: Installation) -> bytes:
    """Return the property list: at start, begun again unless it ended in order, 30 s apart."""
    job: dict[str, object] = {
        "Label": installation.name,
        "ProgramArguments": list(installation.program),
        "WorkingDirectory": str(installation.folder),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        # A restore under way is waited for.
        "ExitTimeOut": 120,
    }
    if installation.system:
        job["UserName"] = installation.user
    import plistlib  # noqa: PLC0415 - it brings a parser of XML, and only macOS writes such a file

    head, plist, rest = plistlib.dumps(job, sort_keys=False).partition(b"<plist")
    return head + f"<!-- {MARK} -->\n".encode() + plist + rest
