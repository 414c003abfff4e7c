"""Services whose clock the test turns."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.world.messages import MORNING, House, MakeHouse
from tests.world.stand_in import StandIn


@pytest.fixture
async def make_house(standin: StandIn, tmp_path: Path) -> AsyncIterator[MakeHouse]:
    """Open houses, by default on a winter morning; everything in them is closed at the end."""
    houses: list[House] = []

    async def make(now: datetime = MORNING, **settings: str) -> House:
        houses.append(House(standin, tmp_path, now, **settings))
        return await houses[-1].open()

    yield make
    for house in houses:
        await house.close()
