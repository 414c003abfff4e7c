"""Services whose clock the test turns."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from bot.models import MessageMode
from tests.world.messages import MORNING, House, MakeHouse
from tests.world.stand_in import StandIn


@pytest.fixture
async def make_house(standin: StandIn, tmp_path: Path) -> AsyncIterator[MakeHouse]:
    """Open houses, by default on a winter morning, whose admins may have chosen; all of it is closed at the end."""
    houses: list[House] = []

    async def make(
        now: datetime = MORNING, *, ann: MessageMode | None = None, ben: MessageMode | None = None, **settings: str
    ) -> House:
        houses.append(House(standin, tmp_path, now, **settings))
        house = await houses[-1].open()
        for person, mode in ((house.ann, ann), (house.ben, ben)):
            if mode is not None:
                await house.courier.preferences.choose_mode(person.id, mode, actor=str(person.id))
        return house

    yield make
    for house in houses:
        await house.close()
