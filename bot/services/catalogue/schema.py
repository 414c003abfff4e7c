"""Creates and migrates the tables of the catalogue: one step per version, counted by SQLite's `user_version`.

A step is never edited once it was released; a change is a new step at the end of `STEPS`.
"""

from __future__ import annotations

import re

from bot.services.catalogue.schema_actions import FACTS_OF_ACTIONS
from bot.services.catalogue.schema_codes import CODES_OF_ACTORS, CODES_OF_ALARMS, CODES_OF_CHECKS, FIGURES_OF_SKIPS
from bot.services.catalogue.schema_meta import FIGURES_OF_RESTORES, REASONS_OF_STORES, SOURCES_OF_RESTORES
from bot.services.catalogue.schema_reasons import (
    REASONS_OF_BACKUPS,
    REASONS_OF_DELIVERIES,
    REASONS_OF_SKIPS,
    RESULTS_OF_DRILLS,
    SAFETY_IS_NO_NOTE,
    UNOPENED_IS_NO_NOTE,
    WARNINGS_OF_DATABASES,
)
from bot.services.catalogue.schema_recipients import PARKED_SINCE
from bot.services.catalogue.schema_taken_over import DEFLATED_BYTES, DEFLATED_CRC32, TAKEN_OVER

# Written into the file's header, so that `file` and we tell a catalogue from somebody else's database.
# https://www.sqlite.org/pragma.html#pragma_application_id
APPLICATION_ID = 0x53514352  # "SQCR"

# 1: backups and what they hold, the ledger of deliveries, recipients, and the service's own memory.
_VERSION_1 = (
    # AUTOINCREMENT: an id in an old chat message must never come to mean another backup.
    """
    CREATE TABLE backups (
        id             INTEGER PRIMARY KEY AUTOINCREMENT,
        started_at     TEXT NOT NULL,
        trigger        TEXT NOT NULL,
        requested_by   TEXT NOT NULL,
        state          TEXT NOT NULL,
        finished_at    TEXT,
        archive_name   TEXT NOT NULL DEFAULT '',
        archive_bytes  INTEGER NOT NULL DEFAULT 0,
        archive_sha256 TEXT NOT NULL DEFAULT '',
        error_code     TEXT NOT NULL DEFAULT '',
        error          TEXT NOT NULL DEFAULT '',
        pinned         INTEGER NOT NULL DEFAULT 0,
        on_disk        INTEGER NOT NULL DEFAULT 0,
        note           TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX backups_by_time ON backups (started_at, id)",
    "CREATE INDEX backups_by_state ON backups (state)",
    # Two files of one folder can't share a name, but the name of a deleted archive may come back after a clock change.
    "CREATE UNIQUE INDEX backups_by_archive ON backups (archive_name) WHERE on_disk = 1",
    """
    CREATE TABLE backed_up (
        backup_id              INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        position               INTEGER NOT NULL,
        name                   TEXT NOT NULL,
        path                   TEXT NOT NULL,
        sha256                 TEXT NOT NULL,
        bytes                  INTEGER NOT NULL,
        compressed_bytes       INTEGER NOT NULL,
        page_size              INTEGER NOT NULL,
        page_count             INTEGER NOT NULL,
        journal_mode           TEXT NOT NULL,
        application_id         INTEGER NOT NULL,
        user_version           INTEGER NOT NULL,
        sqlite_version         TEXT NOT NULL,
        taken_at               TEXT NOT NULL,
        verdict                TEXT NOT NULL,
        method                 TEXT NOT NULL,
        messages               TEXT NOT NULL,  -- JSON: [line, …]
        foreign_key_violations INTEGER NOT NULL,
        rows                   TEXT NOT NULL,  -- JSON: [[table, rows], …]
        schema_sha256          TEXT NOT NULL,
        warning                TEXT NOT NULL,
        PRIMARY KEY (backup_id, position)
    )
    """,
    "CREATE INDEX backed_up_by_name ON backed_up (name, backup_id)",
    """
    CREATE TABLE skipped (
        backup_id INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        position  INTEGER NOT NULL,
        name      TEXT NOT NULL,
        path      TEXT NOT NULL,
        reason    TEXT NOT NULL,
        detail    TEXT NOT NULL,
        PRIMARY KEY (backup_id, position)
    )
    """,
    "CREATE TABLE database_names (path TEXT PRIMARY KEY, name TEXT NOT NULL)",
    """
    CREATE TABLE deliveries (
        backup_id   INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        address     TEXT NOT NULL,
        state       TEXT NOT NULL,
        attempts    INTEGER NOT NULL DEFAULT 0,
        next_try_at TEXT,
        reason      TEXT NOT NULL DEFAULT '',
        sent_at     TEXT,
        PRIMARY KEY (backup_id, address)
    )
    """,
    "CREATE INDEX deliveries_by_state ON deliveries (state, address)",
    # ON UPDATE CASCADE: when a group becomes a supergroup, its deliveries move to the new address with their volumes.
    """
    CREATE TABLE sent_volumes (
        backup_id  INTEGER NOT NULL,
        address    TEXT NOT NULL,
        number     INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        sent_at    TEXT NOT NULL,
        PRIMARY KEY (backup_id, address, number),
        FOREIGN KEY (backup_id, address) REFERENCES deliveries (backup_id, address) ON UPDATE CASCADE ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE volumes (
        backup_id INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        number    INTEGER NOT NULL,
        file_id   TEXT,
        bytes     INTEGER NOT NULL,
        sha256    TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (backup_id, number)
    )
    """,
    """
    CREATE TABLE recipients (
        address       TEXT PRIMARY KEY,
        name          TEXT NOT NULL DEFAULT '',
        parked_reason TEXT NOT NULL DEFAULT '',
        last_sent_at  TEXT
    )
    """,
    "CREATE TABLE migrations (old_chat_id INTEGER PRIMARY KEY, new_chat_id INTEGER NOT NULL, at TEXT NOT NULL)",
    """
    CREATE TABLE overrides (
        name    TEXT PRIMARY KEY,
        value   TEXT NOT NULL,
        set_by  TEXT NOT NULL,
        set_at  TEXT NOT NULL,
        until   TEXT
    )
    """,
    """
    CREATE TABLE heartbeat (
        id          INTEGER PRIMARY KEY CHECK (id = 1),
        at          TEXT NOT NULL,
        pid         INTEGER NOT NULL,
        started_at  TEXT NOT NULL,
        next_run_at TEXT,
        stopped     INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE audit (
        id     INTEGER PRIMARY KEY AUTOINCREMENT,
        at     TEXT NOT NULL,
        actor  TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL
    )
    """,
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
)

# 2: test-restores, and the one message that is kept pinned in each admin's private chat.
_VERSION_2 = (
    """
    CREATE TABLE drills (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        backup_id INTEGER NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
        at        TEXT NOT NULL,
        source    TEXT NOT NULL,
        ok        INTEGER NOT NULL,
        detail    TEXT NOT NULL
    )
    """,
    "CREATE INDEX drills_by_backup ON drills (backup_id, id)",
    """
    CREATE TABLE pinned_messages (
        chat_id    INTEGER PRIMARY KEY,
        message_id INTEGER NOT NULL,
        unique_id  TEXT NOT NULL  -- Telegram's name for the bytes that we last put there
    )
    """,
)

# For whom an archive is sealed (empty: not sealed), and whether a test-restore could open what it read.
_SEALING = (
    "ALTER TABLE backups ADD COLUMN sealed TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE drills ADD COLUMN opened INTEGER NOT NULL DEFAULT 1",
)

# What each admin chose for their own chat, the messages that are edited there over a day, and what was tidied away.
_PREFERENCES = (
    """
    CREATE TABLE preferences (
        admin_id     INTEGER PRIMARY KEY,
        mode         TEXT NOT NULL,
        since        TEXT,              -- when the mode was chosen
        quiet_start  INTEGER,           -- minutes of the local day
        quiet_end    INTEGER,
        quiet_alarms INTEGER NOT NULL DEFAULT 0,
        databases    TEXT               -- JSON: [name, …]; NULL is all of them, also those to come
    )
    """,
    """
    CREATE TABLE kept_messages (
        address    TEXT NOT NULL,
        kind       TEXT NOT NULL,
        subject    TEXT NOT NULL,       -- a digest's day, or the backup since which nothing changed
        message_id INTEGER NOT NULL,
        shown      TEXT NOT NULL,       -- the hash of what stands there
        written_at TEXT NOT NULL,
        PRIMARY KEY (address, kind, subject)
    )
    """,
    "ALTER TABLE backups ADD COLUMN same_as INTEGER",
    "ALTER TABLE sent_volumes ADD COLUMN deleted_at TEXT",
    "ALTER TABLE sent_volumes ADD COLUMN undeletable TEXT NOT NULL DEFAULT ''",
)

# Alarms, where they were told, and what a backup holds much less of than the one before it.
_ALARMS = (
    """
    CREATE TABLE alarms (
        id       TEXT PRIMARY KEY,
        key      TEXT NOT NULL,
        title    TEXT NOT NULL,
        sentence TEXT NOT NULL,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        ending   TEXT NOT NULL DEFAULT '',
        accepted INTEGER NOT NULL DEFAULT 0,
        base     TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE UNIQUE INDEX alarms_open ON alarms (key) WHERE ended_at IS NULL",
    """
    CREATE TABLE alarm_messages (
        alarm_id    TEXT NOT NULL REFERENCES alarms (id) ON DELETE CASCADE,
        address     TEXT NOT NULL,      -- a recipient's, or the fingerprint of a phone's URL
        message_id  INTEGER,            -- NULL until it was told
        sent_at     TEXT,
        reminded_at TEXT,
        quiet_until TEXT,
        shown       TEXT NOT NULL DEFAULT '',
        done        INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (alarm_id, address)
    )
    """,
    "ALTER TABLE backups ADD COLUMN shrunken TEXT NOT NULL DEFAULT '[]'",  # JSON: [line, …]
)

# Why an archive is no longer good (cut, damaged; with `on_disk` 0: gone), and which state of the file was found so.
_FAULTS = (
    *(f"ALTER TABLE backups ADD COLUMN {column} TEXT NOT NULL DEFAULT ''" for column in ("fault", "faulty_file")),
)

# What was once backed up is expected until an admin says that it is rightly gone.
_LET_GO = ("ALTER TABLE database_names ADD COLUMN let_go_at TEXT",)

# Which bot sent what is recorded here, whether its token was ever accepted, and which chats have an auto-delete timer.
_TELEGRAM = (
    """
    CREATE TABLE telegram_bot (
        id         INTEGER PRIMARY KEY CHECK (id = 1),
        bot_id     INTEGER NOT NULL,
        good_token TEXT NOT NULL DEFAULT ''  -- the fingerprint of the token that Telegram has accepted
    )
    """,
    "ALTER TABLE recipients ADD COLUMN auto_delete INTEGER NOT NULL DEFAULT 0",  # seconds; 0: the chat has no timer
)

# Until when a safety copy is kept. Those that their restore pinned for good, and nobody by hand since, get the same
# thirty days, and a week from now at least, in which somebody can still pin them.
_SAFETY_COPIES = (
    "ALTER TABLE backups ADD COLUMN keep_until TEXT",
    """
    UPDATE backups SET pinned = 0, keep_until = max(
        strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', started_at, '+30 days'),
        strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 'now', '+7 days'))
    WHERE trigger = 'safety' AND pinned = 1
        AND NOT EXISTS (SELECT 1 FROM audit WHERE action = 'pinned' AND detail = 'backup ' || backups.id)
    """,
)

STEPS: tuple[tuple[str, ...], ...] = (
    *(_VERSION_1, _VERSION_2, _SEALING, _PREFERENCES, _ALARMS, _FAULTS, _LET_GO),
    *(_TELEGRAM, TAKEN_OVER, CODES_OF_ALARMS, FIGURES_OF_SKIPS, _SAFETY_COPIES, REASONS_OF_SKIPS),
    *(FACTS_OF_ACTIONS, REASONS_OF_DELIVERIES, REASONS_OF_BACKUPS, RESULTS_OF_DRILLS),
    *(UNOPENED_IS_NO_NOTE, WARNINGS_OF_DATABASES, SAFETY_IS_NO_NOTE, FIGURES_OF_RESTORES, DEFLATED_BYTES, PARKED_SINCE),
    *(REASONS_OF_STORES, SOURCES_OF_RESTORES, CODES_OF_CHECKS, CODES_OF_ACTORS, DEFLATED_CRC32),
)
VERSION = len(STEPS)

# What a whole catalogue of this version holds; a file that lacks one of them is broken.
TABLES = frozenset(name for step in STEPS for sql in step for name in re.findall(r"CREATE TABLE (\w+)", sql))
