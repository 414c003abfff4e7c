"""What a test-restore has proven, or what is wrong with the backup: whole plain sentences."""

from __future__ import annotations

from itertools import takewhile

from bot.models import Drill, DrillCode, Facts, Reason, count
from bot.words.causes import CAUSES, sentence_of
from bot.words.checks import unchecked_words
from bot.words.failures import failure_words


def drill_words(drill: Drill) -> str:
    """Return what came of a test-restore."""
    return result_words(drill.result)


def result_words(result: Reason) -> str:
    """Return the same of what one came to; empty where that is not known."""
    match result.code:
        case "":
            return ""
        case DrillCode.PROVEN:
            return _proven(result)
        case DrillCode.COMPARED:
            return "Bytes compared, not opened: no key on this server."
        case code if code in CAUSES:
            return sentence_of(result)
        case code:
            return failure_words(code)


def _proven(result: Reason) -> str:
    """Say what was proven and what could not be."""
    facts = dict(result.facts)
    checked, databases, uncounted = (int(facts.get(name, 0)) for name in ("checked", "databases", "uncounted"))
    sentences = []
    for at, (name, value) in enumerate(result.facts):
        if name == "unchecked":
            why = _why_unchecked(result.facts[at + 1 :])
            sentences.append(
                f"{value} is byte for byte as it was (SHA-256), and could not be checked here{why and f': {why}'}."
            )
        elif name == "missing":
            sentences.append(f"{value}, which the manifest names, is no longer in it.")
    if checked:
        of = f" of {databases}" if sentences else ""
        besides = f" ({uncounted} table{'' if uncounted == 1 else 's'} not counted)" if uncounted else ""
        sentences.insert(
            0,
            f"{checked}{of} database{'' if databases == 1 else 's'} test-restored and checked, all as it was:"
            f" {count(int(facts.get('rows', 0)), 'row')}{besides}.",
        )
    return " ".join(sentences)


def _why_unchecked(facts: Facts) -> str:
    """Say why the database whose name stands before these facts could not be checked."""
    its = dict(takewhile(lambda fact: fact[0] not in ("unchecked", "missing"), facts))
    if "cause" not in its:  # an earlier version recorded it in words
        return str(its.get("why", ""))
    return unchecked_words(Reason(str(its["cause"]), tuple(its.items())))
