"""A service as it is to be installed on a machine."""

from __future__ import annotations

import sys
from pathlib import Path

from bot.services.host import accounts
from bot.services.host.installation import Installation


def installation_in(folder: Path, *, system: bool = True) -> Installation:
    """Start this checkout's service in a folder, which is made, with its settings in `.env`."""
    if folder.is_relative_to("/tmp") or folder.exists():
        (folder / "live").mkdir(parents=True, exist_ok=True)
    return Installation(
        name="sqlite-courier",
        courier=(sys.executable, "-P", "-m", "bot"),
        env_file=folder / ".env",
        folder=folder,
        user=accounts.me(),
        system=system,
        own=(folder / "backups",),
        writable=(folder / "backups", folder / "live"),
    )
