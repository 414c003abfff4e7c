"""What an application commits between the safety copy and the copy into its database is not lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import RestoreError
from bot.models import PendingOutcome
from bot.services.restore.kept_copies import DETAIL, KEPT_FOLDER
from tests.world.bank import Writer, make_bank
from tests.world.restore import (
    Rig,
    at,
    backed_up_bank,
    require_sound,
    run_child,
    sidecars,
    transact,
    transact_elsewhere,
)  # fmt: skip


def late_files(rig: Rig) -> list[Path]:
    folder = rig.store.folder / KEPT_FOLDER
    return list(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("mode", ["wal", "delete", "another page size"])
async def test_what_is_committed_after_the_safety_copy_comes_back_with_undo(tmp_path: Path, mode: str) -> None:
    """The one safety copy that is kept for a time of its own holds it; the one before it is left to retention."""
    bank, rig = await backed_up_bank(tmp_path, mode, filler=200)
    transact(bank, 4)
    result = await rig.restore(on_step=at("journal written", lambda: transact_elsewhere(bank, 5)))
    assert require_sound(bank) == 0
    assert not sidecars(bank)
    assert DETAIL in result.databases[0].detail
    assert dict(result.safety.databases[0].rows)["log"] == 2
    copies = await rig.safety_copies()
    assert [(copy.id == result.safety.id, copy.keep_until is not None) for copy in copies] == [
        (True, True),
        (False, False),
    ]
    assert late_files(rig) == []
    await rig.undo()
    assert require_sound(bank) == 5


@pytest.mark.parametrize("mode", ["wal", "delete", "another page size"])
async def test_an_idle_application_costs_one_safety_copy(tmp_path: Path, mode: str) -> None:
    """Nothing was committed, so nothing is copied twice; no lock and no file stays."""
    bank, rig = await backed_up_bank(tmp_path, mode)
    transact(bank, 4)
    result = await rig.restore()
    assert result.databases[0].detail == ""
    assert len(await rig.safety_copies()) == 1
    assert (sidecars(bank), late_files(rig)) == (set(), [])
    transact(bank, 6)


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_no_transaction_of_a_writer_is_lost(tmp_path: Path, mode: str, write: Callable[[Path], Writer]) -> None:
    """Every transaction that the writer knows to be committed is in the safety copy or in the restored database.

    The writer numbers them without a gap: what the safety copy ends with is followed by what the database goes on with.
    """
    bank, rig = await backed_up_bank(tmp_path, mode, filler=300)
    writer = write(bank)
    writer.wait_for_more(20)
    result = await rig.restore()
    writer.wait_for_more(5)
    writer.kill()
    before = tmp_path / "before"
    await rig.restore(str(result.safety.id), folder=before)
    last_before = require_sound(before / "bank.db")
    with closing(sqlite3.connect(bank)) as connection:
        after = [number for (number,) in connection.execute("SELECT n FROM log ORDER BY n")]
    assert after == list(range(after[0], after[-1] + 1))
    assert after[0] == last_before + 1


async def test_several_databases_are_in_one_safety_copy_again(tmp_path: Path) -> None:
    """Where one of two was written to, the later safety copy holds both, and undo brings both back."""
    one, two = (make_bank(tmp_path / name, "wal", filler=20) for name in ("one.db", "two.db"))
    rig = Rig(tmp_path, [one, two])
    await rig.back_up()
    transact(one, 1)
    transact(two, 2)

    def on_step(step: str) -> None:
        if step == "one database done" and require_sound(two) == 2:
            transact_elsewhere(two, 3)

    result = await rig.restore(on_step=on_step)
    assert result.safety is not None
    assert [(held.name, dict(held.rows)["log"]) for held in result.safety.databases] == [("one.db", 1), ("two.db", 2)]
    await rig.undo()
    assert (require_sound(one), require_sound(two)) == (1, 3)


async def test_a_rollback_brings_back_what_was_committed_late_too(tmp_path: Path) -> None:
    """The restore fails after it wrote the database: the newest state returns, and no file is left over."""
    bank, rig = await backed_up_bank(tmp_path, filler=100)

    def on_step(step: str) -> None:
        if step == "journal written":
            transact_elsewhere(bank, 7)
        if step == "checkpointed" and require_sound(bank) == 0:
            raise OSError("the cable was pulled")

    with pytest.raises(RestoreError, match="as it was before"):
        await rig.restore(on_step=on_step)
    assert require_sound(bank) == 7
    assert late_files(rig) == []


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from bot.services.restore import kept_copies
from tests.world.restore import Rig, transact_elsewhere

folder, when = Path(sys.argv[1]), sys.argv[2]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def on_step(step):
    if step == "journal written":
        transact_elsewhere(folder / "bank.db", 7)
    if step == when:
        die()

if when == "copied late":
    kept_copies.fingerprint_of = die
asyncio.run(Rig(folder, [folder / "bank.db"]).restore(on_step=on_step))
"""


async def killed(tmp_path: Path, when: str) -> tuple[Path, Rig]:
    """A bank into which something was committed late, after a restore that died."""
    bank, rig = await backed_up_bank(tmp_path, filler=100)
    child = run_child(_KILLED, tmp_path, when)
    assert child.returncode == -9, child.stderr
    return bank, rig


async def test_killed_before_the_late_copy_is_catalogued_undo_still_has_it(tmp_path: Path) -> None:
    """Between the restore and its second safety copy, the file beside the archives is what undo goes back to."""
    bank, rig = await killed(tmp_path, "one database done")
    assert require_sound(bank) == 0
    assert len(late_files(rig)) == 1
    assert (await rig.pending()).databases == (("bank.db", PendingOutcome.NEW),)
    await rig.undo()
    assert require_sound(bank) == 7


async def test_killed_while_copying_what_came_late_leaves_no_half_copy(tmp_path: Path) -> None:
    """The database has all that was committed, so it is not as planned; the next start takes the half copy away."""
    bank, rig = await killed(tmp_path, "copied late")
    assert [file.suffix for file in late_files(rig)] == [".part"]
    assert (await rig.pending()).databases == (("bank.db", PendingOutcome.CHANGED),)
    assert require_sound(bank) == 7
    assert late_files(rig) == []
