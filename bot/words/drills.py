"""What a test-restore has proven, or what is wrong with the backup: whole plain sentences."""

from __future__ import annotations

from bot.models import Drill, DrillCode, Reason, count
from bot.words.causes import CAUSES, sentence_of
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
        if name == "unchecked":  # followed by why
            why = f": {result.facts[at + 1][1]}" if result.facts[at + 1][1] else ""
            sentences.append(f"{value} is byte for byte as it was (SHA-256), and could not be checked here{why}.")
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
