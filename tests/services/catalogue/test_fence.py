"""No sentence of ours is kept in the catalogue: a service with troubles of many kinds, and what it has written down."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot import models
from bot.app.service import open_courier
from bot.clock import utc_now
from bot.config.settings import load_settings
from bot.errors import CourierError
from bot.models import OTHER, Cause, MessageMode, OutcomeCode, QuietHours, Reason, Recipient, Trigger
from bot.services.alarms.checks import AlarmChecks
from bot.services.contracts.destination import OutgoingVolume
from bot.services.manager import Courier
from bot.services.restore.journal import RecordState, RestoreJournal
from bot.services.restore.pending import pending_restore
from bot.services.restore.unannounced import report_by_hand
from bot.services.restore_chat.confirmed import note_confirmed
from bot.services.restore_chat.pending_plans import Requester
from bot.texts.actions import ACTIONS
from bot.words.causes import CAUSES
from bot.words.checks import UNCHECKED
from tests.world.databases import damage, make_database, write_env
from tests.world.places import BUCKET, URL, object_destination, s3_client
from tests.world.service import add_rows

FROM_OUTSIDE = {"said", "note", "kind"}
"""Facts that are not our words: of SQLite, of the system, of a person, of Python."""

OUTSIDE = {("backups", "note"), ("backed_up", "messages"), ("meta", "key")}
"""Columns that say nothing in our words: a person's, SQLite's, names of ours."""

CODES = {code for known in vars(models).values() if isinstance(known, type(StrEnum)) for code in known}
"""What stands for words, and may look like them."""

SENTENCE = re.compile(r"[a-z] [a-z]+ [a-z]")

FIGURES = {"needed", "free", "error"}
"""Facts that are counted or looked up, and stand in no sentence by themselves."""

ANN, HERE = Requester(admin_id=11, name="Ann (11)"), (11, 1)


async def back_up(courier: Courier) -> int:
    return (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup.id


async def test_what_is_recorded_are_codes_that_the_words_know(tmp_path: Path, s3: str) -> None:
    """Each code is one that has words, each fact one that those words name, and nothing else reads like a sentence."""
    good = make_database(tmp_path / "good.db")
    with closing(sqlite3.connect(good)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("CREATE TABLE sizes (size CHECK (size > 0))")
        connection.execute("INSERT INTO sizes VALUES (-1)")
    with closing(sqlite3.connect(make_database(unknown := tmp_path / "unknown.db"))) as connection, connection:
        connection.create_collation("own", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE words (word TEXT COLLATE own PRIMARY KEY)")
    empty, text, bad = tmp_path / "empty.db", tmp_path / "text.db", damage(make_database(tmp_path / "bad.db"))
    empty.touch()
    text.write_text("this is no database, but it is long enough to be looked at " * 30)
    (tmp_path / "folder.db").mkdir()
    troubled = (unknown, empty, text, bad, tmp_path / "missing.db", tmp_path / "folder.db", tmp_path / "*.none")
    settings = load_settings(write_env(tmp_path, (good, *troubled), ADMIN_IDS="11,12"), need_telegram=False)
    async with open_courier(settings, deliver=False) as courier:
        store = courier.store.folder
        kept, cut, flipped = [await back_up(courier) for _ in range(3)]
        archive = {one.id: store / one.archive_name for one in await courier.catalogue.backups.select()}
        archive[cut].write_bytes(archive[cut].read_bytes()[:-1])
        content = bytearray(archive[flipped].read_bytes())
        content[100] ^= 1
        archive[flipped].write_bytes(content)
        with suppress(CourierError):
            await courier.drills.prove(archive[flipped], await courier.catalogue.backups.get(flipped))
        deleted, gone = await back_up(courier), await back_up(courier)
        await act(courier, kept, deleted)
        await lose_in_a_store(courier, s3, kept)
        await restore(courier, kept, good)
        await courier.catalogue.recipients.park(Recipient(chat_id=12), Reason(OutcomeCode.BLOCKED))
        (store / (await courier.catalogue.backups.get(gone)).archive_name).unlink()
        good.unlink()
        unknown.unlink()
        with suppress(CourierError):
            await back_up(courier)
        await look(courier)
        await courier.stop()
    async with open_courier(settings, deliver=False):
        pass  # a start takes stock of the disk
    with closing(sqlite3.connect(store / "catalogue.db")) as catalogue:
        reasons = catalogue.execute(
            "SELECT why FROM skipped UNION ALL SELECT error FROM backups UNION ALL SELECT fault FROM backups"
        ).fetchall()
        warnings = catalogue.execute("SELECT value FROM backed_up, json_each(warnings)").fetchall()
        unchecked = catalogue.execute("SELECT DISTINCT unchecked FROM backed_up WHERE unchecked <> ''").fetchall()
        actions = catalogue.execute("SELECT action, facts FROM audit").fetchall()
        notes = {note for (note,) in catalogue.execute("SELECT note FROM backups")}
        filled, sentences = everything_in(catalogue)
        assert catalogue.execute("SELECT count(*) FROM backups WHERE trigger = 'safety'").fetchone()[0]
    assert notes == {"", "before the great migration"}  # those of people
    assert filled >= {"alarms", "audit", "deliveries", "drills", "overrides", "preferences", "recipients", "skipped"}
    assert filled >= {"meta: untold", "meta: restored by hand", "meta: confirmed restore", "meta: store faults"}
    assert sentences == []
    told: list[tuple[Any, list[Any]]] = [(CAUSES, json.loads(why)) for (why,) in [*reasons, *warnings] if why]
    told += [(UNCHECKED, json.loads(why)) for (why,) in unchecked]
    told += [(ACTIONS, [action, *json.loads(facts)]) for action, facts in actions]
    assert {"empty", "no sqlite", "missing", "check failed", "no match", "folder"} <= {code for _, (code, *_) in told}
    assert {"broken rule", "archive cut", "other archive", "archive gone"} <= {code for _, (code, *_) in told}
    assert {"restored", "noted", "paused", "changed the schedule", "deleted"} <= {code for _, (code, *_) in told}
    assert "sqlite says" in {code for _, (code, *_) in told}
    for known, (code, *facts) in told:
        assert code in known
        assert code != OTHER
        named = set(re.findall(r"\{(\w+)", " ".join(map(str, known[code])))) | FROM_OUTSIDE | FIGURES
        for name, value in facts:
            assert name in {*named, "path", "backup"}, (code, name)
            assert name in FROM_OUTSIDE or not re.search(r"[a-z] [a-z]+ [a-z]", str(value)), (code, name, value)


async def act(courier: Courier, kept: int, deleted: int) -> None:
    """What admins do: by each of the services that write it down."""
    await courier.housekeeping.pin(kept, True, actor="Ann (11)")
    await courier.housekeeping.note(kept, "before the great migration", actor="Ann (11)")
    await courier.housekeeping.delete(deleted, actor="Ann (11)")
    await courier.timetable.change("30 3 * * 1", actor="Ann (11)")
    await courier.timetable.pause(actor="Ann (11)")
    await courier.preferences.choose_mode(11, MessageMode.DIGEST, actor="Ann (11)")
    await courier.preferences.choose_quiet(11, QuietHours(start=60, end=120), actor="Ann (11)")
    await courier.people.add_admin(13, "Bea", actor="Ann (11)")
    await courier.people.remove_admin(13, actor="Ann (11)")


async def restore(courier: Courier, kept: int, good: Path) -> None:
    """Restore, go back, and let the process die in the middle of another one; by hand too, with much that is lost."""
    restores, catalogue = courier.restores, courier.catalogue
    add_rows(good, 7)
    with closing(sqlite3.connect(good)) as connection, connection:
        connection.execute("CREATE TABLE own (word)")
        connection.execute("INSERT INTO own VALUES ('x')")
    pending = await restores.plan((await restores.choose(f"b{kept}", ANN)).id, ANN)
    restores.shown(pending, HERE)
    result = await (await restores.begin(pending.id, ANN, HERE))
    undo = await restores.plan_undo(result.id, ANN)
    for plan in (pending.prepared.plan, undo.prepared.plan):
        await report_by_hand(catalogue, plan, result)
    await note_confirmed(catalogue, undo, result.safety.started_at)
    journal = RestoreJournal(courier.store.control)
    record = journal.read()
    journal.write(replace(record, state=RecordState.UNDER_WAY))
    assert await pending_restore(restores.context) is not None


async def lose_in_a_store(courier: Courier, s3: str, kept: int) -> None:
    """Two archives in a bucket, of which one is taken away and one is cut."""
    destination, client = object_destination(courier.catalogue, s3, clock=utc_now), s3_client(s3)
    store = Recipient(place=URL)
    for backup_id in (kept, await back_up(courier), await back_up(courier)):
        backup = await courier.catalogue.backups.get(backup_id)
        archive = courier.store.folder / backup.archive_name
        (volume,) = destination.cut(store, archive, backup.archive_bytes)
        await destination.send_volume(store, OutgoingVolume(volume=volume, caption="", silent=True))
        key = f"{URL.removeprefix(f's3://{BUCKET}/')}/{backup.archive_name}"
        if backup_id == kept:
            client.delete_object(Bucket=BUCKET, Key=key)
        else:
            client.put_object(Bucket=BUCKET, Key=key, Body=b"cut")
    faults = await courier.catalogue.archives.store_faults()
    assert {fault.why.code for fault in faults} == {Cause.STORED_GONE, Cause.ARCHIVE_CUT}


async def look(courier: Courier) -> None:
    """What a service looks at every half minute."""
    checks = AlarmChecks(
        courier.alarms, courier.catalogue, courier.store, courier.timetable,
        running=lambda: None, stale_after=timedelta(), people=courier.people,
        take_stock=courier.housekeeping.take_stock,
    )  # fmt: skip
    for check in checks.all:
        await check()
    assert len(await courier.alarms.open_alarms()) >= 3


def everything_in(catalogue: sqlite3.Connection) -> tuple[set[str], list[tuple[str, str, str]]]:
    """Return which tables and keys of meta hold something, and every text in any column that reads like a sentence."""
    filled, sentences = set[str](), list[tuple[str, str, str]]()
    for (table,) in catalogue.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        rows = catalogue.execute(f"SELECT * FROM {table}")
        columns = [column for column, *_ in rows.description]
        for row in rows.fetchall():
            filled |= {table if table != "meta" else f"meta: {row[0]}"} if any(row[1:]) else set()
            sentences += [
                (table, column, text)
                for column, value in zip(columns, row, strict=True)
                if isinstance(value, str) and (table, column) not in OUTSIDE
                for text in texts_in(value)
                if text == OTHER or (SENTENCE.search(text) and text not in CODES)
            ]
    return filled, sentences


def texts_in(value: object) -> Iterator[str]:
    """Give every text in what a column holds, also in its JSON, but for facts from outside."""
    if isinstance(value, str):
        with suppress(ValueError):
            if not isinstance(decoded := json.loads(value), (str, int, float)):
                yield from texts_in(decoded)
                return
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in texts_in(each))
    elif isinstance(value, list) and (len(value) != 2 or str(value[0]) not in FROM_OUTSIDE):
        yield from (text for each in value for text in texts_in(each))
