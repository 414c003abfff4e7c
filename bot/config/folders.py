"""Derives the product's own folders from the settings."""

from bot.config.settings import Settings
from bot.services.catalogue import CATALOGUE_NAME
from bot.services.files.own_folders import OwnFolders


def own_folders(settings: Settings) -> OwnFolders:
    """Return the folders of these settings; they need not be there."""
    named = {"BACKUP_DIR": settings.backup_dir, "SNAPSHOT_DIR": settings.snapshot_dir, "LOG_DIR": settings.log_dir}
    return OwnFolders(
        folders=tuple((name, folder) for name, folder in named.items() if folder is not None),
        files=(settings.backup_dir / CATALOGUE_NAME,),
    )
