"""Kill -9 in the middle of `sqlite-courier recover`: what lies there is whole, and the same command goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from bot.demo.recovery import contents_of
from tests.world.databases import make_database
from tests.world.processes import started
from tests.world.shell import back_up
from tests.world.stand_in import StandIn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")

KILLS = 24 if os.environ.get("SOAK") else 3
ADMIN = 11

PROGRAM = """
import os, signal, sys

deadly, here, seen = int(sys.argv.pop(1)), os.path.abspath("back"), 0

def hook(event, args):
    global seen
    if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "sqlite3.connect"):
        return
    if isinstance(args[0], (str, bytes)) and here in os.path.abspath(os.fsdecode(args[0])).replace("file://", ""):
        seen += 1
        if seen == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from bot.cli.main import main

try:
    main()
finally:
    print("steps", seen, file=sys.stderr)
"""


async def recover(api: StandIn, machine: Path, *arguments: str, deadly: int = 0) -> tuple[int, str]:
    """Run the command in `machine`, killed at the given step within its folder; return its code and what it said."""
    child = started(
        [str(deadly), "recover", "--admin", str(ADMIN), "--to", "back", *arguments], code=PROGRAM, folder=machine,
        environment={**os.environ, "BOT_TOKEN": api.bot().token, "TELEGRAM_API": api.url},
    )  # fmt: skip
    done = await child.ended(within=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.usefixtures("ann")
async def test_killed_at_any_step_what_is_there_is_whole_and_the_same_command_ends_it(
    standin: StandIn, tmp_path: Path
) -> None:
    """A file called as a database is that database; a second run ends it, or says what stands in the way."""
    sources = [make_database(tmp_path / "live" / name, rows=400) for name in ("users.db", "shop.db")]
    (tmp_path / "old").mkdir()
    await back_up(tmp_path / "old", standin, *sources)
    expected = await asyncio.to_thread(contents_of, sources)
    whole = tmp_path / "whole"
    whole.mkdir()
    code, said = await recover(standin, whole)
    assert code == 0, said
    steps = int(said.rpartition("steps ")[2].split()[0])
    assert steps > 10
    chance = random.Random(KILLS)
    for number in range(KILLS):
        at = 1 + (number * steps + chance.randrange(steps)) // KILLS
        machine = tmp_path / f"machine {number}"
        machine.mkdir()
        code, said = await recover(standin, machine, deadly=at)
        assert code == -signal.SIGKILL or "steps" in said, said  # not every run takes exactly as many steps
        there = {path.name: path for path in (machine / "back").glob("*.db")} if (machine / "back").exists() else {}
        found = await asyncio.to_thread(contents_of, list(there.values()))
        assert found == {name: rows for name, rows in expected.items() if name in there}, at
        code, said = await recover(standin, machine)
        if code:
            assert "--force" in said, said
            assert there, said
            code, said = await recover(standin, machine, "--force")
        assert code == 0, said
        assert "Traceback" not in said
        found = await asyncio.to_thread(contents_of, [machine / "back" / name for name in expected])
        assert found == expected, at
        assert [path.name for path in (machine / "back").iterdir() if path.name.startswith(".")] == []
