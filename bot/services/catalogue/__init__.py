"""The catalogue: the SQLite file in which backups, deliveries and settings made in chat are recorded."""

from bot.services.catalogue.archives import StoredArchive
from bot.services.catalogue.backups import ALL
from bot.services.catalogue.catalogue import Catalogue
from bot.services.catalogue.events import Event
from bot.services.catalogue.faults import BrokenCatalogueError
from bot.services.catalogue.messages import KeptMessage, PinnedMessage
from bot.services.catalogue.rebuild import Rebuilt, open_or_rebuild
from bot.services.catalogue.recording import record_delivered, record_stored, recorded
from bot.services.catalogue.schema import APPLICATION_ID
from bot.services.catalogue.service import AuditEntry
from bot.services.catalogue.stored import (
    stored_archive_bytes,
    stored_auto_deleting,
    stored_expected,
    stored_names,
    stored_override,
)
from bot.services.catalogue.values import as_recipient
from bot.services.files.store import CATALOGUE_NAME
