"""What the catalogue keeps of reasons: codes with facts; sentences of earlier versions become them, none is lost."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.models import OTHER, Cause, Reason, because
from bot.services.catalogue import Catalogue, schema
from bot.services.catalogue.schema_reasons import REASONS_OF_SKIPS
from bot.words.causes import in_full

NOW = datetime(2026, 7, 13, 12, tzinfo=UTC)
PATH = '/srv/it\'s a 100% "shop".db'

LOCKED = (
    f"{PATH} stayed locked by its application for 2.5 s. A long write was going on; raise BUSY_TIMEOUT if this happens"
    " often. If it happens at every backup, its application may have set PRAGMA locking_mode=EXCLUSIVE: it needs"
    " NORMAL."
)
FULL = "The disk of /tmp is full: a copy of 4096 bytes is to be made, and 7 are to spare. Free some space."


def at_step_before(path: Path, step: tuple[str, ...]) -> sqlite3.Connection:
    """A catalogue as the version wrote it whose next step is this one."""
    version = schema.STEPS.index(step)
    connection = sqlite3.connect(path)
    for statement in (sql for one in schema.STEPS[:version] for sql in one):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


async def test_why_databases_were_skipped_is_known_by_codes(path: Path) -> None:
    """A sentence of ours becomes its code and facts; what is not, to the letter, one of ours is kept whole."""
    told = [
        ("missing", f"{PATH} does not exist.", because(Cause.MISSING, path=PATH)),
        (
            "gone",
            f"{PATH} is gone: /srv/*.db found it there before.",
            because(Cause.GONE, path=PATH, pattern="/srv/*.db"),
        ),
        ("busy", LOCKED, because(Cause.LOCKED, path=PATH, waited="2.5")),
        ("damaged", "The database is damaged: row 1 missing.", because(Cause.CHECK_FAILED, said="row 1 missing")),
        (
            "damaged",
            f"{PATH} is damaged: SQLite says “disk image ”. is”. Restore it from the last good backup.",
            because(Cause.DAMAGED, path=PATH, said="disk image ”. is"),
        ),
        ("failed", "It was skipped; why is in the archive's backup_info.txt.", because(Cause.IN_BACKUP_INFO)),
        ("missing", f"{PATH} does not exist!", Reason(OTHER, (("said", f"{PATH} does not exist!"),))),
        ("missing", "", Reason(OTHER, (("said", ""),))),
        ("no space", FULL, Reason(OTHER, (("said", FULL), ("needed", 4096), ("free", 7)))),
    ]
    with closing(at_step_before(path, REASONS_OF_SKIPS)) as connection, connection:
        connection.execute(
            "INSERT INTO backups (started_at, trigger, requested_by, state)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', 'schedule', '', 'partial')"
        )
        figures = '[["needed", 4096], ["free", 7]]'
        connection.executemany(
            "INSERT INTO skipped VALUES (1, ?, 'shop.db', ?, ?, ?, ?)",
            [
                (position, PATH, reason, words, figures if words == FULL else "[]")
                for position, (reason, words, _) in enumerate(told)
            ],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        (backup,) = await catalogue.backups.select()
    assert [(str(one.reason), one.why) for one in backup.skipped] == [(reason, why) for reason, _, why in told]
    assert [in_full(one.why) for one in backup.skipped] == [words for _, words, _ in told]
