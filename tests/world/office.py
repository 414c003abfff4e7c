"""The bot on duty: a real dispatcher that polls the stand-in, the fake manager, and people with phones."""

from __future__ import annotations

from dataclasses import dataclass

from aiogram import Bot, Dispatcher

from bot.demo.stand_in.state import Message
from tests.world.clock import StandingClock
from tests.world.fake_manager import FakeManager
from tests.world.phones import Person, PhonePress
from tests.world.stand_in import StandIn


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

    async def opened(self, button: str, sees: str) -> Message:
        """Open the menu and press a button of it; Ann's screen with these words."""
        await self.open_menu()
        return await self.click(button, sees)

    async def heard_everything(self) -> None:
        """Wait until the bot has dealt with all that was sent before: an admin's message is answered after it."""
        await self.say("/admin", "Admin menu", who=self.bob)
