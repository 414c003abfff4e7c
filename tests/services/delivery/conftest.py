"""A house with a running stand-in, and nobody in it yet."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.stand_in.standin import StandIn
from tests.services.delivery.house import House


@pytest.fixture(autouse=True)
def _no_warning_from_aiohttp_about_itself() -> None:
    """The stand-in reads multipart bodies with aiohttp, whose reader calls a function that aiohttp deprecates."""
    warnings.filterwarnings("ignore", message=r"unread_data\(\) is deprecated")


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """A stand-in of the cloud server with one bot; whatever the test did, no call may have broken the contract."""
    async with StandIn() as api:
        api.create_bot_token()
        yield api
    assert api.violations == []


@pytest.fixture
async def house(standin: StandIn, tmp_path: Path) -> AsyncIterator[House]:
    """An open house without recipients; everything in it is closed at the end."""
    house = await House(standin, tmp_path).open()
    yield house
    await house.close()
