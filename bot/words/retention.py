"""Why an archive stays on the disk or goes: a phrase without a full stop, fit to follow a colon."""

from __future__ import annotations

from collections.abc import Mapping

from bot.models import Reason, RetentionCode
from bot.words.filling import filled

_WORDS: Mapping[str, str] = {
    RetentionCode.NOT_PROVEN: "not proven: left alone",
    RetentionCode.UNOPENED: "sealed, and no key here opens it: left alone",
    RetentionCode.PINNED: "pinned",
    RetentionCode.IN_USE: "in use",
    RetentionCode.NEWEST: "the newest backup",
    RetentionCode.LAST_GOOD: "the last good backup of {names}",
    RetentionCode.ONLY_COPY: "the only backup of {names}",
    RetentionCode.SAFETY: "a safety copy",
    RetentionCode.DAMAGED: "damaged: counts as no backup",
    RetentionCode.DAMAGED_PINNED: "damaged, and pinned",
    RetentionCode.DAMAGED_SAFETY: "damaged, and a safety copy",
    RetentionCode.DAMAGED_ONLY: "damaged, and yet the only archive of {names}",
    RetentionCode.NEWEST_OF: "the newest of its {periods}",
    RetentionCode.WITHIN_LIMITS: "within the limits",
    RetentionCode.CLOCK_DOUBTED: "the clock leapt ahead: nothing is deleted for a day",
    RetentionCode.SAFETY_OVER: "a safety copy whose time is over",
    RetentionCode.DAMAGED_OLD: "damaged, and older than {age}",
    RetentionCode.OLD: "older than {age}",
    RetentionCode.TOO_MANY: "beyond the {count} that are kept",
    RetentionCode.GONE_OLD: "gone from the store, and not by us",
}


def retention_words(why: Reason) -> str:
    """Return why an archive stays or goes; empty where that is not known."""
    if not why:
        return ""
    facts = dict(why.facts)
    *periods, last = [str(value) for fact, value in why.facts if fact == "period"] or [""]
    said = {
        "names": ", ".join(str(value) for fact, value in why.facts if fact == "name"),
        "periods": f"{', '.join(periods)} and {last}" if periods else last,
        "age": "1 day" if facts.get("days") == "1" else f"{facts.get('days')} days",
    }
    return filled(_WORDS[why.code], facts | said)
