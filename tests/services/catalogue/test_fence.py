"""No sentence of ours is kept in the catalogue: a service with troubles of many kinds, and what it has written down."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.errors import CourierError
from bot.models import OTHER, MessageMode, QuietHours, Trigger
from bot.services.manager import Courier
from bot.services.restore_chat.pending_plans import Requester
from bot.texts.actions import ACTIONS
from bot.words.causes import CAUSES
from tests.world.databases import damage, make_database, write_env

FROM_OUTSIDE = {"said", "note", "kind"}
"""Facts that are not our words: of SQLite, of the system, of a person, of Python."""

FIGURES = {"needed", "free", "error"}
"""Facts that are counted or looked up, and stand in no sentence by themselves."""

ANN, HERE = Requester(admin_id=11, name="Ann (11)"), (11, 1)


async def back_up(courier: Courier) -> int:
    return (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup.id


async def test_what_is_recorded_are_codes_that_the_words_know(tmp_path: Path) -> None:
    """Each code is one that has words, each fact one that those words name, and nothing else reads like a sentence."""
    good = make_database(tmp_path / "good.db")
    with closing(sqlite3.connect(good)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("CREATE TABLE sizes (size CHECK (size > 0))")
        connection.execute("INSERT INTO sizes VALUES (-1)")
    empty, text, bad = tmp_path / "empty.db", tmp_path / "text.db", damage(make_database(tmp_path / "bad.db"))
    empty.touch()
    text.write_text("this is no database, but it is long enough to be looked at " * 30)
    (tmp_path / "folder.db").mkdir()
    troubled = (empty, text, bad, tmp_path / "missing.db", tmp_path / "folder.db", tmp_path / "*.none")
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
        (store / (await courier.catalogue.backups.get(gone)).archive_name).unlink()
        good.unlink()
        with suppress(CourierError):
            await back_up(courier)
        await courier.manager.stop()
    async with open_courier(settings, deliver=False):
        pass  # a start takes stock of the disk
    with closing(sqlite3.connect(store / "catalogue.db")) as catalogue:
        reasons = catalogue.execute(
            "SELECT why FROM skipped UNION ALL SELECT error FROM backups UNION ALL SELECT fault FROM backups"
        ).fetchall()
        warnings = catalogue.execute("SELECT value FROM backed_up, json_each(warnings)").fetchall()
        actions = catalogue.execute("SELECT action, facts FROM audit").fetchall()
        notes = {note for (note,) in catalogue.execute("SELECT note FROM backups")}
        assert catalogue.execute("SELECT count(*) FROM backups WHERE trigger = 'safety'").fetchone()[0]
    assert notes == {"", "before the great migration"}  # those of people
    told: list[tuple[Any, list[Any]]] = [(CAUSES, json.loads(why)) for (why,) in [*reasons, *warnings] if why]
    told += [(ACTIONS, [action, *json.loads(facts)]) for action, facts in actions]
    assert {"empty", "no sqlite", "missing", "check failed", "no match", "folder"} <= {code for _, (code, *_) in told}
    assert {"broken rule", "archive other", "archive gone"} <= {code for _, (code, *_) in told}
    assert {"restored", "noted", "paused", "changed the schedule", "deleted"} <= {code for _, (code, *_) in told}
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
    choice = await courier.restores.choose(f"b{kept}", ANN)
    pending = await courier.restores.plan(choice.id, ANN)
    courier.restores.shown(pending, HERE)
    await (await courier.restores.begin(pending.id, ANN, HERE))
