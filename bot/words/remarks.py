"""What is not as it should be with a database that is in a backup: a line for each."""

from __future__ import annotations

from bot.models import BackedUp
from bot.words.causes import in_full


def remarks(database: BackedUp) -> tuple[str, ...]:
    """Return in sentences what is amiss, though it is backed up: broken references, broken rules, how it was read."""
    broken, said = database.foreign_key_violations, tuple(map(in_full, database.warnings))
    return (f"{broken:,} row{'' if broken == 1 else 's'} with a broken foreign key", *said) if broken else said
