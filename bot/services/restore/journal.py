"""Writes the restore journal, by which the next start knows of a restore that was cut off.

It is written and brought to the disk before each step that changes something.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.errors import RestoreError
from bot.models import OTHER, PendingRestore, Reason, RestoreAct, RestoreMethod
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_file import replace_whole
from bot.services.restore.replacement import Replacement

IN_PLACE = "restore.json"
TO_FOLDER = "restore-to.json"


class RestorePhase(StrEnum):
    """Where one database stands."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"


class RecordState(StrEnum):
    """What became of a restore."""

    UNDER_WAY = "under way"
    DONE = "done"
    ROLLED_BACK = "rolled back"
    INTERRUPTED = "interrupted"  # cut off, and its files put in order since
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """One database of a restore. The fingerprints tell the old content from the new; `kept` is a copy of a database
    that was damaged before the restore, or written to after its safety copy was taken, and so is in no backup (yet).
    """

    name: str
    path: str
    target: str
    method: RestoreMethod
    phase: RestorePhase = RestorePhase.WAITING
    old_fingerprint: str = ""
    new_fingerprint: str = ""
    journal_mode: str = ""
    replacement: Replacement | None = None
    kept: str = ""
    undoes: Replacement | None = None  # a replacement that this one takes back


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One restore. `backup_id` is the backup that it brought, `safety_id` the one of what was there before."""

    format: int = 1
    id: str
    state: RecordState
    started_at: datetime
    requested_by: str
    source: Reason
    safety_id: int | None
    backup_id: int | None = None
    act: RestoreAct = RestoreAct.RESTORE
    entries: tuple[RecordEntry, ...]
    cut_off: PendingRestore | None = None  # what it left, once that was put in order

    def with_entry(self, name: str, **changes: Any) -> Record:
        """Return the record with one database's entry changed."""
        return replace(self, entries=tuple(replace(e, **changes) if e.name == name else e for e in self.entries))

    def entry(self, name: str) -> RecordEntry:
        """Return what is recorded of one database."""
        return next(entry for entry in self.entries if entry.name == name)


@cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def _of_any_version(record: Any) -> Any:
    """Return a record as this version writes it: an earlier one said in words where a restore came from."""
    for part in (record, record.get("cut_off")) if isinstance(record, dict) else ():
        if isinstance(part, dict) and isinstance(said := part.get("source"), str):
            part["source"] = {"code": OTHER, "facts": [["said", said]]}
    return record


class RestoreJournal:
    """One file in the folder of backups; it is replaced as a whole. `record` is the one written last, from here."""

    record: Record

    def __init__(self, folder: Path, name: str = IN_PLACE) -> None:
        self.path = folder / name

    def read(self) -> Record | None:
        """Return the newest restore, None when there was none. Blocking.

        Raises `RestoreError` where the file is unreadable.
        """
        try:
            return _adapter().validate_python(_of_any_version(json.loads(self.path.read_bytes())))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:  # a ValidationError is one
            raise RestoreError(
                f"The restore journal {self.path} can't be read, so it is unknown whether a restore was cut off.",
                rolled_back=False,
                hint="Check the databases, then move that file away.",
            ) from error

    def write(self, record: Record) -> None:
        """Replace it, and return when it is on the disk. Blocking. Raises `RestoreError`."""
        self.record = record
        try:
            replace_whole(self.path, json.dumps(_adapter().dump_python(record, mode="json"), indent=1).encode())
        except OSError as error:
            raise RestoreError(
                f"The restore journal {self.path} can't be written: {error.strerror or error}.", rolled_back=True
            ) from error

    async def update(self, record: Record) -> None:
        """Do as `write`, in a thread, to its end: no two are ever written at once."""
        await run_to_end(lambda: self.write(record), stop=bool)
