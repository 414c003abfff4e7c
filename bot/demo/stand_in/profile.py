"""Implements the methods about a bot's own page: its name and its descriptions, in one language."""

from aiogram.methods import GetMyDescription, GetMyShortDescription, SetMyDescription, SetMyName, SetMyShortDescription

from bot.demo.stand_in.content import Exchange
from bot.demo.stand_in.entities import utf16_length
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import Json

NAME_LIMIT, SHORT_LIMIT, LONG_LIMIT = 64, 120, 512


async def get_my_short_description(exchange: Exchange, _call: GetMyShortDescription) -> Json:
    """What stands in the profile."""
    return {"short_description": exchange.bot.short_description}


async def set_my_short_description(exchange: Exchange, call: SetMyShortDescription) -> bool:
    """Change it."""
    exchange.bot.short_description = _fitting(call.short_description, SHORT_LIMIT, "SHORT_DESCRIPTION_TOO_LONG")
    return True


async def get_my_description(exchange: Exchange, _call: GetMyDescription) -> Json:
    """What stands in the empty chat."""
    return {"description": exchange.bot.description}


async def set_my_description(exchange: Exchange, call: SetMyDescription) -> bool:
    """Change it."""
    exchange.bot.description = _fitting(call.description, LONG_LIMIT, "DESCRIPTION_TOO_LONG")
    return True


async def set_my_name(exchange: Exchange, call: SetMyName) -> bool:
    """Rename the bot; without a name it would get back the one of its birth, which nobody here asks for."""
    exchange.bot.first_name = _fitting(call.name, NAME_LIMIT, "NAME_TOO_LONG") or exchange.bot.first_name
    return True


def _fitting(text: str | None, limit: int, refusal: str) -> str:
    if utf16_length(text or "") > limit:
        raise bad_request(refusal)
    return text or ""
