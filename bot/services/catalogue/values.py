"""Converts values for the catalogue's columns and back: instants as text, lists as JSON, models field by field."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from bot.models import AUTO_TOPIC, NO_REASON, Reason, Recipient

T = TypeVar("T")

as_time = datetime.fromisoformat


def as_text(at: datetime) -> str:
    """Return an aware instant as ISO text in UTC of one fixed length, so that texts sort as the instants do."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} says no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def as_column(value: object) -> object:
    """Return what SQLite keeps of a value; enums and flags are text and numbers already."""
    if isinstance(value, datetime):
        return as_text(value)
    if isinstance(value, Recipient):
        return value.address
    if isinstance(value, Reason):
        return json.dumps([value.code, *value.facts], ensure_ascii=False) if value else ""
    if isinstance(value, (tuple, list)):
        items = [[one.code, *one.facts] if isinstance(one, Reason) else one for one in value]
        return json.dumps(items, ensure_ascii=False)
    if isinstance(value, (set, frozenset)):
        return json.dumps(sorted(value), ensure_ascii=False)
    return value


def as_recipient(address: str) -> Recipient:
    chat, _, thread = address.partition("/")
    if not chat.removeprefix("-").isdecimal():
        return Recipient(place=address)
    if thread == "auto":
        return Recipient(chat_id=int(chat), thread_id=AUTO_TOPIC)
    return Recipient(chat_id=int(chat), thread_id=int(thread) if thread else None)


def as_reason(column: str) -> Reason:
    """Return a reason from its column, `["slow down", ["seconds", 30]]`; empty where there is none."""
    return reason_of(json.loads(column)) if column else NO_REASON


def reason_of(item: list[Any]) -> Reason:
    """Return a reason from what JSON makes of it."""
    code, *facts = item
    return Reason(code, tuple((name, value) for name, value in facts))


def columns_of(model: Any, *without: str) -> dict[str, object]:
    """Return the fields of a model, save some, by the names of their columns."""
    return {column: getattr(model, name) for name, column, _ in _mapping(model.__class__) if name not in without}


def from_row(model: Callable[..., T], row: sqlite3.Row, **others: object) -> T:
    """Build a model from the columns that are named as its fields; `others` are those that have no column."""
    values = {
        name: row[column] if read is None else read(row[column])
        for name, column, read in _mapping(model)
        if name not in others
    }
    return model(**values, **others)


@cache
def _mapping(model: Any) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    """Return for each field of a model its name, its column, and what reads it; a recipient is the column `address`."""
    hints = get_type_hints(model)
    return tuple(
        (field.name, "address" if hints[field.name] is Recipient else field.name, _reader(hints[field.name]))
        for field in fields(model)
    )


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what makes a value of a column's; None where it is one already."""
    if NoneType in get_args(hint):
        read = _reader(next(each for each in get_args(hint) if each is not NoneType))
        return read and (lambda value: None if value is None else read(value))
    if get_origin(hint) in (tuple, frozenset):
        kind, each = get_origin(hint), get_args(hint)[0]
        item_of = reason_of if each is Reason else getattr(each, "_make", tuple)  # a named tuple's own
        empty = kind()

        def items(text: str) -> Any:
            if text == "[]":
                return empty
            return kind(item_of(item) if isinstance(item, list) else item for item in json.loads(text))

        return items
    if hint is datetime:
        return as_time
    if hint is Recipient:
        return as_recipient
    if hint is Reason:
        return as_reason
    if hint is bool or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint
    return None
