"""Gives a manifest codes in the place of the words that another version of the product wrote alone."""

from __future__ import annotations

from typing import Any

from bot.models import OTHER, Cause, Reason, Verdict
from bot.words.causes import CAUSES, in_full
from bot.words.checks import UNCHECKED


def name_codes(head: dict[str, Any]) -> bool:
    """Change what JSON makes of a manifest, trusting nothing; tell if anything was changed."""
    databases = head.get("databases")
    return _name_causes(head.get("skipped")) | _name_warnings(databases) | _name_unchecked(databases)


def _name_causes(skipped: object) -> bool:
    """Give what a version skipped that knew no causes, or knows more of them, its sentence as why; tell if any was so.

    What has no sentence either is left as it is, to be refused.
    """
    changed = False
    for record in skipped if isinstance(skipped, list) else ():
        if not isinstance(record, dict) or not isinstance(record.get("detail"), str):
            continue
        why = record.get("why")
        if not (isinstance(why, dict) and why.get("code") in CAUSES):
            record["why"], changed = {"code": OTHER, "facts": [["said", record["detail"]]]}, True
    return changed


def _name_warnings(databases: object) -> bool:
    """Give what a version backed up that knew no causes, or knows more of them, its sentence as its warning."""
    changed = False
    for record in databases if isinstance(databases, list) else ():
        if not isinstance(record, dict) or not isinstance(record.get("warning"), str):
            continue
        known = record.get("warnings", [] if not record["warning"] else None)
        if not (isinstance(known, list) and all(isinstance(one, dict) and one.get("code") in CAUSES for one in known)):
            record["warnings"], changed = _in_words(record["warning"]), True
    return changed


def _name_unchecked(databases: object) -> bool:
    """Give what could not be checked why in words, where a version wrote that knew no codes, or knows more of them.

    The first ones have it in front of what SQLite says.
    """
    changed = False
    for record in databases if isinstance(databases, list) else ():
        if not isinstance(record, dict) or record.get("verdict") != Verdict.UNCHECKED:
            continue
        known, said = record.get("unchecked"), record.get("detail")
        if isinstance(known, dict) and known.get("code") in {*UNCHECKED, ""}:
            continue
        if "unchecked" not in record and isinstance(record.get("messages"), list):
            said, *record["messages"] = record["messages"] or [None]
        if isinstance(said, str):
            record["unchecked"], changed = {"code": OTHER, "facts": [["said", said]]}, True
    return changed


def _in_words(warning: str) -> list[object]:
    """Return a warning in words as reasons; that the tables are not listed is told apart, as checks depend on it."""
    unlisted = in_full(Reason(Cause.TOO_MANY_TABLES))
    said = warning.removesuffix(unlisted).strip()
    others: list[object] = [{"code": OTHER, "facts": [["said", said]]}] if said else []
    return [*others, {"code": Cause.TOO_MANY_TABLES, "facts": []}] if warning.endswith(unlisted) else others
