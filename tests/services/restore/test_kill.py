"""Killed at any instant: every database is the old one or the new one, and the next start says which."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from bot.models import PendingOutcome
from tests.world.bank import make_bank
from tests.world.restore import Rig, require_sound, run_child, sidecars, transact, vacuum_into_page_size
from tests.world.snapshots import ask

# The restore, in a process that ends itself dead at one of its steps: the seam is an argument of the house.
_RESTORE = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.world.restore import Rig

folder, act, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0

def on_step(step):
    global steps
    steps += 1
    if steps == at:
        print(step, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

rig = Rig(folder, [folder / name for name in ("broken.db", "gone.db", "live.db", "sized.db")], busy_timeout=5)
asyncio.run(rig.undo(on_step=on_step) if act == "undo" else rig.restore(on_step=on_step))
print(f"steps {steps}", flush=True)
"""

NAMES = ("broken.db", "gone.db", "live.db", "sized.db")
OLD, NEW = 44, 0
KILLS = 6 * int(os.environ.get("SOAK", "1"))


def make_house(folder: Path) -> Rig:
    """Four databases: one broken, one gone with its log left, one live in WAL mode, one with another page size."""
    paths = {name: make_bank(folder / name, "wal", filler=1500 if name == "live.db" else 30) for name in NAMES}
    rig = Rig(folder, paths.values(), busy_timeout=5)
    asyncio.run(rig.back_up())
    for name in ("live.db", "sized.db"):
        transact(paths[name], OLD)
    vacuum_into_page_size(paths["sized.db"], 8192)
    paths["broken.db"].write_bytes(b"garbage" * 1000)
    paths["broken.db"].with_name("broken.db-wal").write_bytes(b"more garbage")
    paths["gone.db"].unlink()
    paths["gone.db"].with_name("gone.db-wal").write_bytes(b"a log without its database")
    return rig


def copy_house(template: Path, folder: Path) -> Rig:
    """The same house elsewhere: its databases are found by name."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return Rig(folder, [folder / name for name in NAMES], busy_timeout=5)


def is_old(path: Path) -> bool:
    """Whether a database of the house is as before; anything but old and new fails."""
    if path.name == "gone.db" and not path.exists():
        assert "gone.db-wal" in sidecars(path)
        return True
    if path.name == "broken.db" and path.read_bytes() == b"garbage" * 1000:
        assert path.with_name("broken.db-wal").read_bytes() == b"more garbage"
        return True
    found = require_sound(path)
    assert found in (OLD, NEW)
    size = 8192 if path.name == "sized.db" and found == OLD else 4096
    assert (ask(path, "PRAGMA journal_mode"), ask(path, "PRAGMA page_size")) == ("wal", size)
    assert path.name not in ("gone.db", "broken.db") or found == NEW
    return found == OLD


def steps_of(rig: Rig, act: str) -> int:
    """How many steps the restore of this house has, by doing it to the end."""
    child = run_child(_RESTORE, rig.folder, act, 0)
    assert child.returncode == 0, child.stderr
    return int(child.stdout.split()[-1])


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A house to copy, and the number of steps of its restore and of the undo of that."""
    template = tmp_path_factory.mktemp("template")
    make_house(template)
    trial = tmp_path_factory.mktemp("trial")
    rig = make_house(trial)
    restoring = steps_of(rig, "restore")
    assert not any(is_old(trial / name) for name in NAMES)
    return template, restoring, steps_of(rig, "undo")


def killed(rig: Rig, act: str, steps: int, seed: int, kills: int) -> tuple[bool, dict[str, PendingOutcome]]:
    """Whether the start after a restore or undo that was killed tells of it, and what became of each database."""
    at = 1 + (seed * steps + random.Random(seed).randrange(steps)) // kills
    child = run_child(_RESTORE, rig.folder, act, at)
    assert child.returncode == -9, child.stderr
    print(child.stdout)  # the step, for when the test fails
    told = asyncio.run(rig.pending())
    return told is not None, dict(told.databases) if told else dict.fromkeys(NAMES, PendingOutcome.OLD)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_restore_killed_anywhere_leaves_old_or_new(tmp_path: Path, houses: tuple[Path, int, int], seed: int) -> None:
    """The seeds share the steps out evenly; each database is one or the other, and is said to be it."""
    template, steps, _ = houses
    rig = copy_house(template, tmp_path)
    told, said = killed(rig, "restore", steps, seed, KILLS)
    for name in NAMES:
        assert (said[name] is PendingOutcome.OLD) == is_old(tmp_path / name), (name, said)
        assert said[name] in (PendingOutcome.OLD, PendingOutcome.NEW)
    assert asyncio.run(rig.pending()) is None  # told once
    assert not [path for path in rig.store.work.iterdir() if path.name.startswith("restore-")]
    if told and PendingOutcome.NEW in said.values():
        asyncio.run(rig.undo())
        assert all(is_old(tmp_path / name) for name in NAMES)
    else:
        asyncio.run(rig.restore())
        assert not any(is_old(tmp_path / name) for name in NAMES)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(KILLS // 2))
def test_an_undo_killed_at_any_step_leaves_old_or_new(tmp_path: Path, houses: tuple[Path, int, int], seed: int) -> None:
    """Also going back is all or nothing, database by database."""
    template, _, steps = houses
    rig = copy_house(template, tmp_path)
    asyncio.run(rig.restore())
    _, said = killed(rig, "undo", steps, seed, KILLS // 2)
    for name in NAMES:  # for the undo, "new" is what was there before the restore
        assert (said[name] is PendingOutcome.NEW) == is_old(tmp_path / name), (name, said)
