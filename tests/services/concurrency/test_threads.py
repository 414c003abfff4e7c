"""Threads that step back: the check of a snapshot, and whatever else the machine does, come first."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from bot.services.concurrency.threads import NICENESS, gentle_threads, side_by_side


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_gentle_threads_alone_step_back() -> None:
    """The pool's threads are nicer than the process; the thread that made them keeps its priority."""
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with gentle_threads(2, "gentle") as threads:
        theirs = threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert theirs == min(mine + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


async def test_of_two_things_side_by_side_the_first_trouble_is_raised_once_both_have_ended() -> None:
    """The other one is asked to stop, and never left behind."""
    stop = asyncio.Event()
    ended: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    async def goes_on() -> None:
        await stop.wait()
        ended.append("yes")
        raise ValueError("second")

    with pytest.raises(ValueError, match="first"):
        await side_by_side(goes_on(), fails(), stop=stop.set)
    assert ended == ["yes"]


async def test_whoever_is_cancelled_waits_for_both() -> None:
    """A cancellation asks them to stop, and passes on when they have."""
    stop, begun = asyncio.Event(), asyncio.Event()
    ended: list[int] = []

    async def goes_on(number: int) -> None:
        begun.set()
        await stop.wait()
        await asyncio.sleep(0)
        ended.append(number)

    task = asyncio.create_task(side_by_side(goes_on(1), goes_on(2), stop=stop.set))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [1, 2]


async def test_two_things_side_by_side_return_what_they_return() -> None:
    """In their order."""

    async def gives(what: str) -> str:
        return what

    assert await side_by_side(gives("one"), gives("other"), stop=bool) == ("one", "other")
