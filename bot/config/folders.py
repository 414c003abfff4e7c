"""Derives the product's own folders from the settings."""

from collections.abc import Iterator
from pathlib import Path

from bot.config.settings import Settings
from bot.services.catalogue import CATALOGUE_NAME
from bot.services.files.own_folders import OwnFolders


def own_folders(settings: Settings) -> OwnFolders:
    """Return the folders of these settings; they need not be there."""
    return OwnFolders(
        folders=tuple(_folders(settings)),
        files=(("the courier's own catalogue", settings.backup_dir / CATALOGUE_NAME),),
    )


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "BACKUP_DIR", settings.backup_dir
    if settings.snapshot_dir is not None:
        yield "SNAPSHOT_DIR", settings.snapshot_dir
    yield "LOG_DIR", settings.log_dir
