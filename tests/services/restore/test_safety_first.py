"""The safety copy is archived beside the copy into the live file, which commits only once it is stored."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import RestoreError
from bot.models import SAFETY_KEPT, BackupState
from tests.world.restore import Rig, at, backed_up_bank, require_sound, sidecars, transact

MODES = ["wal", "delete", "another page size"]


async def town(tmp_path: Path, mode: str = "wal") -> tuple[Path, Rig]:
    bank, rig = await backed_up_bank(tmp_path, mode, filler=3000)
    transact(bank, 4)
    return bank, rig


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_committed_before_the_safety_copy_is_stored(tmp_path: Path, mode: str) -> None:
    """When it is, others still see the old database; and a catalogued backup has it, for thirty days."""
    bank, rig = await town(tmp_path, mode)
    steps: list[str] = []
    seen: list[int] = []

    def on_step(step: str) -> None:
        steps.append(step)
        if step == "safety copy stored":
            with closing(sqlite3.connect(bank, timeout=10)) as other:
                seen.extend(other.execute("SELECT max(n) FROM log").fetchone())

    result = await rig.restore(on_step=on_step)
    assert seen == [4]
    assert steps.count("safety copy stored") == 1
    assert steps.index("safety copy stored") < steps.index("committed")
    assert result.safety.keep_until == result.safety.started_at + SAFETY_KEPT
    assert dict(result.safety.databases[0].rows)["log"] == 1
    assert require_sound(bank) == 0


@pytest.mark.parametrize("mode", MODES)
async def test_without_a_safety_copy_nothing_is_restored(tmp_path: Path, mode: str) -> None:
    """Where it can't be archived, the old database stays, unlocked, with nothing beside it."""
    bank, rig = await town(tmp_path, mode)

    def lose_what_is_about_to_be_archived() -> None:
        for copy in rig.store.work.rglob("*.db"):
            if not copy.name.startswith("incoming-"):
                copy.unlink()

    with pytest.raises(RestoreError, match="Everything is as it was before") as caught:
        await rig.restore(on_step=at("journal written", lose_what_is_about_to_be_archived))
    assert caught.value.rolled_back
    assert require_sound(bank) == 4
    assert sidecars(bank) == set()
    assert [copy.state for copy in await rig.safety_copies()] == [BackupState.INTERRUPTED]
    transact(bank, 5)


async def test_a_failure_elsewhere_lets_the_archiving_end(tmp_path: Path) -> None:
    """No half archive, and no task that goes on writing it."""
    bank, rig = await town(tmp_path)
    with pytest.raises(RestoreError, match="cable"):
        await rig.restore(on_step=at("copying", OSError("the cable was pulled")))
    assert require_sound(bank) == 4
    assert [task for task in asyncio.all_tasks() if "safety copy" in task.get_name()] == []
    assert list(rig.store.folder.rglob("*.part")) == []
    assert all(copy.state is not BackupState.RUNNING for copy in await rig.safety_copies())
