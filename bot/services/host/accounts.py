"""Knows the accounts of the machine: whose a file is, and commands run as somebody else."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from bot.errors import NotFoundError

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def me() -> str:
    """Return the name of the account that this process runs as."""
    if sys.platform == "win32":
        domain = os.environ.get("USERDOMAIN", "")
        return f"{domain}\\{getpass.getuser()}" if domain else getpass.getuser()
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a number without a name, as containers have them
        return str(os.geteuid())


def owner_of(path: Path) -> str:
    """Return whose a file or folder is; who is looking, on Windows. Raises `OSError`."""
    if sys.platform == "win32":
        path.stat()
        return me()
    import pwd  # noqa: PLC0415

    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def require_user(name: str) -> None:
    """Raise `NotFoundError` where the machine knows no such account."""
    if sys.platform == "win32" or name == me():
        return
    import pwd  # noqa: PLC0415

    try:
        pwd.getpwnam(name)
    except KeyError:
        raise NotFoundError(
            f"There is no user {name} on this machine.", hint="Name the owner of your databases with --as."
        ) from None


def hand_over(path: Path, user: str) -> None:
    """Give a file or folder to a user. Raises `OSError`."""
    if sys.platform != "win32" and user != me():
        import pwd  # noqa: PLC0415

        known = pwd.getpwnam(user)
        os.chown(path, known.pw_uid, known.pw_gid)


def to_close(path: Path, user: str) -> str:
    """Return the commands that let a user alone read a file. Raises `OSError`."""
    chmod = f"chmod 600 {shlex.quote(str(path))}"
    return chmod if owner_of(path) == user else f"chown {user} {shlex.quote(str(path))} && {chmod}"


def run_as(
    user: str, command: Sequence[str], *, folder: Path, token_file: Path | None = None, within: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, in a folder; only root runs one as somebody else.

    A token file that the user can't read is handed over as systemd does it. Raises `OSError`, `TimeoutExpired`.
    """
    if sys.platform == "win32" or user == me():
        return _run(command, folder, dict(os.environ), within, {})
    import pwd  # noqa: PLC0415

    known = pwd.getpwnam(user)
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "COLUMNS") if name in os.environ}
    environment |= {"HOME": known.pw_dir, "USER": user, "LOGNAME": user}
    groups = os.getgrouplist(user, known.pw_gid)
    with tempfile.TemporaryDirectory(prefix="sqlite-courier-") as private:
        hand_over(Path(private), user)
        if token_file is not None:
            copy = Path(private) / "bot_token"
            copy.touch(mode=0o600)
            copy.write_bytes(token_file.read_bytes())
            hand_over(copy, user)
            environment["BOT_TOKEN_FILE"] = str(copy)
        ids = Ids(user=known.pw_uid, group=known.pw_gid, extra_groups=groups)
        return _run(command, folder, environment, within, ids)


def fault_of_running(user: str, folder: Path) -> str:
    """Return why a user can't run this program in a folder, without a full stop; empty where they can. Blocking."""
    try:
        done = run_as(user, (sys.executable, "-P", "-c", "import bot"), folder=folder)
    except OSError as error:
        said = error.strerror or str(error)
    except subprocess.TimeoutExpired:
        said = "it does not end"
    else:
        said = (done.stderr.strip() or "it fails").splitlines()[-1] if done.returncode else ""
    return f"{user} can't run {sys.executable} in {folder}: {said}" if said else ""


class Ids(TypedDict, total=False):
    """As whom a process is begun; as this one, where it is empty."""

    user: int
    group: int
    extra_groups: list[int]


def _run(
    command: Sequence[str], folder: Path, environment: dict[str, str], within: float, ids: Ids
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the command is ours
        [*command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        encoding="utf-8", errors="replace", check=False, timeout=within, **ids,
    )  # fmt: skip
