"""The step of the catalogue that puts codes and facts in the place of what earlier versions said of actions in words.

What it does not know, to the letter, is kept whole, as the fact `said`: of its action, or of the action `other`. Names
that were told in a list stay one fact, since a name may hold a comma.
"""

from __future__ import annotations

_ID = "CAST(substr(facts, 8) AS INTEGER)"  # of "backup 5…"
_QUIET = "facts GLOB 'quiet from [0-9][0-9]:[0-9][0-9] to [0-9][0-9]:[0-9][0-9]"
_HOURS = "json_array(json_array('start', substr(facts, 12, 5)), json_array('end', substr(facts, 21, 5)))"
_MODE = "facts IN ('every backup', 'daily digest', 'trouble only')"


def _of_backup(action: str, then: str, fact: str = "") -> tuple[str, str, str, str]:
    """Of `backup 5` and what follows it."""
    begin = f"'backup ' || {_ID} || '{then}'"
    if not fact:
        return action, action, f"facts = {begin}", f"json_array(json_array('backup', {_ID}))"
    rest = f"json_array('{fact}', substr(facts, length({begin}) + 1))"
    return (
        *(action, action),
        f"substr(facts, 1, length({begin})) = {begin}",
        f"json_array(json_array('backup', {_ID}), {rest})",
    )


def _pair(action: str, first: str, between: str, second: str) -> tuple[str, str, str, str]:
    at = f"instr(facts, '{between}')"
    left, right = f"substr(facts, 1, {at} - 1)", f"substr(facts, {at} + {len(between)})"
    pair = f"json_array(json_array('{first}', {left}), json_array('{second}', {right}))"
    return action, action, f"{at} > 1", pair


def _whole(action: str, fact: str, code: str = "") -> tuple[str, str, str, str]:
    return action, code or action, "facts <> ''", f"json_array(json_array('{fact}', facts))"


# The action as it was, its code, when that is so, and the facts.
_KNOWN = (
    _of_backup("pinned", ""),
    _of_backup("unpinned", ""),
    _of_backup("removed the note", ": "),
    _of_backup("noted", ": ", "note"),
    _of_backup("deleted", ", ", "archive"),
    _of_backup("took a backup again", ", to ", "recipient"),
    ("paused", "paused", "facts GLOB 'until [0-9]*'", "json_array(json_array('until', substr(facts, 7)))"),
    _pair("changed the schedule", "before", " → ", "after"),
    _pair("reset the schedule", "before", " → ", "after"),
    _pair("sent an archive", "archive", ", SHA-256 ", "sha256"),
    _whole("sent an archive that was refused", "said", "archive refused"),
    _whole("accepted", "alarm"),
    _whole("silenced an alarm for themselves", "alarm", "hushed"),
    _whole("forgot", "database"),
    _whole("added an admin", "who"),
    _whole("removed an admin", "who"),
    _whole("added a place for backups", "who"),
    _whole("removed a place for backups", "who"),
    ("chose messages", "chose a mode", _MODE, "json_array(json_array('mode', facts))"),
    ("chose messages", "chose quiet hours", f"{_QUIET}'", _HOURS),
    ("chose messages", "chose quiet alarms", f"{_QUIET}, alarms too'", _HOURS),
    ("chose messages", "chose no quiet hours", "facts = 'no quiet hours'", "'[]'"),
    ("chose messages", "chose all databases", "facts = 'all databases'", "'[]'"),
    (
        *("chose messages", "chose databases"),
        *("substr(facts, 1, 5) = 'only '", "json_array(json_array('database', substr(facts, 6)))"),
    ),
)
_STAYS = """action IN (
    'started a backup', 'took a backup again', 'pinned', 'unpinned', 'noted', 'removed the note', 'deleted', 'forgot',
    'confirmed a restore', 'restored', 'undid a restore', 'restore refused', 'restore failed', 'restore cut off',
    'sent an archive', 'started a test-restore', 'paused', 'resumed', 'changed the schedule', 'reset the schedule',
    'reset SCHEDULE', 'accepted', 'added an admin', 'removed an admin', 'reset ADMIN_IDS', 'reset DELIVER_TO',
    'added a place for backups', 'removed a place for backups', 'took the log file')"""
_CODES = " ".join(f"WHEN action = '{was}' AND {so} THEN '{code}'" for was, code, so, _ in _KNOWN)
_FACTS = " ".join(f"WHEN action = '{was}' AND {so} THEN {facts}" for was, _, so, facts in _KNOWN)

FACTS_OF_ACTIONS = (
    "ALTER TABLE audit RENAME COLUMN detail TO facts",  # JSON: [[name, figure], …]
    f"""
    UPDATE audit SET
        facts = CASE {_FACTS}
            WHEN {_STAYS} THEN CASE facts WHEN '' THEN '[]' ELSE json_array(json_array('said', facts)) END
            ELSE json_array(json_array('said', action || CASE facts WHEN '' THEN '' ELSE ': ' || facts END)) END,
        action = CASE {_CODES} WHEN {_STAYS} THEN action ELSE 'other' END
    """,
)
