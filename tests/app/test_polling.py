"""Polling outlives whatever comes: updates that can't be read, and a token that is refused for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import Message

from bot.app.polling import Poller
from bot.models import NO_REASON
from bot.services.concurrency.signal import Signal
from bot.services.contracts.polling import PollingState
from tests.world.faults import Fault, refused
from tests.world.stand_in import StandIn
from tests.world.unreadable import SHAPES

Running = Callable[[Poller], AbstractAsyncContextManager[asyncio.Task[None]]]


class NothingKnown:
    """The table of a catalogue that has never seen a good token."""

    async def token_was_good(self, token: str) -> bool:
        return False

    async def remember_good_token(self, token: str) -> None:
        pass


def poller_of(bot: Bot, dispatcher: Dispatcher | None, **options: Any) -> Poller:
    nobody = Signal[[]]()
    return Poller(
        bot,
        dispatcher,
        SimpleNamespace(bot=NothingKnown()),
        state=PollingState(),
        conflict=nobody,
        token_changed=nobody,
        **{"answers_again": nobody} | options,
    )


@pytest.fixture
def heard() -> list[str]:
    """What the bot's handler heard."""
    return []


@pytest.fixture
def slept() -> list[float]:
    """For how long the poller meant to wait."""
    return []


@pytest.fixture
def poller(bot: Bot, heard: list[str], slept: list[float]) -> Poller:
    """A poller whose only handler writes down what it hears; it does not wait between its tries."""
    dispatcher = Dispatcher(disable_fsm=True)

    @dispatcher.message()
    async def hear(message: Message) -> None:
        heard.append(message.text or "")

    async def no_time(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    return poller_of(bot, dispatcher, sleep=no_time)


@asynccontextmanager
async def running(poller: Poller) -> AsyncIterator[asyncio.Task[None]]:
    """Poll meanwhile."""
    task = asyncio.create_task(poller.run())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await poller.stop()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("within", ["", "reply_to_message"])
async def test_one_unreadable_update_costs_no_other(
    standin: StandIn, poller: Poller, heard: list[str], log_lines: list[str], shape: str, within: str
) -> None:
    """What a stranger sends is passed over, logged without its words, and confirmed; the admin is heard at once."""
    eve, ann = standin.add_user(66, "Eve"), standin.add_user(11, "Ann")
    await ann.send("before")
    odd = await eve.send("secret words", extra=SHAPES[shape])
    if within:
        standin.bot().updates.pop()
        await eve.send("secret words", reply_to=odd)
    await ann.send("after")
    async with running(poller):
        await standin.until(lambda: len(heard) == 2)
        await standin.until(lambda: not standin.bot().updates)
    assert sorted(heard) == ["after", "before"]
    (line,) = [line for line in log_lines if "can't be read" in line]
    assert "secret" not in line
    assert poller.state.trouble == NO_REASON


async def test_an_update_that_is_nothing_at_all_is_passed_over(
    standin: StandIn, poller: Poller, heard: list[str]
) -> None:
    """Also the only one of its batch; the offset goes on past it."""
    standin.queue_update("message", {"neither": ["a message", None]})
    async with running(poller):
        await standin.until(lambda: not standin.bot().updates)
        await standin.add_user(11).send("hello")
        await standin.until(lambda: heard == ["hello"])


@pytest.mark.parametrize(
    ("fault", "longest"), [(refused(401, "Unauthorized"), 60), (refused(500, "Internal Server Error"), 30)]
)
async def test_a_trouble_may_last_for_days(
    standin: StandIn, poller: Poller, slept: list[float], heard: list[str], fault: Fault, longest: float
) -> None:
    """Polling is tried again at an even pace for as long as it takes, and then goes on as if nothing had been."""
    ann = standin.add_user(11)
    async with running(poller) as polling:
        await ann.send("before")
        await standin.until(lambda: heard == ["before"])
        standin.inject(fault, "getUpdates", times=1100)
        await ann.send("wake up")
        await standin.until(lambda: len(slept) >= 1100, within=30)
        await ann.send("after")
        await standin.until(lambda: heard[-1] == "after")
        assert not polling.done()
    assert slept[:3] == [1, 2, 4]
    assert slept[-1] == longest
    assert (poller.state.trouble, poller.state.refusals) == (NO_REASON, 0)


async def test_who_presses_three_hundred_times_keeps_nobody_waiting(standin: StandIn, bot: Bot) -> None:
    """However slow the handlers, one sender's updates begin in order and few at once, and another one has an answer."""
    ann, ben = standin.add_user(11, "Ann"), standin.add_user(12, "Ben")
    begun: list[str] = []
    gate, answered = asyncio.Event(), asyncio.Event()
    dispatcher = Dispatcher(disable_fsm=True)

    @dispatcher.message()
    async def hear(message: Message) -> None:
        if message.chat.id == 12:
            answered.set()
            return
        begun.append(message.text or "")
        await gate.wait()

    for number in range(300):
        await ann.send(f"{number}")
    await ben.send("and me?")
    poller = poller_of(bot, dispatcher)
    async with running(poller):
        async with asyncio.timeout(20):
            await answered.wait()
        assert len(begun) < 100, "each new one waits a turn for those before it"
        gate.set()
        async with asyncio.timeout(20):
            while len(begun) < 300:
                await asyncio.sleep(0.01)
    assert begun == [f"{number}" for number in range(300)]


@pytest.mark.parametrize("receives", [True, False])
@pytest.mark.parametrize(
    ("fault", "told"),
    [(refused(500, "Server Error"), 1), (refused(401, "Unauthorized"), 1), (refused(409, "Conflict: another"), 0)],
)
async def test_that_telegram_answers_again_is_told_once(
    standin: StandIn, bot: Bot, receives: bool, fault: Fault, told: int
) -> None:
    """After any number of failures, and not at each answer; also where nothing is received, and never of a conflict."""
    again: list[None] = []

    async def no_time(_seconds: float) -> None:
        await asyncio.sleep(0)

    dispatcher = Dispatcher(disable_fsm=True) if receives else None
    poller = poller_of(bot, dispatcher, sleep=no_time, answers_again=lambda: again.append(None))
    method, ann = "getUpdates" if receives else "getMe", standin.add_user(11)
    async with running(poller):
        await standin.until(lambda: poller.state.heard)
        rule = standin.inject(fault, method, times=None)
        for _ in range(2):
            await ann.send("wakes it up")
        await standin.until(lambda: poller.state.trouble != NO_REASON)
        assert again == []
        rule.cancel()
        await ann.send("after a conflict it is waited for")
        await standin.until(lambda: poller.state.trouble == NO_REASON)
        asked = len(standin.calls_of(method))
        await ann.send("goes on")
        await standin.until(lambda: len(standin.calls_of(method)) > asked)
    assert len(again) == told
