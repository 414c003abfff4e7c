"""Steps of the catalogue that put codes and figures in the place of sentences that earlier versions stored.

What they said in words is not known in figures: texts then say that it is there.
"""

# Of alarms and of what has shrunk; and what is rightly gone although DATABASES names its path.
CODES_OF_ALARMS = (
    "ALTER TABLE database_names ADD COLUMN let_go_named INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alarms RENAME COLUMN sentence TO facts",  # JSON: [[name, figure], …]
    "ALTER TABLE alarms RENAME COLUMN title TO acted",  # JSON: the same
    """
    UPDATE alarms SET facts = '[]', acted = CASE WHEN accepted = 1 AND ending GLOB 'Accepted by *.'
        THEN json_array(json_array('act', 'right'), json_array('by', substr(ending, 13, length(ending) - 13)))
        ELSE '[]' END
    """,
    """
    UPDATE alarms SET ending = CASE WHEN ending GLOB '*no longer among DATABASES.' THEN 'not named'
        WHEN ending GLOB '* is in other trouble now.' THEN 'elsewise'
        WHEN ending GLOB 'Nothing is left to back up*' THEN 'nothing left'
        WHEN ending GLOB 'SHRINK_ALARM is 0*' OR ending GLOB '*not in its local mode any more.' THEN 'unwatched'
        ELSE '' END
    """,
    # Their levels are kept; "within a day" was a word of theirs.
    """
    UPDATE alarms SET base = json_set(base, '$.over',
        CASE json_extract(base, '$.over') WHEN ' within a day' THEN 'day' WHEN ' within a week' THEN 'week' ELSE '' END)
    WHERE json_valid(base)
    """,
    """
    UPDATE backups SET shrunken = (SELECT json_group_array(json_array(
        substr(value, 1, max(0, instr(value, ': ') - 1)), '', 0, 0, '')) FROM json_each(shrunken))
    WHERE shrunken <> '[]'
    """,
)

# What a full disk lacked, of each database that was skipped for it.
FIGURES_OF_SKIPS = ("ALTER TABLE skipped ADD COLUMN figures TEXT NOT NULL DEFAULT '[]'",)  # JSON: [[name, bytes], …]

# What kept a check from its end: earlier versions had it in words, before whatever SQLite said.
CODES_OF_CHECKS = (
    "ALTER TABLE backed_up ADD COLUMN unchecked TEXT NOT NULL DEFAULT ''",  # JSON: [code, [fact, value], …]
    """
    UPDATE backed_up SET unchecked = json_array('other', json_array('said', json_extract(messages, '$[0]'))),
        messages = json_remove(messages, '$[0]')
    WHERE verdict = 'could not check' AND json_array_length(messages) > 0
    """,
)


def _coded(column: str) -> str:
    return f"""{column} = CASE {column}
        WHEN 'the schedule' THEN 'schedule' WHEN 'the command line' THEN 'command line'
        WHEN 'run --restore-if-missing' THEN 'restore if missing' WHEN 'learned from the chat' THEN 'chat'
        WHEN 'found on disk' THEN 'disk' ELSE {column} END"""


# Who asked or acted, where it was no person.
CODES_OF_ACTORS = (
    f"UPDATE backups SET {_coded('requested_by')}",
    f"UPDATE audit SET {_coded('actor')}",
    "UPDATE backups SET requested_by = 'program end' WHERE requested_by GLOB 'the end of *' AND trigger = 'command'",
    "UPDATE audit SET actor = 'program end' WHERE actor GLOB 'the end of *' AND action = 'started a backup'",
)
