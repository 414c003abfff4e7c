"""What runs until it is cancelled ends then, in whatever instant."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bot.app.service import open_courier
from bot.config.settings import Settings
from bot.services.manager import Courier

LOOPS: dict[str, Callable[[Courier], Any]] = {
    "messages in the chats": lambda courier: courier.maintenance,
    "alarms": lambda courier: courier.alarm_loop,
    "pinned messages": lambda courier: courier.pins,
    "what is owed": lambda courier: courier.ledger,
}


@pytest.mark.parametrize("part", LOOPS.values(), ids=LOOPS)
async def test_a_cancellation_that_meets_a_nudge_is_not_lost(idle: Settings, part: Callable[[Courier], Any]) -> None:
    """`asyncio.wait_for` of Python 3.11 returned instead, and the loop went on although the service waited for it."""

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    async with open_courier(idle, deliver=False, sleep=at_once) as courier:
        loop = part(courier)
        for ticks in range(6):
            task = asyncio.create_task(loop.run())
            await asyncio.sleep(0.05)  # it waits for a nudge by now
            loop.nudge()
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.done(), ticks
