"""Names the folders in which databases lie that nobody wants to back up: caches, browsers, tools, the system's own."""

from __future__ import annotations

from collections.abc import Iterable

_CACHES = (
    *(".cache", "cache", "caches", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "trash", ".trash"),
    *("tmp", "temp", "lost+found"),
)
_BROWSERS = (
    *(".mozilla", "mozilla", "firefox", "librewolf", ".thunderbird", "thunderbird", "chromium", "google-chrome"),
    *("google", "bravesoftware", "microsoft-edge", "vivaldi", "opera", "tor-browser", "snap", ".var"),
)
_TOOLS = (
    *("node_modules", ".git", ".hg", ".svn", "__pycache__", "site-packages", "dist-packages", ".venv", "venv", ".tox"),
    *(".nox", ".npm", ".cargo", ".rustup", ".gradle", ".m2", ".conda", ".pyenv", ".nvm", ".vscode", ".vscode-server"),
    *(".idea", "jetbrains", "pipx", "uv", ".bun", ".deno"),
)
_DESKTOP = (
    *("tracker", "tracker3", "zeitgeist", "akonadi", "gvfs-metadata", "baloo", "evolution", "gnome-software"),
    *("library", "appdata"),
)
_SYSTEM = (
    *("dpkg", "apt", "aptitude", "rpm", "dnf", "yum", "pacman", "packagekit", "fwupd", "snapd", "flatpak", "systemd"),
    *("networkmanager", "command-not-found", "mlocate", "plocate", "colord", "udisks2", "swcatalog", "app-info"),
    *("selinux", "containerd", "kubelet", "lxcfs", "machines", "man-db", "sysimage"),
    *("docker", "overlay", "overlay2", "overlay-images", "overlay-layers", "overlay-containers"),
)
_NOISE = frozenset((*_CACHES, *_BROWSERS, *_TOOLS, *_DESKTOP, *_SYSTEM))


def is_noise(names: Iterable[str]) -> bool:
    """Tell whether one of these folders is such a one."""
    return any(name.casefold() in _NOISE for name in names)
