"""`run` on a host that wipes its disk: databases come back first, a program runs under it, a last backup is made."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.app.program import split_command
from bot.app.service import Service
from bot.cli.bring_back import bring_back_missing
from bot.config.settings import load_settings
from bot.errors import CourierError, SettingsError
from bot.models import Trigger
from tests.world.databases import make_database, rows_in, write_env
from tests.world.messages import archives
from tests.world.phones import Person
from tests.world.places import KEYS, STORE
from tests.world.processes import started
from tests.world.service import Town, settings_for, town_in
from tests.world.shell import Shell
from tests.world.stand_in import StandIn

PROGRAM = """
import signal, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, text TEXT)")
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
open(sys.argv[2], "w").close()
while not told:
    db.execute("INSERT INTO entries (text) VALUES ('while it ran')")
    time.sleep(0.01)
db.execute("INSERT INTO entries (text) VALUES ('the last one')")
sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it ends a program by a signal")
async def test_a_wiped_disk_is_as_it_was_when_the_program_ended(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """The signal reaches the program, its exit code comes back, and its last row is there at the next start."""
    live, ready, program = tmp_path / "live" / "app.db", tmp_path / "ready", tmp_path / "program.py"
    live.parent.mkdir()
    program.write_text(PROGRAM)
    only_sends = {"RECEIVE": "off", "SCHEDULE": "0 0 1 1 *", "DRILL_SCHEDULE": "off", "BACKUP_DIR": str(tmp_path / "b")}
    only_sends["TIMEZONE"] = "Etc/GMT-14"
    write_env(tmp_path, [live], BOT_TOKEN=standin.bot().token, TELEGRAM_API=standin.url, ADMIN_IDS="11", **only_sends)
    words = ("run", "--restore-if-missing", "--exec", f"'{sys.executable}' '{program}' '{live}' '{ready}'")
    last = "SELECT count(*), max(text) FILTER (WHERE id = (SELECT max(id) FROM entries)) FROM entries"
    rows = 0
    for life in (1, 2):
        courier = started(words, folder=tmp_path, environment=Shell(tmp_path).environment)
        await standin.until(ready.exists, within=30)
        with closing(sqlite3.connect(live)) as database:
            assert database.execute("SELECT count(*) FROM entries").fetchone()[0] >= rows  # what was before is there
        courier.send_signal(signal.SIGTERM)
        done = await courier.ended()
        assert done.returncode == 7, done.stderr
        assert ("app.db is back" in done.stdout) is (life == 2)
        if life == 2:
            made = datetime.strptime(archives(ann)[0].document.name, "database_backup_%Y%m%d_%H%M%S.zip")  # noqa: DTZ007 - UTC
            assert f"app.db is back: app.db of {made + timedelta(hours=14)}, " in done.stdout
        assert ("no backup holds it" in done.stderr) is (life == 1)
        with closing(sqlite3.connect(live)) as database:
            rows, text = database.execute(last).fetchone()
        assert text == "the last one"
        assert len(archives(ann)) == life
        for path in (live.parent, tmp_path / "b", tmp_path / "logs"):
            shutil.rmtree(path)
        ready.unlink()
        live.parent.mkdir()


async def test_nothing_is_written_over_and_nothing_starts_on_an_empty_disk(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there stays; one that can't be brought back keeps everything from starting."""
    await town.back_up()
    await town.service.courier.pins.refresh()
    await town.stop()
    before = town.notes.read_bytes()
    town.users.unlink()
    await bring_back_missing(town.settings)  # from the disk
    assert rows_in(town.users) == (50, 50)
    assert town.notes.read_bytes() == before

    shutil.rmtree(town.settings.backup_dir)
    shutil.rmtree(town.users.parent)
    monkeypatch.setenv("TELEGRAM_API", "http://127.0.0.1:9")
    with pytest.raises(CourierError, match=r"notes\.db is missing and can't be brought back, so nothing is started"):
        await bring_back_missing(town.settings)
    monkeypatch.delenv("TELEGRAM_API")
    assert not town.users.exists()
    await bring_back_missing(town.settings)  # from the chat, folder and all
    assert rows_in(town.users) == rows_in(town.notes) == (50, 50)


async def test_what_a_glob_found_comes_back_and_what_was_never_backed_up_is_no_trouble(town: Town) -> None:
    """On a wiped disk nobody knows any more what a glob found: the list in the chat does."""
    await town.service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    await town.service.courier.pins.refresh()
    await town.stop()
    live = town.users.parent
    more = {name: value for name, value in load_settings(town.env).given.texts.items() if name != "DATABASES"}
    env = write_env(town.folder, [live / "*.db", live / "other" / "new.db"], **more)
    shutil.rmtree(town.settings.backup_dir)
    shutil.rmtree(live)
    await bring_back_missing(load_settings(env))
    assert sorted(path.name for path in live.glob("*.db")) == ["notes.db", "users.db"]
    assert not (live / "other" / "new.db").exists()


async def test_a_store_brings_it_back_where_telegram_does_not_answer(
    standin: StandIn, ann: Person, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty store is the very first start; later it gives the database back, whatever the chat would have said."""
    live = tmp_path / "live" / "app.db"
    stores = {"OBJECT_STORES": STORE, "S3_ENDPOINT": s3, **KEYS, "SCHEDULE": "0 0 1 1 *", "DRILL_SCHEDULE": "off"}
    settings = settings_for(tmp_path, standin, live, **stores)
    await bring_back_missing(settings)
    make_database(live)
    async with Service.started(settings) as service:
        await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    assert archives(ann)
    shutil.rmtree(settings.backup_dir)
    shutil.rmtree(live.parent)
    monkeypatch.setenv("TELEGRAM_API", "http://127.0.0.1:9")
    await bring_back_missing(load_settings(tmp_path / ".env"))
    assert rows_in(live) == (50, 50)


async def test_a_wiped_disk_makes_no_second_topic(tmp_path: Path) -> None:
    """The list in the chat names the topic of this server too."""
    async with town_in(tmp_path, start=False, DELIVER_TO="11,-1005003/auto") as town:
        forum = town.api.add_group(-1005003, members=[town.ann], is_forum=True, bot_status="administrator")
        await town.start()
        await town.back_up()
        await town.service.courier.pins.refresh()
        await town.stop()
        shutil.rmtree(town.settings.backup_dir)
        shutil.rmtree(town.users.parent)
        await bring_back_missing(town.settings)
        await town.start()
        await town.back_up()
        assert len(forum.chat.topics) == 1
        assert len(archives(forum)) == 2


async def test_the_list_of_another_server_brings_nothing_back(town: Town) -> None:
    """Its databases are not this one's, whatever they are called; without a name nobody can tell, and none starts."""
    await town.back_up()
    await town.service.courier.pins.refresh()
    await town.stop()
    other = town.folder / "other"
    live = other / "users.db"
    usual = {name: town.settings.given.texts[name] for name in ("BOT_TOKEN", "TELEGRAM_API", "ADMIN_IDS")}
    env = write_env(town.folder, [town.users, town.notes], **town.settings.given.texts | {"SERVER_NAME": "web"})
    await town.restart()
    await town.service.courier.pins.refresh()
    await town.stop()
    other.mkdir()
    make_database(other / "elsewhere.db")
    await bring_back_missing(load_settings(write_env(other, [live], **usual, SERVER_NAME="db")))
    assert not live.exists()
    with pytest.raises(CourierError, match="SERVER_NAME has to tell"):
        await bring_back_missing(load_settings(write_env(other, [live], **usual)))
    assert env.exists()


def test_a_command_line_is_split_as_the_system_does_it() -> None:
    """Quotes keep words together; on Windows a backslash is one of a path."""
    assert split_command("python 'my bot.py' -x \"a b\"", windows=False) == ["python", "my bot.py", "-x", "a b"]
    assert split_command(r'"C:\Program Files\Python\python.exe" bot.py "say \"hi\"" C:\a\ ""', windows=True) == [
        r"C:\Program Files\Python\python.exe",
        "bot.py",
        'say "hi"',
        "C:\\a\\",
        "",
    ]
    assert split_command(r'a\\\\"b c" d', windows=True) == [r"a\\b c", "d"]
    for text, windows in (("python 'x", False), ('python "x', True), ("  ", False)):
        with pytest.raises(SettingsError):
            split_command(text, windows=windows)
