"""The picture of the week: once, silently, on Monday morning."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.demo.stand_in.state import Message
from bot.models import MessageMode
from tests.world.messages import House, MakeHouse
from tests.world.phones import Person

SUNDAY = datetime.fromisoformat("2027-01-17T20:00+00:00")
MONDAY = datetime.fromisoformat("2027-01-18T08:05+00:00")  # five past nine in Berlin


def pictures(person: Person) -> list[Message]:
    return [message for message in person.messages if message.file is not None and message.file.photo]


async def begun(make_house: MakeHouse, **choices: MessageMode) -> House:
    """A house on Sunday evening, with a backup, until Monday morning."""
    house = await make_house(SUNDAY, TIMEZONE="Europe/Berlin", **choices)
    await house.run()
    assert pictures(house.ann) == []
    house.pass_to(MONDAY)
    await house.upkeep.refresh()
    return house


async def test_each_admin_gets_the_week_once(make_house: MakeHouse) -> None:
    """After a restart too; who wants trouble only gets none."""
    house = await begun(make_house, ben=MessageMode.TROUBLE)
    await house.restart()
    house.pass_by(hours=1)
    await house.upkeep.refresh()
    (picture,) = pictures(house.ann)
    assert picture.text == "✅ The week: 1 backup, complete and proven"
    assert picture.silent
    assert pictures(house.ben) == []
    house.pass_by(days=7)
    await house.run()
    assert len(pictures(house.ann)) == 1  # the new week begins: of the old one there was nothing to tell


async def test_a_week_with_gaps_says_so(make_house: MakeHouse) -> None:
    house = await make_house(SUNDAY, TIMEZONE="Europe/Berlin")
    house.users.rename(house.users.with_suffix(".away"))
    await house.run()
    house.pass_to(MONDAY)
    await house.upkeep.refresh()
    assert [picture.text for picture in pictures(house.ann)] == ["⚠️ The week: 0 of 1 backup complete and proven"]


async def test_a_service_that_was_off_on_monday_leaves_the_week_alone(make_house: MakeHouse) -> None:
    """On Thursday nobody waits for it any more."""
    house = await make_house(SUNDAY, TIMEZONE="Europe/Berlin")
    await house.run()
    house.pass_to(MONDAY + timedelta(days=3))
    await house.upkeep.refresh()
    assert pictures(house.ann) == []


async def test_it_can_be_turned_off(make_house: MakeHouse) -> None:
    house = await make_house(SUNDAY, TIMEZONE="Europe/Berlin", WEEKLY_REPORT="off")
    await house.run()
    house.pass_to(MONDAY)
    await house.upkeep.refresh()
    assert pictures(house.ann) == []
