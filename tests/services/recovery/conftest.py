"""A scene on a running stand-in."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.stand_in.standin import StandIn
from tests.services.recovery.scene import Scene


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
async def scene(standin: StandIn, tmp_path: Path) -> AsyncIterator[Scene]:
    """A machine with a bot and one admin, Ann."""
    scene = await Scene(standin, tmp_path).open()
    yield scene
    await scene.close()
