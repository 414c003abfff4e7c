"""Writes the unit that systemd starts the service by, in a sandbox in which a live database is read and restored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.errors import SettingsError
from bot.services.host.installation import MARK, Command, Installation, Recipe, Registration, Starter

CREDENTIALS_SINCE = 252
"""The first systemd that the handing over of the token was tried with; `%d` came shortly before it."""

_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp hides

# What needs no mount of its own, so that it holds in a user's manager too.
_PROCESS = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
LimitCORE=0
"""

_MACHINE = """\
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
RemoveIPC=yes
"""


def registration(name: str, *, system: bool, home: Path) -> Registration:
    """Return where the unit of a name is; `home` is the folder of who has it for themselves."""
    folder = Path("/etc/systemd/system") if system else home / ".config/systemd/user"
    return Registration(
        kind=Starter.SYSTEMD,
        name=name,
        system=system,
        file=folder / f"{name}.service",
        end=((*control(system=system), "disable", "--now", f"{name}.service"),),
        removed=((*control(system=system), "daemon-reload"),),
    )


def recipe(installation: Installation, *, home: Path, version: int) -> Recipe:
    """Return the unit and the commands that begin it. Raises `SettingsError` for a path that no unit can hold."""
    unit, ask = f"{installation.name}.service", control(system=installation.system)
    linger: tuple[Command, ...] = () if installation.system else (("loginctl", "enable-linger", installation.user),)
    return Recipe(
        registration=registration(installation.name, system=installation.system, home=home),
        content=unit_text(installation, version=version).encode(),
        begin=((*ask, "daemon-reload"), (*ask, "enable", unit), (*ask, "restart", unit), *linger),
        notes=() if installation.system else ("With the linger it runs while you are logged out, too.",),
    )


def control(*, system: bool) -> Command:
    """Return how the manager of the machine, or of the user, is spoken to."""
    return ("systemctl",) if system else ("systemctl", "--user")


def unit_text(installation: Installation, *, version: int) -> str:
    """Return the unit. Raises `SettingsError` for a path that no unit can hold."""
    system = installation.system
    paths = (installation.folder, installation.env_file, Path(installation.courier[0]), *installation.writable)
    token = installation.token_file if version >= CREDENTIALS_SINCE else None
    for path in (*paths, *filter(None, [token])):
        if not str(path).isprintable():
            raise SettingsError((f"The path {str(path)!r} can't stand in a unit of systemd: rename the folder.",))
    mounts = " ".join(_quoted(path) for path in dict.fromkeys((installation.folder, *installation.writable)))
    temporary = any(path.is_relative_to(place) for path in paths for place in _TEMPORARY)
    lines = [
        f"# {MARK}, which replaces it; `sqlite-courier service uninstall` removes it.",
        "# What is changed here by hand is lost then: `systemctl edit` keeps changes apart.",
        "[Unit]",
        "Description=SQLite Courier: proven backups of SQLite databases",
        *(("Wants=network-online.target", "After=network-online.target time-sync.target") if system else ()),
        f"RequiresMountsFor={mounts}",
        "",
        "[Service]",
        "# Ready when the runs are planned, also while Telegram does not answer.",
        "Type=notify",
        "NotifyAccess=main",
        *((f"User={installation.user}",) if system else ()),
        f"WorkingDirectory={_literal(installation.folder)}",
        f"ExecStart={' '.join(_argument(word) for word in installation.program)}",
        *(
            (
                "# The token is read by systemd, and the service alone sees the copy.",
                f"LoadCredential=bot_token:{_literal(token)}",
                "Environment=BOT_TOKEN_FILE=%d/bot_token",
            )
            if token is not None
            else ()
        ),
        "Restart=on-failure",
        "RestartSec=30",
        "# Settings, another service in the same BACKUP_DIR, a refused token: starting again mends none of them.",
        "RestartPreventExitStatus=2 5 13",
        "# A restore that a crash cut off is put in order first, however long that takes.",
        "TimeoutStartSec=infinity",
        "# A restore under way asks for more time while it lasts.",
        "TimeoutStopSec=30",
        "# Fed while the next run lies ahead.",
        "WatchdogSec=180",
        "WatchdogSignal=SIGTERM",
        "",
        *_sandbox(installation, private_tmp=not temporary),
        "[Install]",
        f"WantedBy={'multi-user' if system else 'default'}.target",
    ]
    return "\n".join(lines) + "\n"


def read_only_in(text: str, folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that a unit of ours lets the service only read; none where it has no sandbox of folders."""
    lines = {*text.splitlines()}
    if "ProtectSystem=strict" not in lines:
        return ()
    return tuple(folder for folder in folders if not _ways_to_write(folder) & lines)


def _ways_to_write(folder: Path) -> set[str]:
    around = (folder, *folder.parents)
    return {f"ReadWritePaths={mark}{_quoted(each)}" for each in around for mark in ("", "-")}


def _sandbox(installation: Installation, *, private_tmp: bool) -> Iterable[str]:
    """Yield what the service may not do; the folders of a user's unit need a namespace that many systems refuse."""
    yield from _PROCESS.splitlines()
    if installation.system:
        yield from _MACHINE.splitlines()
        if private_tmp:
            yield "PrivateTmp=yes"
        # As root the databases of others are read by these alone.
        root = "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER" if installation.user == "root" else ""
        yield f"CapabilityBoundingSet={root}"
        yield "# A log in WAL mode, and what a restore sets aside, lie beside the database: its folder is written to."
        yield from (f"ReadWritePaths={_optional(path, installation)}{_quoted(path)}" for path in installation.writable)
    yield ""


def _optional(path: Path, installation: Installation) -> str:
    """Return the mark of a folder without which the service starts all the same."""
    return "" if path in installation.own or path.is_dir() else "-"


def _literal(path: Path | str) -> str:
    """Write a path where the rest of a line is one."""
    return str(path).replace("%", "%%")


def _quoted(path: Path | str) -> str:
    """Write a path where words are parted by spaces."""
    text = _literal(path)
    if any(mark in text for mark in " '\"\\;"):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _argument(word: str) -> str:
    return _quoted(word).replace("$", "$$")
