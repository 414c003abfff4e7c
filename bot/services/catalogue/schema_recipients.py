"""The step of the catalogue that says since when a recipient can't be reached."""

from __future__ import annotations

# Since when a recipient can't be reached; of those before, since the first backup that was meant for them.
PARKED_SINCE = (
    "ALTER TABLE recipients ADD COLUMN parked_since TEXT",
    """
    UPDATE recipients SET parked_since = (
        SELECT min(started_at) FROM deliveries JOIN backups ON id = backup_id
        WHERE deliveries.address = recipients.address
    ) WHERE parked_reason <> ''
    """,
)
