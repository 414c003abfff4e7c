"""What a restore loses of a table, in plain text: `5 newer rows of “entries”`."""

from __future__ import annotations

from bot.models import LossCode, Reason, count


def loss_words(loss: Reason) -> str:
    """Return what is lost, as it stands in a sentence."""
    facts = dict(loss.facts)
    table, (rows, newer, changed) = facts.get("table"), (int(facts.get(key, 0)) for key in ("rows", "newer", "changed"))
    changes = f"changes to {count(changed, 'row')}"
    match loss.code:
        case LossCode.TABLE:
            return f"the table “{table}” with its {'rows' if rows < 0 else count(rows, 'row')}"
        case LossCode.COLUMN:
            return f"the column “{facts.get('column')}” of “{table}”"
        case LossCode.LOOSE_ROWS:
            return f"{count(rows, 'newer or changed row')} of “{table}”"
        case LossCode.MORE_ROWS:
            return f"{count(newer, 'newer row')} of “{table}”, or more"
        case LossCode.ROWS if newer:
            return f"{count(newer, 'newer row')} of “{table}”{f' and {changes}' if changed else ''}"
        case LossCode.ROWS:
            return f"{changes} of “{table}”"
    return str(facts.get("said"))  # of an earlier version


def is_one_thing(loss: Reason) -> bool:
    """Tell whether it *is* gone, where others are."""
    facts = dict(loss.facts)
    whole = loss.code in (LossCode.TABLE, LossCode.COLUMN)
    return whole or (1 in (facts.get("newer"), facts.get("rows")) and not facts.get("changed"))
