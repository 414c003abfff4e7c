"""What the catalogue keeps of reasons: codes with facts; sentences of earlier versions become them, none is lost."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.errors import CourierError
from bot.models import NO_REASON, OTHER, Action, Actor, Cause, LossCode, PendingOutcome, Reason, because
from bot.services.catalogue import Catalogue
from bot.services.catalogue.schema_actions import FACTS_OF_ACTIONS
from bot.services.catalogue.schema_codes import CODES_OF_ACTORS, CODES_OF_CHECKS
from bot.services.catalogue.schema_meta import FIGURES_OF_RESTORES, REASONS_OF_STORES, SOURCES_OF_RESTORES
from bot.services.catalogue.schema_reasons import (
    REASONS_OF_BACKUPS,
    REASONS_OF_SKIPS,
    SAFETY_IS_NO_NOTE,
    UNOPENED_IS_NO_NOTE,
    WARNINGS_OF_DATABASES,
)
from bot.services.restore.unannounced import BY_HAND, CUT_OFF
from bot.services.restore_chat.confirmed import CONFIRMED
from bot.texts.actions import ACTIONS, actions
from bot.words.actors import actor_words
from bot.words.causes import CAUSES, in_full, sentence_of
from bot.words.checks import unchecked_words
from bot.words.failures import FAILURES, why_failed
from bot.words.losses import loss_words
from bot.words.restores import source_words
from tests.world.catalogue import at_step_before

NOW = datetime(2026, 7, 13, 12, tzinfo=UTC)
PATH = '/srv/it\'s a 100% "shop".db'

LOCKED = (
    f"{PATH} stayed locked by its application for 2.5 s. A long write was going on; raise BUSY_TIMEOUT if this happens"
    " often. If it happens at every backup, its application may have set PRAGMA locking_mode=EXCLUSIVE: it needs"
    " NORMAL."
)
FULL = "The disk of /tmp is full: a copy of 4096 bytes is to be made, and 7 are to spare. Free some space."

A_BACKUP = (
    "INSERT INTO backups (started_at, trigger, requested_by, state)"
    " VALUES ('2026-01-01T00:00:00.000000+00:00', 'schedule', '', 'stored')"
)


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


async def test_what_admins_did_is_known_by_codes(path: Path) -> None:
    """An action and its detail become a code with facts; one that is not known is kept and shown as it was."""
    told = [
        ("pinned", "backup 12", Action.PINNED, (("backup", 12),)),
        ("noted", "backup 3: before 5, to 6", Action.NOTED, (("backup", 3), ("note", "before 5, to 6"))),
        ("removed the note", "backup 3: ", Action.NOTE_REMOVED, (("backup", 3),)),
        ("deleted", "backup 1, a.zip", Action.DELETED, (("backup", 1), ("archive", "a.zip"))),
        ("took a backup again", "backup 1, to -100/7", Action.TAKEN_AGAIN, (("backup", 1), ("recipient", "-100/7"))),
        ("paused", "until 2026-07-13T12:00:00+00:00", Action.PAUSED, (("until", "2026-07-13T12:00:00+00:00"),)),
        ("paused", "", Action.PAUSED, ()),
        ("changed the schedule", "0 3 * * 1 → @daily", Action.SCHEDULE_CHANGED,
         (("before", "0 3 * * 1"), ("after", "@daily"))),
        ("chose messages", "daily digest", Action.MODE_CHOSEN, (("mode", "daily digest"),)),
        ("chose messages", "quiet from 22:00 to 07:00", Action.QUIET_CHOSEN, (("start", "22:00"), ("end", "07:00"))),
        ("chose messages", "quiet from 22:00 to 07:15, alarms too", Action.QUIET_ALARMS_CHOSEN,
         (("start", "22:00"), ("end", "07:15"))),
        ("chose messages", "no quiet hours", Action.NO_QUIET_CHOSEN, ()),
        ("chose messages", "only a.db, b.db", Action.DATABASES_CHOSEN, (("database", "a.db, b.db"),)),
        ("silenced an alarm for themselves", "disk", Action.ALARM_HUSHED, (("alarm", "disk"),)),
        ("sent an archive that was refused", "It is no ZIP.", Action.ARCHIVE_REFUSED, (("said", "It is no ZIP."),)),
        ("restored", "a.db from backup 3 in place", Action.RESTORED, (("said", "a.db from backup 3 in place"),)),
        ("pinned", "backup twelve", Action.PINNED, (("said", "backup twelve"),)),
        ("chose messages", "a new phone", Action.OTHER, (("said", "chose messages: a new phone"),)),
        ("danced", "", Action.OTHER, (("said", "danced"),)),
        ("danced", "all night", Action.OTHER, (("said", "danced: all night"),)),
    ]  # fmt: skip
    with closing(at_step_before(path, FACTS_OF_ACTIONS)) as connection, connection:
        connection.executemany(
            "INSERT INTO audit (at, actor, action, detail) VALUES ('2026-01-01T00:00:00.000000+00:00', 'Ann', ?, ?)",
            [(action, detail) for action, detail, _, _ in told],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        entries = (await catalogue.service.audits())[::-1]
    assert [(one.action, one.facts) for one in entries] == [(action, facts) for *_, action, facts in told]
    shown = actions(entries, 0, NOW, ZoneInfo("UTC"))
    for action, detail, _, _ in told:
        said = f"{action}: {detail.removesuffix(': ')}" if detail else action
        said = said.replace("paused: until", "paused until")  # said so now
        assert said.replace("2026-07-13T12:00:00+00:00", "today 12:00") in shown


def test_every_code_has_its_words() -> None:
    """What is recorded can be said."""
    assert {*CAUSES} == {*Cause, OTHER}
    assert {*ACTIONS} == {*Action}
    assert {*FAILURES} >= {one.code for one in kinds_of_errors(CourierError)}


def kinds_of_errors(kind: type[CourierError]) -> list[type[CourierError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in kinds_of_errors(sub))]


async def test_why_a_run_failed_and_an_archive_is_bad_is_known_by_codes(path: Path) -> None:
    """What a run and an archive came to becomes a code where it is one of ours, and is kept whole where not."""
    cut = because(Cause.ARCHIVE_CUT, bytes=1234567, written=7654321)
    told = [
        ("", "", NO_REASON, NO_REASON),
        ("The service was stopped.", "", Reason(Cause.SERVICE_STOPPED), NO_REASON),
        ("the run was cut off: the process or the machine stopped", "", Reason(Cause.RUN_CUT_OFF), NO_REASON),
        ("The disk is full.", "", Reason(OTHER, (("said", "The disk is full."),)), NO_REASON),
        ("", sentence_of(Reason(Cause.ARCHIVE_GONE)), NO_REASON, Reason(Cause.ARCHIVE_GONE)),
        ("", sentence_of(Reason(Cause.ARCHIVE_OTHER)), NO_REASON, Reason(Cause.ARCHIVE_OTHER)),
        ("", "It has 1,234,567 bytes and was written with 7,654,321.", NO_REASON, cut),
        ("", "It has 12 bytes and was written with none.", NO_REASON,
         Reason(OTHER, (("said", "It has 12 bytes and was written with none."),))),
    ]  # fmt: skip
    with closing(at_step_before(path, REASONS_OF_BACKUPS)) as connection, connection:
        connection.executemany(
            "INSERT INTO backups (started_at, trigger, requested_by, state, error, fault)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', 'schedule', '', 'failed', ?, ?)",
            [(error, fault) for error, fault, _, _ in told],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        backups = sorted(await catalogue.backups.select(), key=lambda one: one.id)
    assert [(one.error, one.fault) for one in backups] == [(error, fault) for *_, error, fault in told]
    assert [(why_failed(one), sentence_of(one.fault)) for one in backups] == [
        (error, fault) for error, fault, _, _ in told
    ]


async def test_that_no_key_opens_an_archive_is_no_note(path: Path) -> None:
    """The note that an earlier version put on a sealed archive goes; what a person noted stays."""
    ours = (
        "Found on the disk, sealed, and no key here opens it: it is kept, and counts as no backup until it is opened."
    )
    told = [(ours, "", ""), (f"{ours} Whose?", "", f"{ours} Whose?"), (ours, "5e", ours), ("before 5", "", "before 5")]
    with closing(at_step_before(path, UNOPENED_IS_NO_NOTE)) as connection, connection:
        connection.executemany(
            "INSERT INTO backups (started_at, trigger, requested_by, state, sealed, note, archive_sha256)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', 'command', 'found on disk', 'stored', 'age', ?, ?)",
            [(note, sha256) for note, sha256, _ in told],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        backups = sorted(await catalogue.backups.select(), key=lambda one: one.id)
    assert [(one.note, one.unopened) for one in backups] == [(note, not sha256) for _, sha256, note in told]


async def test_a_safety_copy_has_no_note_of_ours(path: Path) -> None:
    """To the letter what an earlier version wrote goes; what a person wrote stays, also of another backup."""
    ours, again = "what was there before a restore", "shortly before a restore; backup 12 has all of it and more"
    told = [(ours, "safety", ""), (again, "safety", ""), (f"{ours}!", "safety", f"{ours}!"), (ours, "command", ours)]
    with closing(at_step_before(path, SAFETY_IS_NO_NOTE)) as connection, connection:
        connection.executemany(
            "INSERT INTO backups (started_at, trigger, requested_by, state, note)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', ?, 'Ann', 'stored', ?)",
            [(trigger, note) for note, trigger, _ in told],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        backups = sorted(await catalogue.backups.select(), key=lambda one: one.id)
    assert [one.note for one in backups] == [note for _, _, note in told]


async def test_what_is_to_be_known_of_databases_is_known_by_codes(path: Path) -> None:
    """A single warning of ours becomes its code; that tables are not listed is told apart, the rest is kept whole."""
    crashed, unlisted = Reason(Cause.RECOVERED), Reason(Cause.TOO_MANY_TABLES)
    broken = because(Cause.BROKEN_RULE, said="CHECK constraint failed in child")
    both = Reason(OTHER, (("said", f"{in_full(crashed)} {in_full(broken)}"),))
    told = [(), (crashed,), (unlisted,), (broken,), (both,), (both, unlisted), (Reason(OTHER, (("said", "Odd."),)),)]
    with closing(at_step_before(path, WARNINGS_OF_DATABASES)) as connection, connection:
        connection.execute(A_BACKUP)
        connection.executemany(
            "INSERT INTO backed_up (backup_id, position, name, path, sha256, bytes, compressed_bytes, page_size,"
            " page_count, journal_mode, application_id, user_version, sqlite_version, taken_at, verdict, method,"
            " messages, foreign_key_violations, rows, schema_sha256, warning) VALUES (1, ?, 'shop.db', ?, '', 1, 1, 1,"
            " 1, 'wal', 0, 0, '', '2026-01-01T00:00:00.000000+00:00', 'ok', 'full', '[]', 0, '[]', '', ?)",
            [(position, PATH, " ".join(map(in_full, warnings))) for position, warnings in enumerate(told)],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        (backup,) = await catalogue.backups.select()
    assert [one.warnings for one in backup.databases] == told


async def test_what_kept_checks_from_their_end_stands_apart_from_what_sqlite_says(path: Path) -> None:
    """It stood before that, in words, which are kept; with a check that came to its end, SQLite alone has a say."""
    told = [
        ("could not check", ["its check was stopped after 9 s"]),
        ("could not check", ["no such function: stem", "NULL value in t.a"]),
        ("could not check", []),
        ("ok", ["NULL value in t.a"]),
    ]
    with closing(at_step_before(path, CODES_OF_CHECKS)) as connection, connection:
        connection.execute(A_BACKUP)
        connection.executemany(
            "INSERT INTO backed_up (backup_id, position, name, path, sha256, bytes, compressed_bytes, page_size,"
            " page_count, journal_mode, application_id, user_version, sqlite_version, taken_at, verdict, method,"
            " messages, foreign_key_violations, rows, schema_sha256, warnings) VALUES (1, ?, 'shop.db', ?, '', 1, 1, 1,"
            " 1, 'wal', 0, 0, '', '2026-01-01T00:00:00.000000+00:00', ?, 'full', ?, 0, '[]', '', '[]')",
            [(position, PATH, verdict, json.dumps(lines)) for position, (verdict, lines) in enumerate(told)],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        (backup,) = await catalogue.backups.select()
    assert [(unchecked_words(one.unchecked), one.messages) for one in backup.databases] == [
        ("its check was stopped after 9 s", ()),
        ("no such function: stem", ("NULL value in t.a",)),
        ("", ()),
        ("", ("NULL value in t.a",)),
    ]


async def test_who_asked_is_a_code_where_it_is_no_person(path: Path) -> None:
    """People stay as they were recorded, whatever they are called."""
    told = [
        ("schedule", "the schedule", Actor.SCHEDULE),
        ("button", "Ann (11)", "Ann (11)"),
        ("command", "the command line", Actor.COMMAND_LINE),
        ("command", "the end of shop.py", Actor.PROGRAM_END),
        ("button", "the end of the world", "the end of the world"),
        ("command", "found on disk", Actor.DISK),
        ("command", "learned from the chat", Actor.CHAT),
        ("safety", "run --restore-if-missing", Actor.RESTORE_IF_MISSING),
    ]
    at = "2026-01-01T00:00:00.000000+00:00"
    with closing(at_step_before(path, CODES_OF_ACTORS)) as connection, connection:
        connection.executemany(
            f"INSERT INTO backups (started_at, trigger, requested_by, state) VALUES ('{at}', ?, ?, 'stored')",
            [(trigger, by) for trigger, by, _ in told],
        )
        connection.executemany(
            f"INSERT INTO audit (at, actor, action, facts) VALUES ('{at}', ?, 'started a backup', '[]')",
            [("the command line",), ("the end of shop.py",), ("Ann (11)",)],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        backups = sorted(await catalogue.backups.select(), key=lambda backup: backup.id)
        done = await catalogue.service.audits()
    assert [backup.requested_by for backup in backups] == [by for _, _, by in told]
    assert {entry.actor for entry in done} == {Actor.COMMAND_LINE, Actor.PROGRAM_END, "Ann (11)"}
    assert all(actor_words(actor) != str(actor) for actor in (Actor.PROGRAM_END, Actor.COMMAND_LINE, Actor.DISK))


async def test_what_restores_by_hand_have_lost_is_known_in_figures(path: Path) -> None:
    """What an earlier version said of tables, whatever they are called, becomes figures; the rest is kept whole."""
    facts: list[tuple[LossCode, dict[str, str | int]]] = [
        (LossCode.ROWS, {"newer": 1}),
        (LossCode.ROWS, {"newer": 12_345, "changed": 1}),
        (LossCode.ROWS, {"newer": 2, "changed": 1_000_000}),
        (LossCode.ROWS, {"changed": 1}),
        (LossCode.ROWS, {"changed": 2_000}),
        (LossCode.MORE_ROWS, {"newer": 1}),
        (LossCode.MORE_ROWS, {"newer": 1_200}),
        (LossCode.LOOSE_ROWS, {"rows": 7}),
        (LossCode.TABLE, {"rows": 0}),
        (LossCode.TABLE, {"rows": 1_500}),
        (LossCode.TABLE, {"rows": -1}),
        (LossCode.COLUMN, {"column": "it's"}),
    ]
    tables = ("entries", "it's", "a “b” c", "x” and changes to 3 rows", "rows, or more", "")
    told = [Reason(code, (("table", table), *known.items())) for table in tables for code, known in facts]
    strange = ("5 newer row of “t”", "1,2 newer rows of “t”", "12345 newer rows of “t”", "rows", "", "all of it", "“”")
    said = [*map(loss_words, told), *strange]
    news = {"at": NOW.isoformat(), "undo": False, "source": "backup 3", "databases": ["a.db"], "lost": said}
    cut = {
        "id": "ab", "started_at": NOW.isoformat(), "requested_by": "Ann", "source": "backup 3", "undoable": True,
        "databases": [["a.db", "as before"]], "sentence": "The restore of …", "hint": "Nothing was changed.",
    }  # fmt: skip
    with closing(at_step_before(path, FIGURES_OF_RESTORES)) as connection, connection:
        connection.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)",
            [("restored by hand", json.dumps([news, news | {"lost": []}])), ("untold", json.dumps(cut))],
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        first, second = await BY_HAND.get(catalogue) or ()
        pending = await CUT_OFF.get(catalogue)
        kept = await catalogue.service.unannounced()
    assert pending is not None
    assert (pending.undoable, dict(pending.databases)) == (True, {"a.db": PendingOutcome.OLD})
    assert "sentence" not in kept
    assert "hint" not in kept
    assert [loss_words(lost) for lost in first.lost] == said
    assert [lost.code for lost in first.lost[len(told) :]] == [OTHER] * len(strange)
    plain = [(lost.code, dict(lost.facts)) for lost in first.lost[: 2 * len(facts)]]
    assert plain == [(code, {"table": table} | known) for table in tables[:2] for code, known in facts]
    assert second.lost == ()


async def test_a_catalogue_with_nothing_to_tell_of_restores(path: Path) -> None:
    """What was told is an empty text, which is no JSON."""
    with closing(at_step_before(path, FIGURES_OF_RESTORES)) as connection, connection:
        connection.executemany("INSERT INTO meta VALUES (?, '')", [("restored by hand",), ("untold",)])
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        assert (await BY_HAND.get(catalogue), await CUT_OFF.get(catalogue)) == (None, None)


async def test_what_object_stores_have_lost_is_known_by_codes(path: Path) -> None:
    """The lines of an earlier version become store, archive and reason; what reading found is kept whole."""
    store, other = "s3://it's/a: b is c", "gs://bucket"
    cut = because(Cause.ARCHIVE_CUT, bytes=1_234_567, written=7)
    lines = {
        store: [
            f"{store}: a.zip is gone from the store, and not by us.",
            f"{store}: b.zip is cut: it has 1,234,567 bytes and was written with 7.",
            f"{store}: c.zip is c.zip is damaged: shop.db is cut off..",
        ],
        other: [f"{other}: d.zip is cut: it has 12 bytes and was written with none."],
    }
    with closing(at_step_before(path, REASONS_OF_STORES)) as connection, connection:
        connection.execute("INSERT INTO meta VALUES ('store faults', ?)", (json.dumps(lines),))
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        assert await catalogue.archives.store_faults() == (
            (store, "a.zip", Reason(Cause.STORED_GONE)),
            (store, "b.zip", cut),
            (store, "c.zip", Reason(OTHER, (("said", "c.zip is damaged: shop.db is cut off."),))),
            (other, "d.zip", Reason(OTHER, (("said", "cut: it has 12 bytes and was written with none."),))),
        )
        await catalogue.archives.set_store_faults(store, {"b.zip": cut})
        await catalogue.archives.set_store_faults(other, {})
        assert await catalogue.archives.store_faults() == ((store, "b.zip", cut),)


async def test_where_restores_came_from_is_kept_as_it_was_said(path: Path) -> None:
    """The words of an earlier version say the same, of what is yet to be told."""
    words = "the state before the restore of backup 3 of 13 Jul 2026, 05:00"
    news = {"at": NOW.isoformat(), "undo": True, "source": words, "databases": ["a.db"], "lost": []}
    cut = {
        "id": "ab", "started_at": NOW.isoformat(), "requested_by": "Ann", "source": words,
        "databases": [["a.db", "as before"]],
    }  # fmt: skip
    confirmed = {"at": NOW.isoformat(), "requested_by": "Ann", "source": words, "databases": ["a.db"]}
    told = {"restored by hand": [news, news], "untold": cut, "confirmed restore": confirmed}
    with closing(at_step_before(path, SOURCES_OF_RESTORES)) as connection, connection:
        rows = [(about, json.dumps(what)) for about, what in told.items()]
        connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows)
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        by_hand = await BY_HAND.get(catalogue) or ()
        known = [await CUT_OFF.get(catalogue), await CONFIRMED.get(catalogue), *by_hand]
    assert [source_words(one.source, ZoneInfo("UTC")) for one in known if one is not None] == [words] * 4
