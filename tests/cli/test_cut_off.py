"""A restore cut off by kill -9: every command and every screen that follows says so, and nothing is left out."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.texts import health as health_texts
from bot.texts import restore_points as point_texts
from bot.texts import status as status_texts
from bot.texts.markup import plain
from tests.world.databases import make_database, rows_in, write_env
from tests.world.processes import started
from tests.world.service import add_rows
from tests.world.shell import Shell

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


# The command itself, in a process that ends itself dead when a step of the restore comes for the first time.
_COMMAND = """
import os, signal, sys
from bot.services.restore import context

step, made = sys.argv.pop(1), context.RestoreContext.__init__

def on_step(what):
    if what == step:
        os.kill(os.getpid(), signal.SIGKILL)

def make(self, **values):
    made(self, **values | {"on_step": on_step})

context.RestoreContext.__init__ = make
from bot.cli.main import main
main()
"""


def kill_a_restore(shell: Shell, step: str) -> None:
    """Restore the newest backup in place, and die at a step of it."""
    words = [step, "restore", "--in-place", "--yes"]
    done = started(words, code=_COMMAND, folder=shell.folder, environment=shell.environment).done()
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Two databases with a backup; the first one is large enough that half of it is written before the commit."""
    sources = [
        make_database(tmp_path / "live" / "large.db", rows=60_000, wal=False, filler=200),
        make_database(tmp_path / "live" / "small.db", wal=False),
    ]
    write_env(tmp_path, sources, ADMIN_IDS="11")
    shell = Shell(tmp_path)
    assert shell("backup", "--no-deliver").returncode == 0
    for source in sources:
        add_rows(source, 7)
    return shell


def test_a_backup_after_a_cut_off_restore_says_so_and_holds_every_database(shell: Shell) -> None:
    """The half copy is rolled back first; it is not its application that crashed."""
    kill_a_restore(shell, "copied some")
    assert (shell.folder / "live" / "large.db-journal").stat().st_size > 0
    done = shell("backup", "--no-deliver")
    assert done.returncode == 0, done.stderr
    assert "was cut off: large.db is as before; small.db is as before." in done.stderr
    assert "crashed" not in done.stderr
    assert "2 databases" in done.stdout
    assert rows_in(shell.folder / "live" / "large.db") == (60_007, 60_007)
    for command in (["list"], ["show", "latest"], ["status"], ["verify", "latest"], ["pin", "1"], ["prune"]):
        done = shell(*command)
        assert "was cut off: large.db is as before" in done.stdout + done.stderr, command
    assert shell("restore", "--in-place", "--yes").returncode == 0
    assert "cut off" not in shell("list").stderr


async def test_every_screen_says_it_until_the_next_restore(shell: Shell) -> None:
    """Status, health, the menu and the pinned message, whichever command has put the files in order."""
    kill_a_restore(shell, "one database done")
    assert "was cut off: large.db is now restored; small.db is as before." in shell("list").stderr
    settings = load_settings(shell.folder / ".env", need_telegram=False)
    zone = settings.timezone
    async with open_courier(settings, deliver=False) as courier:
        seen = await courier.status()
        for screen in (status_texts.status(seen, zone), health_texts.health(await courier.health(), zone)):
            assert "was cut off: large.db is now restored" in plain(screen)
            assert "--undo" in screen
        for screen in (status_texts.backup_menu(seen, zone), point_texts.pinned_caption(seen, (), zone)):
            assert "A restore was cut off: see Backup Status" in plain(screen)
