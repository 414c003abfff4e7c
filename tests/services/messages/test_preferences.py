"""What admins chose, and what follows: sounds, captions, trouble, and an audit line for each choice."""

from datetime import UTC, datetime

import pytest

from bot.errors import CourierError, NotFoundError, NothingToBackUpError
from bot.models import Action, MessageChoice, MessageMode, QuietHours, Recipient, Trigger
from tests.world.messages import MakeHouse, archives, texts

NIGHT = QuietHours(start=22 * 60, end=7 * 60)
AT_NIGHT = datetime(2027, 1, 12, 2, 0, tzinfo=UTC)


async def test_choices_survive_a_restart_and_leave_an_audit_line_each(make_house: MakeHouse) -> None:
    """Who, what, when; choosing the same again is no act."""
    house = await make_house()
    preferences = house.courier.preferences
    await house.hours(None)
    for _ in range(2):
        await preferences.choose_mode(11, MessageMode.DIGEST, actor="Ann (11)")
        await preferences.choose_quiet(11, NIGHT, actor="Ann (11)")
        await preferences.follow(11, "shop.db", False, actor="Ann (11)")
    await house.restart()
    assert await house.courier.preferences.of(11) == MessageChoice(
        mode=MessageMode.DIGEST, quiet=NIGHT, databases=frozenset({"users.db"}), since=house.now
    )
    assert await house.courier.preferences.of(12) == MessageChoice()
    told = [(entry.actor, entry.action, entry.facts) for entry in await house.courier.catalogue.service.audits()]
    assert told == [
        ("Ann (11)", Action.DATABASES_CHOSEN, (("database", "users.db"),)),
        ("Ann (11)", Action.QUIET_CHOSEN, (("start", "22:00"), ("end", "07:00"))),
        ("Ann (11)", Action.MODE_CHOSEN, (("mode", "daily digest"),)),
    ]


async def test_only_admins_choose(make_house: MakeHouse) -> None:
    """Nobody else's choice is kept, and who is no admin any more gets what everybody gets."""
    house = await make_house()
    with pytest.raises(NotFoundError):
        await house.courier.preferences.choose_mode(66, MessageMode.TROUBLE, actor="Eve (66)")
    assert await house.courier.preferences.of(66) == MessageChoice()


async def test_quiet_hours_silence_archives_but_no_alarms(make_house: MakeHouse) -> None:
    """A manual backup and a gap at night: the file comes silently, the alarm sounds, unless alarms are silenced too."""
    house = await make_house(AT_NIGHT)
    await house.courier.preferences.choose_quiet(11, NIGHT, actor="Ann (11)")
    silent_too = QuietHours(start=NIGHT.start, end=NIGHT.end, alarms=True)
    await house.courier.preferences.choose_quiet(12, silent_too, actor="Ben (12)")
    house.shop.rename(house.folder / "elsewhere.db")
    await house.run(Trigger.COMMAND)
    assert [message.silent for message in archives(house.ann)] == [True]
    assert [[m.silent for m in texts(person)] for person in (house.ann, house.ben)] == [[False], [True]]
    house.users.rename(house.folder / "elsewhere too.db")
    with pytest.raises(NothingToBackUpError):
        await house.run()
    assert [[m.silent for m in texts(person)] for person in (house.ann, house.ben)] == [[False] * 2, [True] * 2]
    house.pass_by(hours=4)  # 07:00
    assert await house.courier.preferences.loudness(12, house.now)
    assert not await house.courier.preferences.silent_recipients([Recipient(chat_id=11)], house.now)


async def test_chosen_databases_decide_what_is_shown_and_when_it_comes(make_house: MakeHouse) -> None:
    """Ann follows users.db: its change brings the file, shop.db's does not, and captions name only hers."""
    house = await make_house()
    await house.hours(None)
    await house.courier.preferences.follow(11, "shop.db", False, actor="Ann (11)")
    await house.hours(house.shop, house.users)
    assert (len(archives(house.ann)), len(archives(house.ben))) == (2, 3)
    caption = archives(house.ann)[-1].text
    assert "2 databases" in caption  # the file holds both, and the caption does not hide it
    assert "shop.db" not in caption
    assert "and 1 database that you do not follow" in caption
    assert "shop.db" in archives(house.ben)[-1].text


async def test_trouble_goes_to_those_who_care_and_never_to_nobody(make_house: MakeHouse) -> None:
    """Ann is spared the trouble of what only Ben follows; what nobody follows troubles everybody."""
    house = await make_house()
    await house.hours(None)
    await house.courier.preferences.follow(11, "shop.db", False, actor="Ann (11)")
    house.shop.rename(house.folder / "elsewhere.db")
    await house.hours(None)
    assert (len(texts(house.ann)), len(texts(house.ben))) == (0, 1)
    await house.courier.preferences.follow(12, "shop.db", False, actor="Ben (12)")
    await house.hours(None)
    assert (len(texts(house.ann)), len(texts(house.ben))) == (1, 1)
    assert "shop.db" in texts(house.ann)[0].text


async def test_the_last_database_stays_chosen_and_all_means_those_to_come(make_house: MakeHouse) -> None:
    """No choice of nothing; ticking everything again is the default again."""
    house = await make_house()
    await house.hours(None)
    preferences = house.courier.preferences
    await preferences.follow(11, "shop.db", False, actor="Ann (11)")
    with pytest.raises(CourierError, match="At least one"):
        await preferences.follow(11, "users.db", False, actor="Ann (11)")
    with pytest.raises(NotFoundError, match=r"gone\.db"):
        await preferences.follow(11, "gone.db", True, actor="Ann (11)")
    await preferences.follow(11, "shop.db", True, actor="Ann (11)")
    assert (await preferences.of(11)).databases is None


async def test_the_screen_knows_to_whom_what_nobody_wants_goes(make_house: MakeHouse) -> None:
    """The keeper is told, and there is none as long as somebody takes everything."""
    house = await make_house()
    preferences = house.courier.preferences
    await preferences.choose_mode(11, MessageMode.TROUBLE, actor="Ann (11)")
    assert (await preferences.my_messages(11)).fallback is None
    await preferences.choose_mode(12, MessageMode.DIGEST, actor="Ben (12)")
    assert (await preferences.my_messages(11)).fallback == Recipient(chat_id=12)
