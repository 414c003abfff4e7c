"""Notes, the record of what admins do, a test-restore by a press, and a run of another process, on the real service."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.app.service import Service, open_courier
from bot.config.settings import Settings
from bot.models import Actor, BackupState, Progress, Stage, Trigger
from bot.services.files.locks import RunLock
from tests.world import faults
from tests.world.catalogue import run_sql
from tests.world.clock import until
from tests.world.databases import make_database
from tests.world.phones import Person
from tests.world.service import opened, pressed, settings_for
from tests.world.shell import Shell
from tests.world.stand_in import StandIn


async def test_a_note_is_typed_shown_escaped_and_removed(service: Service, ann: Person, tmp_path: Path) -> None:
    """A note with markup, lines and too much of it is one bounded line, in the chat and in `list`."""
    made = await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    history = await opened(ann, "Database Backup", "History")
    details = await pressed(ann, history.button_texts[0], history)
    await pressed(ann, "Note", details)
    sent = await ann.send("before <b>the</b>\nmigration\x1b[31m " + "x" * 400)
    shown = await ann.wait_for(lambda m: m.id > sent.id and "before <b>the</b> migration" in m.text, since=0)
    note = (await service.courier.catalogue.backups.get(made.backup.id)).note
    assert len(note) == 200
    assert note.isprintable()
    assert "📝" in (await opened(ann, "Database Backup", "History")).button_texts[0]
    listed = await asyncio.to_thread(Shell(tmp_path).said, "list")
    assert "before <b>the</b> migration" in " ".join(listed.split())
    asked = await pressed(ann, "Note", shown)
    removed = await pressed(ann, "Remove the note", asked)
    assert "migration" not in removed.text
    await ann.send("not a note")
    await ann.wait_for(lambda m: "I don't know what to do with this" in m.text, since=0)
    assert (await service.courier.catalogue.backups.get(made.backup.id)).note == ""


async def test_a_failed_drill_keeps_what_a_person_noted(idle: Settings) -> None:
    """What the drill has found is no part of the person's words."""
    async with open_courier(idle, deliver=False) as courier:
        backup = (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup
        await courier.housekeeping.note(backup.id, "before the migration", actor="Ann (11)")
        (courier.store.folder / backup.archive_name).write_bytes(b"no archive")
        drill = await courier.drills.drill_newest()
        assert not drill.ok
        assert await courier.drills.drill_newest() is None  # what is known to be damaged is not tested again
        assert (await courier.catalogue.backups.get(backup.id)).note == "before the migration"


async def test_every_action_is_on_record_and_shown(standin: StandIn, idle: Settings) -> None:
    """Who, what and when of each press that does something, newest first, in Detailed Logs."""
    ann = standin.add_user(11, "Ann <b>")
    idle.log_dir.mkdir()
    (idle.log_dir / "backup_system.log").write_text("a line\n")
    async with Service.started(idle) as service:
        for number in (1, 2):
            await opened(ann, "Database Backup", "Manual Backup")
            await until(lambda number=number: _made(service, number))  # type: ignore[misc]
        await service.courier.catalogue.backups.set_note(2, "the newer one")  # or both buttons would read the same
        history = await opened(ann, "Database Backup", "History")
        older = await pressed(ann, history.button_texts[1], history)
        assert "Note" in " ".join(older.button_texts)
        await (await ann.press("Send it to me", message=older)).answered()
        older = await pressed(ann, "Pin", older)
        older = await pressed(ann, "Unpin", older)
        sure = await pressed(ann, "Delete", older)
        await pressed(ann, "Yes, delete it", sure)
        await opened(ann, "Database Backup", "Pause", "1 h")
        await opened(ann, "Database Backup", "Resume")
        logs = await opened(ann, "Database Backup", "Detailed Logs")
        await (await ann.press("Log file", message=logs)).answered()
        await until(lambda: _recorded(service, "took the log file"))
        shown = await pressed(ann, "Actions", logs)
        lines = [line for line in shown.text.splitlines() if "Ann <b>" in line]
        told = ("took the log file", "resumed", "paused until ", "deleted: backup 1", "unpinned: backup 1", "pinned")
        for line, action in zip(lines, told, strict=False):
            assert action in line
        assert "took a backup again: backup 1, to 11" in shown.text
        assert shown.text.count("started a backup") == 2
        assert "T" not in lines[2].partition("until ")[2]  # a moment as people read it


async def _made(service: Service, count: int) -> bool:
    states = [backup.state for backup in await service.courier.catalogue.backups.select()]
    return service.courier.runs.running is None and states == [BackupState.DELIVERED] * count


async def _recorded(service: Service, action: str) -> bool:
    return action in {entry.action for entry in await service.courier.catalogue.service.audits()}


async def test_a_test_restore_by_a_press(service: Service, standin: StandIn, ann: Person) -> None:
    """The result is drawn; one that can't be made says so there, and in System Health until one was made."""
    service.courier.drills.patience = 0
    await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    standin.inject(faults.server_error(502), "getFile", times=None)
    health = await opened(ann, "Database Backup", "System Health")
    health = await ann.wait_for(lambda m: m.id == health.id and "all is well" in m.text, since=0)
    await ann.press("Test-restore now", message=health)
    failed = await ann.wait_for(lambda m: m.id == health.id and "⚠️" in m.text, since=0)
    health = await pressed(ann, "System Health", failed)
    health = await ann.wait_for(lambda m: m.id == health.id and "could not be made" in m.text, since=0)
    standin.clear_faults()
    await ann.press("Test-restore now", message=health)
    proven = await ann.wait_for(lambda m: m.id == health.id and "Test-restore succeeded" in m.text, since=0)
    assert "from Telegram" in proven.text
    assert service.courier.drills.trouble == ""


async def test_a_run_of_another_process_is_followed(service: Service, idle: Settings, ann: Person) -> None:
    """Manual Backup joins the run that another process makes, stage by stage, and shows what it came to."""
    async with open_courier(idle, deliver=False) as other:
        gate, reached = asyncio.Event(), asyncio.Event()
        runs = other.runs
        plan = runs._plan_archive

        async def slow(run):  # type: ignore[no-untyped-def]
            runs._report(run, Progress(stage=Stage.CHECK))
            reached.set()
            await gate.wait()
            return await plan(run)

        runs._plan_archive = slow  # type: ignore[method-assign]
        work = asyncio.create_task(other.runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.COMMAND_LINE))
        await reached.wait()
        await opened(ann, "Database Backup")
        await ann.press("Manual Backup")
        live = await ann.wait_for(lambda m: "It runs in another process." in m.text, since=0)
        assert "asked for by the command line" in live.text.lower()
        gate.set()
        await work
    await ann.wait_for(lambda m: m.id == live.id and "Backup stored" in m.text, since=0)
    assert len(await service.courier.catalogue.backups.select()) == 1
    assert not await RunLock(service.courier.store.folder).holder()


async def test_the_config_command_shows_what_was_chosen_in_chat(standin: StandIn, tmp_path: Path) -> None:
    """`config` names the setting, its source, who overrode it and by what; it creates no catalogue to look into."""
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "live.db"), SCHEDULE="0 * * * *")
    assert "overridden" not in await asyncio.to_thread(Shell(tmp_path).said, "config")
    assert not settings.backup_dir.exists()
    async with open_courier(settings, deliver=False) as there:
        await there.timetable.change("*/15 * * * *", actor="Ann (11)")
    shown = await asyncio.to_thread(Shell(tmp_path).said, "config")
    assert "SCHEDULE: 0 * * * * from .env, overridden in chat by Ann (11): */15 * * * *" in shown
    data = json.loads(await asyncio.to_thread(Shell(tmp_path).said, "config", "--json"))
    assert data["overrides"]["SCHEDULE"]["value"] == "*/15 * * * *"
    with closing(sqlite3.connect(settings.backup_dir / "catalogue.db")) as connection, connection:
        connection.execute("DROP TABLE overrides")
    assert "overridden" not in await asyncio.to_thread(Shell(tmp_path).said, "config")


async def test_keep_rules_are_explained_in_the_list_and_the_history(
    standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """With a rule, `list` says why each archive stays, and its backup bears a mark in the history."""
    more = {"KEEP_MONTHLY": "2", "MAX_BACKUP_COUNT": "1", "SCHEDULE": "0 0 1 1 *", "DRILL_SCHEDULE": "off"}
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "live.db"), **more)
    async with Service.started(settings) as service:
        for _ in range(2):
            backup = (await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup
        catalogue = service.courier.catalogue
        assert [b.id for b in await catalogue.backups.select(on_disk_only=True)] == [backup.id]
        run_sql(catalogue, "UPDATE backups SET started_at = '2020-01-31T23:30:00.000000+00:00'")
        await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        assert "🗓" in (await opened(ann, "Database Backup", "History")).button_texts[1]
        listed = await asyncio.to_thread(Shell(tmp_path).said, "list")
        assert "the newest of its month" in listed
        assert "the newest backup" in listed
