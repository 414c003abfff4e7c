"""Restores as the service keeps them: offers, plans, one run, on live databases of real writers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.errors import BusyError, NotFoundError, RestoreError, RestoreRefusedError
from bot.models import Actor, LossCode, RestoreStage, Trigger
from bot.services.files.locks import RunLock
from bot.services.manager import Courier
from bot.services.restore.context import no_hook
from bot.services.restore.sources import RestoreSource
from bot.services.restore_chat.offers import MOST as MOST_OFFERS
from bot.services.restore_chat.pending_plans import MOST, Requester, StaleReason, WrongPressError
from tests.world.bank import Writer, make_bank
from tests.world.clock import MovedClock
from tests.world.databases import make_database, rows_in, write_env
from tests.world.restore import require_sound
from tests.world.service import add_rows

ANN, BEN = Requester(admin_id=11, name="Ann (11)"), Requester(admin_id=12, name="Ben (12)")
HERE = (11, 1)


@asynccontextmanager
async def managed(folder: Path, *sources: Path, clock: MovedClock | None = None) -> AsyncIterator[Courier]:
    env = write_env(folder, sources, ADMIN_IDS="11,12", BUSY_TIMEOUT="20")
    settings = load_settings(env, need_telegram=False)
    async with open_courier(settings, deliver=False, clock=clock or MovedClock()) as courier:
        yield courier
        await courier.stop()


async def backed_up(courier: Courier) -> str:
    """Back up; what the button of that backup names."""
    return f"b{(await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by='a test')).backup.id}"


async def restored(courier: Courier, source: str, *, requester: Requester = ANN) -> None:
    """All steps at once."""
    restores = courier.restores
    pending = await restores.plan((await restores.choose(source, requester)).id, requester)
    restores.shown(pending, HERE)
    await (await restores.begin(pending.id, requester, HERE))


def rooms(courier: Courier) -> list[Path]:
    return [path for path in courier.store.work.iterdir() if path.is_dir()]


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_under_a_writing_application(tmp_path: Path, mode: str, write: Callable[[Path], Writer]) -> None:
    """Its process goes on writing, before and after, and the books are right at every moment."""
    bank = make_bank(tmp_path / "bank.db", mode, filler=300)
    async with managed(tmp_path, bank) as courier:
        source = await backed_up(courier)
        writer = write(bank)
        await asyncio.to_thread(writer.wait_for_more, 20)
        restores = courier.restores
        pending = await restores.plan((await restores.choose(source, ANN)).id, ANN)
        assert LossCode.ROWS in [lost.code for lost in pending.prepared.plan.changes[0].lost]
        restores.shown(pending, HERE)
        work = await restores.begin(pending.id, ANN, HERE)
        seen = set()
        while (run := restores.running) is not None:
            seen.add(run.progress.stage)
            await asyncio.sleep(0)
        result = await work
        assert RestoreStage.RESTORE in seen
        assert result.safety is not None
        await asyncio.to_thread(writer.wait_for_more, 20)
        writer.kill()
        require_sound(bank)
        again = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        assert again.backup.proven
        assert rooms(courier) == []


async def test_what_was_brought_is_offered_restored_and_let_go(tmp_path: Path) -> None:
    """An offer leads to a restore of its owner, and its files are let go once, when it is done."""
    users = make_database(tmp_path / "users.db")
    released: list[str] = []

    async def release() -> None:
        released.append("the files")

    async with managed(tmp_path, users) as courier:
        await backed_up(courier)
        archive = next(courier.store.folder.glob("database_backup_*"))
        brought = tmp_path / "brought.zip"
        shutil.copyfile(archive, brought)
        add_rows(users, 9)
        offer = courier.restores.offers.offer(
            RestoreSource(files=(brought,)), admin_id=11, label="brought.zip", names=["users.db"], release=release
        )
        with pytest.raises(RestoreRefusedError, match="Another admin sent that"):
            await courier.restores.choose(offer, BEN)
        pending = await courier.restores.plan((await courier.restores.choose(offer, ANN)).id, ANN)
        await courier.restores.drop(pending)
        assert released == []
        await restored(courier, offer)
        assert rows_in(users) == (50, 50)
        await asyncio.sleep(0)
        assert released == ["the files"]
        with pytest.raises(RestoreRefusedError, match="no longer kept"):
            await courier.restores.choose(offer, ANN)
        with pytest.raises(RestoreRefusedError, match="no longer kept"):
            await courier.restores.plan(pending.choice_id, ANN)
    assert released == ["the files"]


async def test_offers_end_by_time_by_number_and_with_the_service(tmp_path: Path) -> None:
    """Nobody's files stay for ever, and none goes while a plan is being made from it."""
    users, clock = make_database(tmp_path / "users.db"), MovedClock()
    released: list[int] = []

    def letting_go(number: int) -> Callable[[], object]:
        async def release() -> None:
            released.append(number)
            if number == 0:
                raise OSError("its owner's trouble is nobody else's")

        return release

    async with managed(tmp_path, users, clock=clock) as courier:
        restores = courier.restores
        source = RestoreSource(files=(tmp_path / "none.zip",))
        ids = [
            restores.offers.offer(source, admin_id=11, label=str(n), release=letting_go(n))  # type: ignore[arg-type]
            for n in range(MOST_OFFERS + 1)
        ]
        await asyncio.sleep(0)
        assert released == [0]
        clock.go(29 * 60)
        await restores.choose(ids[3], ANN)
        clock.go(2 * 60)
        await restores.sweep()
        await asyncio.sleep(0)
        assert sorted(released) == [n for n in range(MOST_OFFERS + 1) if n != 3]
    assert sorted(released) == list(range(MOST_OFFERS + 1))


async def test_plans_are_bounded_and_swept(tmp_path: Path) -> None:
    """Three plans at once, one for each admin; their copies go when their time is over or the service stops."""
    users, clock = make_database(tmp_path / "users.db"), MovedClock()
    async with managed(tmp_path, users, clock=clock) as courier:
        source, restores = await backed_up(courier), courier.restores
        pending = []
        for number in range(MOST + 1):
            requester = Requester(admin_id=number, name=str(number))
            pending.append(await restores.plan((await restores.choose(source, requester)).id, requester))
            restores.shown(pending[-1], HERE)
        assert len(rooms(courier)) == MOST
        with pytest.raises(WrongPressError) as refused:
            await restores.ask(pending[0].id, pending[0].requester, HERE)
        assert refused.value.why is StaleReason.REPLACED
        clock.go(121)
        await restores.sweep()
        assert rooms(courier) == []
        with pytest.raises(WrongPressError) as refused:
            await restores.begin(pending[1].id, pending[1].requester, HERE)
        assert refused.value.why is StaleReason.EXPIRED
        last = await restores.plan((await restores.choose(source, ANN)).id, ANN)
        assert len(rooms(courier)) == 1
        assert last.shown_in is None
    assert rooms(courier) == []


async def test_a_plan_that_was_never_shown_confirms_nothing(tmp_path: Path) -> None:
    """Only what stands in a message can be pressed."""
    users = make_database(tmp_path / "users.db")
    async with managed(tmp_path, users) as courier:
        restores = courier.restores
        pending = await restores.plan((await restores.choose(await backed_up(courier), ANN)).id, ANN)
        with pytest.raises(WrongPressError) as refused:
            await restores.begin(pending.id, ANN, HERE)
        assert refused.value.why is StaleReason.ELSEWHERE


async def test_a_run_in_another_process_is_named(tmp_path: Path) -> None:
    """A restore by the command line, seen from here: what it is, who asked, where it stands."""
    users = make_database(tmp_path / "users.db")
    async with managed(tmp_path, users) as courier:
        source = await backed_up(courier)
        choice = await courier.restores.choose(source, ANN)
        other = RunLock(courier.store.folder)
        async with other.hold(trigger=Trigger.SAFETY, requested_by=Actor.COMMAND_LINE):
            await other.update(RestoreStage.RESTORE)
            run = await courier.under_way.anywhere()
            assert (run.is_restore, run.here, run.progress.stage) == (True, False, RestoreStage.RESTORE)
            with pytest.raises(BusyError, match=r"A restore is already running \(restore\).*the command line"):
                await courier.restores.plan(choice.id, ANN)
            with pytest.raises(BusyError, match=r"A restore is already running .*the command line.*process"):
                await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
            waiting = asyncio.create_task(courier.under_way.over(asyncio.Event()))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 10)


async def test_what_an_older_process_says_of_itself_is_no_trouble(tmp_path: Path) -> None:
    """Words of another version in the lock's note are read as well as can be."""
    lock = RunLock(tmp_path)
    async with lock.hold(trigger=Trigger.SAFETY, requested_by="somebody"):
        await lock.update("a stage of next year")  # type: ignore[arg-type]
        run = await RunLock(tmp_path).run()
    assert run.is_restore
    assert run.requested_by == "somebody"


async def test_a_step_that_fails_is_rolled_back_and_recorded(tmp_path: Path) -> None:
    """An unforeseen failure between two databases: both are as before, the plan is used, the next restore works."""
    one, two = make_database(tmp_path / "one.db"), make_database(tmp_path / "two.db", wal=False)
    async with managed(tmp_path, one, two) as courier:
        source = await backed_up(courier)
        add_rows(one, 3)
        add_rows(two, 3)

        def mark(step: str) -> None:
            if step == "one database done":
                raise OSError("the disk has gone")

        courier.restores.context = replace(courier.restores.context, on_step=mark)
        with pytest.raises(RestoreError, match="Everything is as it was before"):
            await restored(courier, source)
        assert (rows_in(one), rows_in(two)) == ((53, 53), (53, 53))
        courier.restores.context = replace(courier.restores.context, on_step=no_hook)
        await restored(courier, source)
        assert (rows_in(one), rows_in(two)) == ((50, 50), (50, 50))
        actions = [entry.action for entry in reversed(await courier.catalogue.service.audits())]
        restores = [action for action in actions if action != "started a backup"]
    assert restores == ["confirmed a restore", "restore failed", "confirmed a restore", "restored"]


async def test_undo_of_nothing_and_of_an_older_restore(tmp_path: Path) -> None:
    """Only the last restore can be undone, by the id that its result carries."""
    users = make_database(tmp_path / "users.db")
    async with managed(tmp_path, users) as courier:
        with pytest.raises(NotFoundError, match="no restore to undo"):
            await courier.restores.plan_undo("0123abcd", ANN)
        await restored(courier, await backed_up(courier))
        with pytest.raises(NotFoundError, match="only the last one"):
            await courier.restores.plan_undo("0123abcd", ANN)


async def test_another_plan_of_the_same_admin_breaks_the_first_one_off(tmp_path: Path) -> None:
    """Who asks anew while a plan is being made gets the new one, and the first one leaves nothing behind."""
    users = make_bank(tmp_path / "users.db", "wal", filler=3000)
    async with managed(tmp_path, users) as courier:
        restores, source = courier.restores, await backed_up(courier)
        choice = await restores.choose(source, ANN)
        begun = asyncio.Event()
        first = asyncio.create_task(restores.plan(choice.id, ANN, lambda _: begun.set()))
        await begun.wait()
        second = await restores.plan(choice.id, ANN)
        with pytest.raises(Exception, match="put aside"):
            await first
        assert len(rooms(courier)) == 1
        restores.shown(second, HERE)
        await (await restores.begin(second.id, ANN, HERE))
