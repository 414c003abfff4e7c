"""Tasks: every one of them ends with whoever waits for it, and no failure of one is lost."""

from __future__ import annotations

import asyncio

import pytest
from loguru import logger

from bot.errors import AbortedError, CatalogueError
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import Nursery, beside, race, settled, side_by_side


class Work:
    """Something that goes on until it is let go, and knows how it ended."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.ended = ""

    async def __call__(self, error: Exception | None = None) -> str:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        if error is not None:
            raise error
        return "result"


async def test_what_is_settled_ends_before_a_cancellation_is_passed_on() -> None:
    """However often the caller is cancelled."""
    work = Work()
    task = asyncio.create_task(settled(work()))
    await work.begun.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    work.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended == "done"


async def test_a_race_ends_with_the_first_and_leaves_none_behind() -> None:
    """The others are cancelled; what the first raises is raised."""
    slow, fast = Work(), Work()
    fast.go.set()
    await race(slow(), fast())
    assert (slow.ended, fast.ended) == ("cancelled", "done")
    with pytest.raises(ValueError, match="first"):
        await race(Work()(), fast(ValueError("first")))


async def test_what_is_done_beside_a_block_ends_with_it() -> None:
    """Cancelled where it still goes on; its own failure is raised where the block has none."""
    work = Work()
    async with beside(work()):
        await work.begun.wait()
    assert work.ended == "cancelled"
    work.go.set()
    with pytest.raises(ValueError, match="its own"):
        async with beside(work(ValueError("its own"))) as task:
            await asyncio.wait([task])

    async def fails_itself() -> None:
        async with beside(work(ValueError("its own"))) as task:
            await asyncio.wait([task])
            raise ValueError("the block's")

    with pytest.raises(ValueError, match="the block's"):
        await fails_itself()


async def test_of_works_side_by_side_the_first_trouble_is_raised_once_both_have_ended() -> None:
    """The other one is asked to stop, and never left behind."""
    failing, other = Work(), Work()
    failing.go.set()
    with pytest.raises(ValueError, match="first"):
        await side_by_side(other(ValueError("second")), failing(ValueError("first")), stop=other.go.set)
    assert other.ended == "done"


async def test_whoever_is_cancelled_waits_for_both() -> None:
    """A cancellation asks them to stop, and passes on when they have."""
    one, other = Work(), Work()

    def stop() -> None:
        one.go.set()
        asyncio.get_running_loop().call_later(0.01, other.go.set)

    task = asyncio.create_task(side_by_side(one(), other(), stop=stop))
    await one.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (one.ended, other.ended) == ("done", "done")


async def test_works_side_by_side_return_what_they_return() -> None:
    """In their order."""

    async def gives(what: str) -> str:
        return what

    assert await side_by_side(gives("one"), gives("other"), stop=bool) == ("one", "other")


async def test_without_a_way_to_stop_them_the_others_are_cancelled() -> None:
    """And have ended when the failure is raised."""
    slow, failing = Work(), Work()
    failing.go.set()
    with pytest.raises(ValueError, match="failed"):
        await side_by_side(slow(), failing(ValueError("failed")))
    assert slow.ended == "cancelled"


async def test_a_drained_nursery_has_ended_everything() -> None:
    """What ends in time is left alone; closing, it wakes who waits."""
    nursery, quick, slow = Nursery(), Work(), Work()
    nursery.start(quick())
    nursery.start(slow(), name="slow")
    await asyncio.sleep(0)
    assert nursery.busy
    assert nursery.has("slow")
    quick.go.set()
    await nursery.drain(0.01)
    assert (quick.ended, slow.ended) == ("done", "cancelled")
    assert not nursery.busy
    assert await nursery.until(nursery.closing, 3600)


async def test_tasks_are_stopped_by_name() -> None:
    """The others go on."""
    nursery, one, other = Nursery(), Work(), Work()
    nursery.start(one(), name="one")
    nursery.start(other(), name="other")
    await asyncio.sleep(0)
    await nursery.stop("one")
    assert (one.ended, other.ended) == ("cancelled", "")
    other.go.set()
    await nursery.over()
    assert other.ended == "done"


async def test_a_failure_that_nobody_waits_for_is_logged() -> None:
    """As a sentence where it was foreseen, with its traceback where it was not."""
    nursery, work, said = Nursery(), Work(), []
    handler = logger.add(lambda line: said.append(str(line)), format="{level} {message}")
    work.go.set()
    try:
        nursery.start(work(CatalogueError("The disk is full.")), failure="nothing was written")
        nursery.start(work(ValueError("odd")), failure="nothing was told")
        await nursery.over()
        await asyncio.sleep(0)
    finally:
        logger.remove(handler)
    assert said[0].splitlines() == ["WARNING nothing was written: The disk is full."]
    assert said[1].startswith("ERROR nothing was told\nTraceback")
    assert "ValueError: odd" in said[1]


async def test_an_abort_gives_the_work_a_moment_and_cuts_it_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited is told why."""
    monkeypatch.setattr("bot.services.concurrency.nursery.GRACE", 0.01)
    nursery, abort, slow = Nursery(), Abort(), Work()
    abort.set("The service was stopped.")
    with pytest.raises(AbortedError, match=r"The service was stopped\."):
        await nursery.together([slow()], abort)
    assert slow.ended == "cancelled"
