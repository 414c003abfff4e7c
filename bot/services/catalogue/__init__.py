"""The catalogue: the SQLite file in which backups, deliveries and settings made in chat are recorded."""

from bot.services.catalogue.adoption import AdoptableManifest, stored_expected
from bot.services.catalogue.backup_rows import ALL
from bot.services.catalogue.catalogue import Catalogue
from bot.services.catalogue.connection import BrokenCatalogueError
from bot.services.catalogue.preference_rows import KeptMessage
from bot.services.catalogue.rebuild import Rebuilt, open_or_rebuild
from bot.services.catalogue.restore_rows import PinnedMessage
from bot.services.catalogue.service_rows import AuditEntry
from bot.services.files.store import CATALOGUE_NAME

__all__ = [
    "ALL",
    "CATALOGUE_NAME",
    "AdoptableManifest",
    "AuditEntry",
    "BrokenCatalogueError",
    "Catalogue",
    "KeptMessage",
    "PinnedMessage",
    "Rebuilt",
    "open_or_rebuild",
    "stored_expected",
]
