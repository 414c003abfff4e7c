"""Retention: why an archive stays on the disk or goes; `bot/words/retention.py` has the words."""

from __future__ import annotations

from enum import StrEnum


class RetentionCode(StrEnum):
    """Why an archive stays or goes; facts are a `name` for each database, a `period` for each rule, `days`, `count`."""

    # It stays.
    NOT_PROVEN = "not proven"
    UNOPENED = "unopened"
    PINNED = "pinned"
    IN_USE = "in use"
    NEWEST = "newest"
    LAST_GOOD = "last good"
    ONLY_COPY = "only copy"
    SAFETY = "safety"
    DAMAGED = "damaged"
    DAMAGED_PINNED = "damaged, pinned"
    DAMAGED_SAFETY = "damaged, safety"
    DAMAGED_ONLY = "damaged, only archive"
    NEWEST_OF = "newest of"
    WITHIN_LIMITS = "within limits"
    CLOCK_DOUBTED = "clock doubted"

    # It goes.
    SAFETY_OVER = "safety over"
    DAMAGED_OLD = "damaged, old"
    OLD = "old"
    TOO_MANY = "too many"
    GONE_OLD = "gone, old"  # from an object store: what is listed of it goes
