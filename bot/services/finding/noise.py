"""Names the folders in which databases lie that nobody wants to back up: caches, browsers, tools, the system's own.

Many of their names are words that people call their own folders by (`docker`, `machines`, `tracker`): those count only
where such a program keeps its data.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

_CACHES = (
    *(".cache", "cache", "caches", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "trash", ".trash"),
    *("tmp", "temp", "lost+found"),
)
_BROWSERS = (
    *(".mozilla", "firefox", "librewolf", ".thunderbird", "chromium", "google-chrome", "bravesoftware"),
    *("microsoft-edge", "tor-browser", "snap", ".var"),
)
_TOOLS = (
    *("node_modules", ".git", ".hg", ".svn", "__pycache__", "site-packages", "dist-packages", ".venv", "venv", ".tox"),
    *(".nox", ".npm", ".cargo", ".rustup", ".gradle", ".m2", ".conda", ".pyenv", ".nvm", ".vscode", ".vscode-server"),
    *(".idea", "jetbrains", ".bun", ".deno"),
)
_OF_THE_DESKTOP = {"darwin": ("library",), "win32": ("appdata",)}.get(sys.platform, ())
_EVERYWHERE = frozenset((*_CACHES, *_BROWSERS, *_TOOLS, *_OF_THE_DESKTOP))

_DOCKER = ("docker", "containerd", "kubelet")
_BELOW: Mapping[tuple[str, ...], frozenset[str]] = {
    (".config",): frozenset(("google", "opera", "vivaldi", "mozilla", "thunderbird")),
    (".local", "share"): frozenset((
        *("tracker", "tracker3", "zeitgeist", "akonadi", "gvfs-metadata", "baloo", "evolution", "gnome-software"),
        *("pipx", "uv", "flatpak", *_DOCKER),
    )),
    ("containers", "storage"): frozenset(("overlay", "overlay-images", "overlay-layers", "overlay-containers")),
    ("/", "var", "lib"): frozenset((
        *("dpkg", "apt", "aptitude", "rpm", "dnf", "yum", "pacman", "packagekit", "fwupd", "snapd", "flatpak"),
        *("networkmanager", "command-not-found", "mlocate", "plocate", "colord", "udisks2", "swcatalog", "app-info"),
        *("systemd", "selinux", "lxcfs", "machines", "man-db", "sysimage", *_DOCKER),
    )),
}  # fmt: skip
"""Names below the folders that end so."""


def is_noise(folder: Path) -> bool:
    """Tell whether a folder is itself such a one, whatever it lies in."""
    name = folder.name.casefold()
    return name in _EVERYWHERE or any(name in names and _ends(folder.parent, end) for end, names in _BELOW.items())


def lies_in_noise(path: Path) -> bool:
    """Tell whether a file lies in such a folder, however deep."""
    return any(map(is_noise, path.parents))


def _ends(folder: Path, names: tuple[str, ...]) -> bool:
    return tuple(part.casefold() for part in folder.parts[-len(names) :]) == names
