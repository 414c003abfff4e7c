"""The bot on duty: a real dispatcher polls the stand-in, people with phones talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from loguru import logger

from bot.demo.stand_in.state import Message
from bot.handlers import Pace, StrangerLog, build_dispatcher
from bot.services.manager import Courier
from tests.world.clock import StandingClock
from tests.world.fake_manager import FakeManager
from tests.world.phones import Person, PhonePress
from tests.world.stand_in import StandIn


class Session(AiohttpSession):
    """aiogram's session without the wait for TLS to close: there is no TLS here."""

    async def close(self) -> None:
        if self._session is not None and not self._session.closed:
            await self._session.close()


@dataclass
class Office:
    """The bot, its manager and its people: admins Ann (11) and Bob (22), and Eve, a stranger (66)."""

    api: StandIn
    bot: Bot
    dispatcher: Dispatcher
    manager: FakeManager
    time: StandingClock
    ann: Person
    bob: Person
    eve: Person
    pressed: list[PhonePress]

    async def click(
        self, button: str, sees: str, *, who: Person | None = None, message: Message | None = None
    ) -> Message:
        """Press a button and wait for a screen with these words; the press is answered, too."""
        person = who or self.ann
        press = await person.press(button, message=message)
        self.pressed.append(press)
        shown = await person.wait_for(lambda seen: sees in seen.text)
        await press.answered()
        return shown

    async def say(self, text: str, sees: str, *, who: Person | None = None) -> Message:
        """Type a message and wait for an answer with these words."""
        person = who or self.ann
        await person.send(text)
        return await person.wait_for(lambda seen: sees in seen.text)

    async def open_menu(self, who: Person | None = None) -> Message:
        await self.say("/admin", "Admin menu", who=who)
        return await self.click("💾 Database Backup", "Next", who=who)

    async def heard_everything(self) -> None:
        """Wait until the bot has dealt with all that was sent before: an admin's message is answered after it."""
        await self.say("/admin", "Admin menu", who=self.bob)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{level} {message}\n{exception}")
    yield lines
    logger.remove(sink)


@pytest.fixture
async def office(tmp_path: Path, log_lines: list[str]) -> AsyncIterator[Office]:
    """A bot on duty; whatever the test did, every call was a valid one, and every admin's press was answered."""
    async with StandIn() as api:
        token = api.create_bot_token()
        people = [api.add_user(11, "Ann"), api.add_user(22, "Bob"), api.add_user(66, "Eve")]
        bot = Bot(token, session=Session(api=TelegramAPIServer.from_base(api.url)))
        manager = FakeManager([11, 22, 77], tmp_path / "backup_system.log")
        time = StandingClock()
        dispatcher = build_dispatcher(
            cast("Courier", manager.parts),
            clock=lambda: datetime.fromtimestamp(api.clock.now(), tz=manager.timezone),
            pace=Pace(every=1.0, sleep=time.sleep),
            patience=0,
            stranger_log=StrangerLog(),
        )
        manager.now = datetime.fromtimestamp(api.clock.now(), tz=manager.timezone)
        polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
        there = Office(api, bot, dispatcher, manager, time, *people, pressed=[])
        yield there
        await dispatcher.stop_polling()
        await polling
        await bot.session.close()
        assert all(press.answer is not None for press in there.pressed)
    assert api.violations == []
