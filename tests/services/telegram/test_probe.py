"""What Telegram says of a token: whose it is, and what keeps its bot from serving, in one sentence with its mend."""

import asyncio
import socket
from contextlib import suppress

import pytest
from aiogram import Bot
from aiogram.client.telegram import PRODUCTION
from aiogram.exceptions import TelegramConflictError

from bot.models import TokenReport
from bot.services.telegram.probe import TokenProbe
from tests.world import faults
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession, MakeBot, OfflineSession


async def report_over(session: LoopbackSession) -> TokenReport:
    bot = Bot("123456:" + "A" * 35, session=session)
    try:
        return await TokenProbe(bot).report()
    finally:
        await bot.session.close()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_good_token_names_its_bot_and_takes_no_update_away(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Who listens for another poller leaves what waits for the service."""
    await ann.send("hello")
    report = await TokenProbe(bot).report(listen=5)
    assert report.account is not None
    assert (report.account.name, report.account.username, report.fault) == ("Courier", "courier_bot", "")
    assert len(await bot.get_updates()) == 1
    assert [call.method for call in standin.calls if "Webhook" in call.method] == ["getWebhookInfo"]


async def test_a_wrong_token_is_refused(standin: StandIn, make_bot: MakeBot) -> None:
    report = await TokenProbe(make_bot(standin, "123456:" + "A" * 35)).report()
    assert report.refused
    assert report.fault == "Telegram does not accept the bot's token."
    assert "@BotFather" in report.mend


async def test_a_webhook_is_told_with_its_host_alone(standin: StandIn, bot: Bot) -> None:
    """The path of a webhook is its secret."""
    standin.bot().webhook = "https://example.org/secret-path"
    report = await TokenProbe(bot).report(listen=5)
    assert report.webhook == "example.org"
    assert "@courier_bot go to a webhook at example.org" in report.fault
    assert "secret-path" not in report.fault + report.mend
    with pytest.raises(TelegramConflictError, match="webhook is active"):
        await bot.get_updates()


async def test_another_poller_is_found_and_goes_on(standin: StandIn, bot: Bot, make_bot: MakeBot) -> None:
    """It comes back after its conflict, and that is how it is seen."""

    async def poll(rival: Bot) -> None:
        while True:
            with suppress(TelegramConflictError):
                await rival.get_updates(timeout=50)

    rival = asyncio.create_task(poll(make_bot(standin)))
    await standin.polled()
    report = await TokenProbe(bot).report(listen=5)
    assert "Another program polls Telegram as @courier_bot" in report.fault
    assert report.account is not None
    assert not (await TokenProbe(bot).report()).fault  # the service itself asks without looking for pollers
    assert not rival.done()
    rival.cancel()


async def test_no_way_to_telegram_is_told_without_a_librarys_words() -> None:
    """No name server here, as on a machine without a network; nothing listens; a proxy that is not there."""
    assert (await report_over(OfflineSession())).fault == "Telegram can't be reached: no internet, or PROXY is needed."

    port = free_port()
    own = LoopbackSession(api=PRODUCTION.__class__.from_base(f"http://127.0.0.1:{port}"))
    fault = (await report_over(own)).fault
    assert fault == f"Nothing answers at 127.0.0.1:{port}, the Bot API server of TELEGRAM_API."

    proxied = LoopbackSession(proxy=f"socks5://user:secret@127.0.0.1:{port}")
    report = await report_over(proxied)
    assert report.fault == "The proxy of PROXY does not answer, or does not let this bot through."
    assert report.mend == "Check PROXY: its address, the user and the password."


async def test_a_server_in_trouble_is_no_wrong_token(standin: StandIn, bot: Bot) -> None:
    standin.inject(faults.server_error(), "getMe")
    report = await TokenProbe(bot).report()
    assert report.account is None
    assert not report.refused
    assert "Internal Server Error" in report.fault
