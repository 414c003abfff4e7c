"""Reads from the journals what is to be said of restores that were cut off."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.errors import RestoreError
from bot.services.files.store import Store
from bot.services.restore.journal import IN_PLACE, TO_FOLDER, RecordState, RestoreJournal
from bot.words.restores import cut_off_words

SAID_FOR = timedelta(days=7)
"""How long a restore that was cut off is spoken of where no other one follows."""


def cut_off_restores(store: Store, now: datetime, timezone: ZoneInfo) -> tuple[str, ...]:
    """Return what every command and screen says of restores that were cut off: what they left, and what to do.

    Said until the next restore (one into the live databases, or one into a folder), or for a week; also that a journal
    can't be read. Blocking.
    """
    said = []
    for name in (IN_PLACE, TO_FOLDER):
        try:
            record = RestoreJournal(store.folder, name).read()
        except RestoreError as error:
            said.append(f"{error.sentence} {error.hint}")
            continue
        if record is None or now - record.started_at > SAID_FOR:
            continue
        if record.state is RecordState.UNDER_WAY and store.control != store.folder:  # nobody could put it in order here
            said.append(
                f"The restore of {record.source}, asked for by {record.requested_by}, is under way"
                " or was cut off."
                f" The next command that can write {store.folder} tells."
            )
        elif record.cut_off is not None:
            began = date_time(record.started_at, timezone)
            said.append(cut_off_words(record.cut_off, began, safety_id=record.safety_id))
    return tuple(said)


def may_be_cut_off(store: Store) -> bool:
    """Tell whether a journal says that a restore is under way, or can't be read. Blocking."""
    try:
        records = [RestoreJournal(store.control, name).read() for name in (IN_PLACE, TO_FOLDER)]
    except RestoreError:
        return True
    return any(record is not None and record.state is RecordState.UNDER_WAY for record in records)
