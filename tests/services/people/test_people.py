"""Who is an admin and which chats receive: the settings, and what was chosen in the chat over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config.settings import Settings
from bot.errors import CourierError
from bot.models import AUTO_TOPIC, DeliveryReason, DeliveryState, OutcomeCode, Reason, Recipient
from bot.services.catalogue import Catalogue
from bot.services.catalogue.schema_recipients import PARKED_SINCE
from bot.services.catalogue.values import as_column, as_text
from bot.services.people.choices import ADMINS, PLACES, ListChoice
from bot.services.people.people import People
from tests.world.catalogue import at_step_before, stored

ANN, BEN, CID = (Recipient(chat_id=number) for number in (11, 12, 13))
GROUP = Recipient(chat_id=-100500, thread_id=7)


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with await Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        yield catalogue


def by(number: int) -> dict[str, str]:
    return {"actor": f"Somebody ({number})"}


async def test_without_deliver_to_the_admins_receive_whoever_they_are(catalogue: Catalogue) -> None:
    """Added and removed in the chat, they are so at once, over a restart too, and the settings can hold again."""
    heard: list[int] = []
    settings = Settings(admin_ids=(11, 12), email_to=("ops@example.org",), email_from="a@example.org")
    people = People(settings, catalogue, changed=lambda: heard.append(1))
    assert people.readers == (ANN, BEN, Recipient(place="mail:ops@example.org"))
    assert await people.add_admin(13, "Cid", **by(11))
    assert not await people.add_admin(13, "Cid", **by(11))
    await people.remove_admin(12, **by(11))
    assert await people.add_chat(GROUP, "Ops", **by(11))
    assert (people.admin_ids, people.chats, people.invited) == ((11, 13), (ANN, CID, GROUP), {CID})
    assert len(heard) == 3

    restarted = People(settings, catalogue)
    assert await restarted.load()
    assert restarted.everybody == people.everybody
    # What the settings say later counts as before, and what they say by themselves is chosen no longer.
    edited = People(Settings(admin_ids=(13, 14)), catalogue)
    await edited.load()
    assert edited.admin_ids == (13, 14)
    assert not edited.choice(ADMINS)

    assert await people.reset(ADMINS, admin_id=11, **by(11))
    await people.add_admin(13, "Cid", **by(11))
    await edited.tidy()
    await people.load()
    assert people.admin_ids == (11, 12)  # no more than .env says, once .env has said it
    assert await people.reset(PLACES, **by(11))
    assert not await people.reset(PLACES, **by(11))
    assert people.chats == settings.deliver_to
    assert await catalogue.service.overrides() == {}
    assert len(await catalogue.service.audits()) == 6


async def test_the_last_one_stays_also_when_two_remove_each_other(catalogue: Catalogue) -> None:
    """One of the two presses comes second, and is refused; so is the last place, and a reset that locks oneself out."""
    people = People(Settings(admin_ids=(11, 12)), catalogue)
    results = await asyncio.gather(
        people.remove_admin(12, **by(11)), people.remove_admin(11, **by(12)), return_exceptions=True
    )
    assert [str(result) for result in results if isinstance(result, CourierError)] == ["The last admin has to stay."]
    assert people.admin_ids == (11,)
    with pytest.raises(CourierError, match="The last place has to stay"):
        await people.remove_chat(ANN, **by(11))
    await people.add_admin(13, "", **by(11))
    with pytest.raises(CourierError, match="no admin yourself"):
        await people.reset(ADMINS, admin_id=13, **by(13))


async def test_the_last_one_who_can_be_reached_stays(catalogue: Catalogue) -> None:
    """Somebody who never pressed Start would be an admin whom no alarm reaches."""
    people = People(Settings(admin_ids=(11, 12)), catalogue)
    await catalogue.recipients.park(BEN, Reason(OutcomeCode.NOT_STARTED))
    with pytest.raises(CourierError, match="No other admin can be reached"):
        await people.remove_admin(11, **by(11))
    await people.remove_admin(12, **by(11))
    assert people.admin_ids == (11,)


async def test_who_receives_no_longer_is_owed_nothing(catalogue: Catalogue) -> None:
    """What was owed is superseded; somebody who still is an admin stays as unreachable as before."""
    people = People(Settings(admin_ids=(11, 12), deliver_to=(ANN, BEN, GROUP)), catalogue)
    backup = await stored(catalogue)
    await catalogue.deliveries.owe(backup.id, people.recipients)
    for one in (BEN, GROUP):
        await catalogue.recipients.park(one, Reason(OutcomeCode.NOT_STARTED))
        await people.remove_chat(one, **by(11))
    rows = {row.recipient: row for row in await catalogue.deliveries.of(backup.id)}
    assert rows[BEN].state is rows[GROUP].state is DeliveryState.SUPERSEDED
    assert rows[BEN].reason.code == DeliveryReason.NO_RECIPIENT
    assert rows[ANN].state is DeliveryState.PENDING
    assert list(await catalogue.recipients.parked()) == [BEN]


async def test_what_is_known_of_a_chat_is_found_under_its_present_id(catalogue: Catalogue) -> None:
    """A group that became a supergroup, and a topic that was made: the status shows what is wrong with them."""
    auto = Recipient(chat_id=-100700, thread_id=AUTO_TOPIC)
    people = People(Settings(admin_ids=(11,), deliver_to=(Recipient(chat_id=-500), auto)), catalogue)
    await catalogue.recipients.migrate(-500, -100500)
    await catalogue.recipients.set_topic(auto, 42)
    for one in (Recipient(chat_id=-100500), Recipient(chat_id=-100700, thread_id=42)):
        await catalogue.recipients.park(one, Reason(OutcomeCode.REMOVED))
    found = await people.statuses(people.recipients)
    assert [(one.recipient.address, one.parked_reason.code) for one in found] == [
        ("-100500", OutcomeCode.REMOVED),
        ("-100700/42", OutcomeCode.REMOVED),
    ]


def test_a_choice_is_read_as_it_was_written() -> None:
    """A group's number keeps its own sign."""
    choice = ListChoice(added=("12", "-100500/7"), removed=("-5", "13"))
    assert str(choice) == "+12 +-100500/7 --5 -13"
    assert ListChoice.read(str(choice)) == choice
    assert choice.of(("11", "13")) == ("11", "12", "-100500/7")


async def test_since_when_somebody_is_missed_is_known_of_an_old_catalogue(tmp_path: Path) -> None:
    """The day in which Ben is awaited begins when he is found missing; where that is old, with his first backup."""
    path, now = tmp_path / "catalogue.db", datetime(2026, 7, 13, 12, tzinfo=UTC)
    why = as_column(Reason(OutcomeCode.NOT_STARTED))
    with closing(at_step_before(path, PARKED_SINCE)) as connection, connection:
        for number, ago in ((1, 30), (2, 2)):
            at = as_text(now - timedelta(hours=ago))
            connection.execute(
                "INSERT INTO backups (started_at, trigger, requested_by, state) VALUES (?, 'schedule', '', 'partial')",
                (at,),
            )
            for address in ("12",) if number == 1 else ("12", "13"):
                connection.execute(
                    "INSERT INTO deliveries (backup_id, address, state) VALUES (?, ?, 'parked')", (number, address)
                )
        connection.executemany(
            "INSERT INTO recipients (address, parked_reason) VALUES (?, ?)", [("12", why), ("13", why), ("14", "")]
        )
    async with await Catalogue.open(path, clock=lambda: now) as catalogue:
        people = People(Settings(admin_ids=(12, 13, 14)), catalogue, clock=lambda: now)
        assert [one.invited for one in await people.statuses(people.admins)] == [False, True, False]
        await catalogue.recipients.park(people.admins[2], Reason(OutcomeCode.NOT_STARTED))
        assert [one.invited for one in await people.statuses(people.admins)] == [False, True, True]
        later = People(Settings(admin_ids=(13, 14)), catalogue, clock=lambda: now + timedelta(hours=25))
        assert [one.invited for one in await later.statuses(later.admins)] == [False, False]
        await catalogue.recipients.unpark(people.admins[2])
        (back,) = await catalogue.recipients.statuses([people.admins[2]])
        assert back.parked_since is None
