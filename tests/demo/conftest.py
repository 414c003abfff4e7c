"""A running stand-in, and real aiogram bots that talk to it."""

from collections.abc import AsyncIterator, Callable

import pytest
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.demo.phones import Person
from bot.demo.stand_in.standin import StandIn

MakeBot = Callable[..., Bot]


class LoopbackSession(AiohttpSession):
    """aiogram's session without the quarter of a second it waits for TLS to close: there is no TLS here."""

    async def close(self) -> None:
        """Close the connections at once."""
        if self._session is not None and not self._session.closed:
            await self._session.close()


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """A stand-in of the cloud server with one bot; whatever the test did, no call may have broken the contract."""
    async with StandIn() as api:
        api.create_bot_token()
        yield api
    assert api.violations == []


@pytest.fixture
async def make_bot() -> AsyncIterator[MakeBot]:
    """Bots on a stand-in, by default its first one; HTML unless asked otherwise; closed at the end."""
    bots: list[Bot] = []

    def make(api: StandIn, token: str | None = None, *, is_local: bool = False, parse_mode: str | None = "HTML") -> Bot:
        server = TelegramAPIServer.from_base(api.url, is_local=is_local)
        session = LoopbackSession(api=server, timeout=20)
        bot = Bot(token or api.bot().token, session=session, default=DefaultBotProperties(parse_mode=parse_mode))
        bots.append(bot)
        return bot

    yield make
    for bot in bots:
        await bot.session.close()


@pytest.fixture
def bot(standin: StandIn, make_bot: MakeBot) -> Bot:
    """The stand-in's first bot, as a real aiogram Bot."""
    return make_bot(standin)


@pytest.fixture
def ann(standin: StandIn) -> Person:
    """A person who has pressed Start."""
    return standin.add_user(11, "Ann")
