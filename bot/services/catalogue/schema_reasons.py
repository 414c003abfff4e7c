"""Steps of the catalogue that put reasons, a code with facts, in the place of sentences of earlier versions.

A sentence is taken for a code where it is, to the letter, what that code says; nothing is lost by it. Any other is kept
whole, as the fact `said` of the code `other`, and is shown as it was. The sentences here are those of the versions that
stored them, and never change with `bot/words`.
"""

from __future__ import annotations


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _whole(code: str, words: str) -> str:
    """The branch of a CASE for a sentence with a path and nothing else that varies."""
    said = f"replace({_quoted(words)}, '{{path}}', path)"
    return f"WHEN detail = {said} THEN json_array('{code}', json_array('path', path))"


def _around(code: str, fact: str, before: str, after: str) -> str:
    """The branch of a CASE for a sentence that has a path, perhaps, and another fact between two pieces."""
    begin, end = f"replace({_quoted(before)}, '{{path}}', path)", _quoted(after)
    path = "json_array('path', path), " if "{path}" in before else ""
    found = f"substr(detail, length({begin}) + 1, length(detail) - length({begin}) - {len(after)})"
    return (
        f"WHEN length(detail) > length({begin}) + {len(after)} AND substr(detail, 1, length({begin})) = {begin}"
        f" AND substr(detail, -{len(after)}) = {end} THEN json_array('{code}', {path}json_array('{fact}', {found}))"
    )


_RESTORE = "Restore it from the last good backup."
_LONG = (
    "A long write was going on; raise BUSY_TIMEOUT if this happens often. If it happens at every backup, its"
    " application may have set PRAGMA locking_mode=EXCLUSIVE: it needs NORMAL."
)
_OWNER = "Run the courier as the same user as the application, or let it read the file and write to its folder."

# Why a database was skipped; what a full disk lacked stood in a column of its own.
REASONS_OF_SKIPS = (
    "ALTER TABLE skipped RENAME TO skipped_in_words",
    """
    CREATE TABLE skipped (
        backup_id INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        position  INTEGER NOT NULL,
        name      TEXT NOT NULL,
        path      TEXT NOT NULL,
        reason    TEXT NOT NULL,
        why       TEXT NOT NULL,  -- JSON: [code, [name, figure], …]
        PRIMARY KEY (backup_id, position)
    )
    """,
    "INSERT INTO skipped SELECT backup_id, position, name, path, reason, CASE "
    + " ".join(
        (
            _whole("missing", "{path} does not exist."),
            _whole("vanished", "{path} does not exist. Correct DATABASES, or put the file back."),
            _around("gone", "pattern", "{path} is gone: ", " found it there before."),
            _whole(
                "empty",
                "{path} is empty (0 bytes). If the application has written to it before, restore it from a backup.",
            ),
            _whole(
                "no sqlite",
                "{path} is not a readable SQLite database (encrypted?). Check the path; databases encrypted with"
                " SQLCipher can't be read without their key.",
            ),
            _whole(
                "wrong header",
                "{path} begins as a SQLite database, but its header is wrong. If its application can't open it either,"
                " restore it from a backup.",
            ),
            _whole(
                "hot journal",
                "{path} has a hot journal: its application crashed in the middle of a write, and reading it would mean"
                " repairing it. Start its application, which repairs it, or set ALLOW_JOURNAL_RECOVERY=true.",
            ),
            _around("locked", "waited", "{path} stayed locked by its application for ", f" s. {_LONG}"),
            _whole("no permission", f"{{path}} may not be read by this user. {_OWNER}"),
            _whole("no look", "{path} may not be looked at by this user."),
            _around("damaged", "said", "{path} is damaged: SQLite says “", f"”. {_RESTORE}"),
            _around("check failed", "said", "The database is damaged: ", "."),
            "WHEN detail = 'It was skipped; why is in the archive''s backup_info.txt.'"
            " THEN json_array('in backup_info')",
            "WHEN figures = '[]' THEN json_array('other', json_array('said', detail))",
        )
    )
    + " ELSE json_array('other', json_array('said', detail), json(json_extract(figures, '$[0]')),"
    " json(json_extract(figures, '$[1]'))) END FROM skipped_in_words",
    "DROP TABLE skipped_in_words",
)
