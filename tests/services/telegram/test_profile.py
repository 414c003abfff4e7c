"""The bot's own page: descriptions only where there are none, a name where one is asked for."""

import pytest
from aiogram import Bot

from bot.services.contracts.destination import Outcome
from bot.services.telegram.profile import TelegramProfile
from bot.texts.setup import ABOUT, DESCRIPTION
from tests.world.stand_in import StandIn


async def test_what_somebody_wrote_stays(standin: StandIn, bot: Bot) -> None:
    """The texts of the product fit Telegram's limits, and replace nobody's own."""
    standin.bot().description = "Mine"
    assert await TelegramProfile(bot).describe(short=ABOUT, long=DESCRIPTION)
    assert (standin.bot().short_description, standin.bot().description) == (ABOUT, "Mine")
    assert not await TelegramProfile(bot).describe(short="Other", long="Other")
    standin.bot().description = ""
    await TelegramProfile(bot).describe(short=ABOUT, long=DESCRIPTION)
    assert standin.bot().description == DESCRIPTION


async def test_a_name_is_set_or_its_refusal_told(standin: StandIn, bot: Bot) -> None:
    await TelegramProfile(bot).rename("Backups of shop")
    assert standin.bot().first_name == "Backups of shop"
    with pytest.raises(Outcome, match="NAME_TOO_LONG"):
        await TelegramProfile(bot).rename("x" * 65)
