"""The bot on duty: a real dispatcher polls the stand-in, people with phones talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.handlers import Pace, StrangerLog, build_dispatcher
from bot.services.manager import Courier
from tests.world.clock import StandingClock
from tests.world.fake_manager import FakeManager
from tests.world.office import Office
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession


@pytest.fixture
async def office(tmp_path: Path, log_lines: list[str]) -> AsyncIterator[Office]:
    """A bot on duty; whatever the test did, every call was a valid one, and every admin's press was answered."""
    async with StandIn() as api:
        token = api.create_bot_token()
        people = [api.add_user(11, "Ann"), api.add_user(22, "Bob"), api.add_user(66, "Eve")]
        bot = Bot(token, session=LoopbackSession(api=TelegramAPIServer.from_base(api.url)))
        manager = FakeManager([11, 22, 77], tmp_path / "backup_system.log")
        manager.clock = lambda: datetime.fromtimestamp(api.clock.now(), tz=manager.timezone)
        time = StandingClock()
        dispatcher = build_dispatcher(
            cast("Courier", manager), pace=Pace(every=1.0, sleep=time.sleep), patience=0, stranger_log=StrangerLog()
        )
        manager.now = manager.clock()
        polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
        there = Office(api, bot, dispatcher, manager, time, *people, pressed=[])
        yield there
        await dispatcher.stop_polling()
        await polling
        await bot.session.close()
        assert all(press.answer is not None for press in there.pressed)
    assert api.violations == []
