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

# Why a delivery is as it is, a recipient is parked, or a message stays: `["code", ["fact", value], …]`. What is not
# recognised is shown as it was.
REASONS_OF_DELIVERIES = (
    "CREATE TEMP TABLE old_words (said TEXT PRIMARY KEY, reason TEXT NOT NULL)",
    """
    INSERT INTO old_words SELECT said, CASE said
        WHEN 'has blocked the bot: must open the bot and press Start' THEN '["blocked"]'
        WHEN 'has blocked the bot: they must open the bot and press Start' THEN '["blocked"]'
        WHEN 'must open the bot and press Start' THEN '["not started"]'
        WHEN 'this Telegram account was deleted: take it out of the settings' THEN '["account deleted"]'
        WHEN 'is a bot, and bots can''t write to one another: take it out of the settings' THEN '["is a bot"]'
        WHEN 'the bot was removed from this group: add it again' THEN '["removed"]'
        WHEN 'the bot is not in this group or channel: add it' THEN '["not in chat"]'
        WHEN 'this group was deleted: take it out of the settings' THEN '["group deleted"]'
        WHEN 'Telegram knows no such chat: a person must open the bot and press Start, to a group the bot must be added'
            THEN '["no such chat"]'
        WHEN 'the bot may not make topics there: make it an administrator who may manage topics'
            THEN '["may not make topics"]'
        WHEN 'this group has no topics: turn them on in its settings, or name the group without /auto'
            THEN '["no topics"]'
        WHEN 'the bot may not send files there: an administrator must allow it' THEN '["may not send files"]'
        WHEN 'the bot may not write there: an administrator must allow it' THEN '["may not write"]'
        WHEN 'the bot must be an administrator there' THEN '["no administrator"]'
        WHEN 'the topic is closed: open it again' THEN '["topic closed"]'
        WHEN 'the topic is gone: name another one in the settings' THEN '["topic gone"]'
        WHEN 'Telegram answers with a server error' THEN '["server error"]'
        WHEN 'Telegram did not answer in time' THEN '["silent"]'
        WHEN 'Telegram can''t be reached: no internet, or PROXY is needed' THEN '["no internet"]'
        WHEN 'the proxy of PROXY does not answer, or does not let this bot through' THEN '["proxy"]'
        WHEN 'the certificate is not Telegram''s: the clock is wrong, or something is in between'
            THEN '["certificate"]'
        WHEN 'is not in the settings of this process' THEN '["not set up"]'
        WHEN 'the mail server does not accept the user or the password: check SMTP_URL and SMTP_PASSWORD'
            THEN '["mail login"]'
        WHEN 'the mail server offers no such login or encryption: check the scheme and the port of SMTP_URL'
            THEN '["mail without login"]'
        WHEN 'its certificate is not trusted: check the server''s name in SMTP_URL' THEN '["mail certificate"]'
        WHEN 'the mail server did not answer in time' THEN '["mail silent"]'
        WHEN 'the mail server can''t be reached' THEN '["mail unreachable"]'
        WHEN 'there is no such bucket: create it, or mend OBJECT_STORES' THEN '["no bucket"]'
        WHEN 'the store does not let us in: check the access key in the settings' THEN '["locked out"]'
        WHEN 'the store is full: free some space there, or raise its quota' THEN '["store full"]'
        WHEN 'the store can''t be reached' THEN '["store unreachable"]'
        WHEN 'the store did not answer in time' THEN '["store silent"]'
        WHEN 'told only, the archive is too large for mail (EMAIL_MAX_MB, EMAIL_MAX_MAILS)' THEN '["told only"]'
        WHEN 'the daily digest was chosen there' THEN '["digest"]'
        WHEN 'trouble only was chosen there' THEN '["trouble only"]'
        WHEN 'none of the databases chosen there has changed' THEN '["databases"]'
        WHEN 'archive pruned' THEN '["pruned"]'
        WHEN 'the archive is gone from the disk' THEN '["archive gone"]'
        WHEN 'the archive was deleted before it could be sent' THEN '["archive deleted"]'
        WHEN 'not a recipient any more' THEN '["no recipient"]'
        WHEN 'the chat has a new id' THEN '["new id"]'
        ELSE CASE
            WHEN said GLOB 'a newer backup took its place: *'
                THEN json_array('newer', json_array('archive', substr(said, 32)))
            WHEN said GLOB 'unchanged since backup [0-9]*, which is there'
                THEN json_array('unchanged', json_array('backup', CAST(substr(said, 24) AS INTEGER)))
            WHEN said GLOB 'Telegram answers: *' THEN json_array('answers', json_array('said', substr(said, 19)))
            WHEN said GLOB 'the mail server answers *' AND said NOT GLOB '*: *'
                THEN json_array('mail answers', json_array('said', substr(said, 25)))
            ELSE json_array('other', json_array('said', said))
        END
    END FROM (
        SELECT reason AS said FROM deliveries WHERE reason <> ''
        UNION SELECT parked_reason FROM recipients WHERE parked_reason <> ''
        UNION SELECT json_extract(each.value, '$[1]') FROM alarms, json_each(facts) AS each
            WHERE json_extract(each.value, '$[0]') = 'said'
            AND (alarms.key GLOB 'unreachable:*' OR alarms.key = 'local files')
    )
    """,
    "UPDATE deliveries SET reason = (SELECT old.reason FROM old_words AS old WHERE said = deliveries.reason)"
    " WHERE reason <> ''",
    "UPDATE recipients SET parked_reason = (SELECT reason FROM old_words WHERE said = parked_reason)"
    " WHERE parked_reason <> ''",
    """
    UPDATE alarms SET facts = (
        SELECT json_group_array(json(fact)) FROM (
            SELECT each.value AS fact FROM json_each(facts) AS each WHERE json_extract(each.value, '$[0]') <> 'said'
            UNION ALL SELECT json_array('cause', json_extract(reason, '$[0]')) FROM json_each(facts) AS each
                JOIN old_words ON said = json_extract(each.value, '$[1]')
                WHERE json_extract(each.value, '$[0]') = 'said'
            UNION ALL SELECT part.value FROM json_each(facts) AS each
                JOIN old_words ON said = json_extract(each.value, '$[1]')
                JOIN json_each(reason) AS part ON part.key > 0
                WHERE json_extract(each.value, '$[0]') = 'said'
        )
    ) WHERE key GLOB 'unreachable:*' OR key = 'local files'
    """,
    "DROP TABLE old_words",
    """
    UPDATE sent_volumes SET undeletable = CASE undeletable
        WHEN 'it was sent before the group became a supergroup' THEN 'before the move' ELSE 'undeletable' END
    WHERE undeletable <> ''
    """,
)


def _other(column: str) -> str:
    return f"json_array('other', json_array('said', {column}))"


_WRITTEN = " bytes and was written with "
_AT = f"instr(fault, '{_WRITTEN}')"
_HAS = f"CAST(replace(substr(fault, 8, {_AT} - 8), ',', '') AS INTEGER)"
_HAD = f"CAST(replace(substr(fault, {_AT} + {len(_WRITTEN)}), ',', '') AS INTEGER)"

# Why a run made no archive, beside the code of its error, and why an archive is no longer good.
REASONS_OF_BACKUPS = (
    f"""
    UPDATE backups SET error = CASE error
        WHEN 'The service was stopped.' THEN json_array('service stopped')
        WHEN 'the run was cut off: the process or the machine stopped' THEN json_array('run cut off')
        ELSE {_other("error")} END
    WHERE error <> ''
    """,
    f"""
    UPDATE backups SET fault = CASE
        WHEN fault = 'It is gone from the disk, and neither retention nor an admin has deleted it.'
            THEN json_array('archive gone')
        WHEN fault = 'It is not what was written (SHA-256).' THEN json_array('archive other')
        WHEN fault = 'It has ' || printf('%,d', {_HAS}) || '{_WRITTEN}' || printf('%,d', {_HAD}) || '.'
            THEN json_array('archive cut', json_array('bytes', {_HAS}), json_array('written', {_HAD}))
        ELSE {_other("fault")} END
    WHERE fault <> ''
    """,
)
_AS_WRITTEN = " is not the archive that was written under its name (SHA-256)."
_CHECKED = "CAST(result AS INTEGER)"
_BEGIN = "' restored and checked: SHA-256, integrity, foreign keys, schema and '"
_ROWS = (
    f"CAST(replace(substr(result, instr(result, {_BEGIN}) + length({_BEGIN})), ',', '') AS INTEGER)"  # up to " rows"
)

# What a test-restore came to. A failed one stood in the note of its backup too, after what a person had noted.
RESULTS_OF_DRILLS = (
    "ALTER TABLE drills RENAME COLUMN detail TO result",
    f"""
    UPDATE drills SET result = CASE
        WHEN result = 'Bytes compared, not opened: no key on this server.' THEN '["compared"]'
        WHEN result = {_CHECKED} || CASE {_CHECKED} WHEN 1 THEN ' database' ELSE ' databases' END || {_BEGIN}
            || printf('%,d', {_ROWS}) || ' rows are as they were.'
            THEN json_array('proven', json_array('checked', {_CHECKED}), json_array('databases', {_CHECKED}),
                json_array('rows', {_ROWS}))
        WHEN substr(result, -{len(_AS_WRITTEN)}) = '{_AS_WRITTEN}' AND instr(result, '. ') = 0
            THEN json_array('other archive',
                json_array('archive', substr(result, 1, length(result) - {len(_AS_WRITTEN)})))
        ELSE json_array('other', json_array('said', result)) END
    """,
    """
    UPDATE alarms SET facts = (
        SELECT json_group_array(json(fact)) FROM (
            SELECT value AS fact FROM json_each(facts) UNION ALL SELECT json_array('cause', 'other')
        )
    ) WHERE key = 'drill' AND instr(facts, '["said"')
    """,
    """
    UPDATE backups SET note = rtrim(substr(note, 1, instr(note, '⚠️ Its test-restore from ') - 1), ' ·')
    WHERE instr(note, '⚠️ Its test-restore from ')
    """,
)

# That no key opens an archive is seen by what is not known of it; its note is for people.
UNOPENED_IS_NO_NOTE = (
    "UPDATE backups SET note = '' WHERE archive_sha256 = '' AND sealed <> '' AND note = 'Found on the disk, sealed, and"
    " no key here opens it: it is kept, and counts as no backup until it is opened.'",
)

# That a backup is a safety copy, its trigger says.
SAFETY_IS_NO_NOTE = (
    "UPDATE backups SET note = '' WHERE trigger = 'safety' AND (note = 'what was there before a restore'"
    " OR note GLOB 'shortly before a restore; backup [0-9]* has all of it and more')",
)

_ROLLED_BACK = "Its application had crashed in the middle of a write: the hot journal was rolled back."
_UNLISTED = "Its rows are not listed by table: the names of its tables alone would be larger than a manifest may be."
_RULE = "Rows break a rule of their table: "

# What is to be known of databases. That their tables are not listed is told apart, as checks depend on it; what is
# more than one warning is kept whole.
WARNINGS_OF_DATABASES = (
    "ALTER TABLE backed_up RENAME COLUMN warning TO warnings",
    f"""
    UPDATE backed_up SET warnings = CASE
        WHEN warnings = '' THEN '[]'
        WHEN warnings = '{_ROLLED_BACK}' THEN '[["recovered"]]'
        WHEN warnings = '{_UNLISTED}' THEN '[["too many tables"]]'
        WHEN substr(warnings, -{len(_UNLISTED) + 1}) = ' {_UNLISTED}' THEN json_array(
            json_array('other', json_array('said', substr(warnings, 1, length(warnings) - {len(_UNLISTED) + 1}))),
            json_array('too many tables'))
        WHEN substr(warnings, 1, {len(_RULE)}) = '{_RULE}' AND substr(warnings, -1) = '.' THEN json_array(
            json_array('broken rule',
                json_array('said', substr(warnings, {len(_RULE) + 1}, length(warnings) - {len(_RULE) + 1}))))
        ELSE json_array({_other("warnings")}) END
    """,
)
