"""Lists the product's own folders, which are never a source nor a target: archives, catalogue, copies, logs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFolders:
    """Folders by the setting that names each, and files that are the product's wherever a link to them lies."""

    folders: tuple[tuple[str, Path], ...] = ()
    files: tuple[Path, ...] = ()

    def why(self, path: Path) -> str:
        """Return why a path is the product's own, as the end of a sentence (`lies in …`); empty where it is not.

        Links are followed, and a folder is known again under any other name or mount of it. Blocking.
        """
        found = self.facts(path)
        if folder := found.get("folder"):
            return f"lies in {folder}, the courier's own folder ({found['setting']})"
        return f"is the courier's own catalogue, {found['file']}" if found else ""

    def facts(self, path: Path) -> dict[str, str | Path]:
        """Return the `folder` that a path lies in and the `setting` that names it, or the `file` that it is."""
        real = Path(os.path.realpath(path))
        around = {identity for each in (real, *real.parents) if (identity := _identity(each)) is not None}
        for setting, folder in self.folders:
            if real.is_relative_to(Path(os.path.realpath(folder))) or _identity(folder) in around:
                return {"folder": folder, "setting": setting}
        itself = _identity(real)
        for file in self.files:
            if itself is not None and itself == _identity(file):
                return {"file": file}
        return {}


NOTHING_OWN = OwnFolders()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else None
