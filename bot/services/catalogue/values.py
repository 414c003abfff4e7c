"""Converts values for the catalogue's columns and back: instants as text, lists as JSON, enums by their values."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from bot.models import (
    BackedUp,
    Backup,
    BackupState,
    CheckMethod,
    SkippedRecord,
    SkipReason,
    Trigger,
    Verdict,
)

FACTS = tuple(field.name for field in fields(BackedUp))


def as_text(at: datetime) -> str:
    """Return an aware instant as ISO text in UTC of one fixed length, so that texts sort as the instants do."""
    if at.tzinfo is None:
        message = f"{at.isoformat()} says no time zone"
        raise ValueError(message)
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def as_text_or_none(at: datetime | None) -> str | None:
    return None if at is None else as_text(at)


def as_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def as_time_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def as_backup(row: sqlite3.Row, databases: tuple[BackedUp, ...], skipped: tuple[SkippedRecord, ...]) -> Backup:
    return Backup(
        id=row["id"],
        started_at=as_time(row["started_at"]),
        trigger=Trigger(row["trigger"]),
        requested_by=row["requested_by"],
        state=BackupState(row["state"]),
        finished_at=as_time_or_none(row["finished_at"]),
        archive_name=row["archive_name"],
        archive_bytes=row["archive_bytes"],
        archive_sha256=row["archive_sha256"],
        databases=databases,
        skipped=skipped,
        error_code=row["error_code"],
        error=row["error"],
        pinned=bool(row["pinned"]),
        on_disk=bool(row["on_disk"]),
        note=row["note"],
        sealed=row["sealed"],
        same_as=row["same_as"],
        fault=row["fault"],
        shrunken=tuple(json.loads(row["shrunken"])),
    )


def as_facts(database: BackedUp) -> tuple[object, ...]:
    """Return the columns of a backed-up database, in the order of FACTS."""
    return tuple(_as_column(getattr(database, name)) for name in FACTS)


def as_backed_up(row: sqlite3.Row) -> BackedUp:
    values: dict[str, Any] = {name: row[name] for name in FACTS}
    values["taken_at"] = as_time(row["taken_at"])
    values["verdict"] = Verdict(row["verdict"])
    values["method"] = CheckMethod(row["method"])
    values["messages"] = tuple(json.loads(row["messages"]))
    values["rows"] = tuple((table, rows) for table, rows in json.loads(row["rows"]))
    return BackedUp(**values)


def as_skipped(row: sqlite3.Row) -> SkippedRecord:
    return SkippedRecord(name=row["name"], path=row["path"], reason=SkipReason(row["reason"]), detail=row["detail"])


def _as_column(value: object) -> object:
    if isinstance(value, datetime):
        return as_text(value)
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, str) else value  # a word of the vocabulary is stored as plain text
