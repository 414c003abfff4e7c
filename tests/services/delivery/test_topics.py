"""`-100…/auto`: a topic for this server in a group, made once, remembered, and made anew where it was deleted."""

from __future__ import annotations

import asyncio

import pytest

from bot.models import AUTO_TOPIC, DeliveryState, Recipient
from bot.words.outcomes import reason_words
from tests.world import faults
from tests.world.delivery import House, documents
from tests.world.groups import Group

PARKED, SENT = DeliveryState.PARKED, DeliveryState.SENT
FORUM = -1005001
AUTO = Recipient(chat_id=FORUM, thread_id=AUTO_TOPIC)


def forum(house: House, *, status: str = "administrator", is_forum: bool = True) -> Group:
    """A group whose topic of this server is a recipient."""
    group = house.standin.add_group(FORUM, members=[house.standin.add_user(11)], is_forum=is_forum, bot_status=status)
    house.receive(AUTO)
    return group


async def test_it_is_made_once_whoever_comes_first_and_survives_a_restart(house: House) -> None:
    """A backup, another one and a notice at the same time; later the catalogue knows its number."""
    group = forum(house)
    gate = house.standin.hold("createForumTopic")
    backups = [await house.back_up(), await house.back_up()]
    work = [*(house.deliver(backup) for backup in backups), asyncio.create_task(house.notices.notify("x", loud=False))]
    await house.standin.until(lambda: bool(gate.waiting))
    gate.open()
    await asyncio.gather(*work)
    (topic,) = group.chat.topics.values()
    assert topic.name == "web-1"
    assert len(documents(group)) == 2
    assert {message.thread_id for message in group.messages} == {topic.id}
    assert await house.catalogue.recipients.current(AUTO) == Recipient(chat_id=FORUM, thread_id=topic.id)

    await house.restart()
    await house.tried()
    assert list(group.chat.topics) == [topic.id]
    assert len(documents(group)) == 3


@pytest.mark.parametrize("first", ["archive", "notice"])
async def test_a_topic_that_was_deleted_is_made_anew_once_and_that_is_said(house: House, first: str) -> None:
    """What is owed comes whole into the new one, its earlier volumes too; a topic named by its number is left alone."""
    group = forum(house)
    await house.tried()
    (old,) = group.chat.topics.values()
    backup = await house.back_up(2_500_000)
    if first == "notice":
        old.deleted = True
        await house.notices.notify("trouble", loud=True)
    else:  # while the second volume was on its way
        house.standin.inject(faults.refused(400, "Bad Request: message thread not found"), "sendDocument", nth=2)
    await house.delivered(backup)
    assert len(group.chat.topics) == 2
    new = max(group.chat.topics)
    arrived = [message.text for message in group.messages_in(new)]
    assert sum("was deleted; they come into this one" in text for text in arrived) == 1
    rows = await house.catalogue.deliveries.of(backup.id)
    assert [(row.recipient.thread_id, row.state) for row in rows if row.state is SENT] == [(new, SENT)]
    assert len(rows[0].volumes) == len(documents_in(group, new)) == 3


def documents_in(group: Group, thread: int) -> list[object]:
    return [message for message in group.messages_in(thread) if message.document is not None]


@pytest.mark.parametrize(
    ("status", "is_forum", "said"),
    [
        ("member", True, "make it an administrator who may manage topics"),
        ("administrator", False, "this group has no topics: turn them on in its settings"),
    ],
)
async def test_where_none_can_be_made_the_mend_is_said(house: House, status: str, is_forum: bool, said: str) -> None:
    """The group is parked with it; once it is mended, what is owed comes."""
    group = forum(house, status=status, is_forum=is_forum)
    backup = await house.tried()
    ((recipient, reason),) = (await house.catalogue.recipients.parked()).items()
    assert recipient == AUTO
    assert said in reason_words(reason)
    group.chat.is_forum = True
    group.add_bot(house.standin.bot(), "administrator")
    running = asyncio.create_task(house.ledger.run())
    await house.ledger.recipient_started(FORUM)
    await house.standin.until(lambda: bool(documents(group)))
    await house.nobody_is_parked()
    running.cancel()
    assert (await house.catalogue.deliveries.of(backup.id))[0].recipient.thread_id in group.chat.topics


async def test_a_topic_that_is_named_by_its_number_is_nobodys_to_make_anew(house: House) -> None:
    """It is parked as before, also beside one of our own."""
    group = forum(house)
    named = group.add_topic("Named")
    house.receive(Recipient(chat_id=FORUM, thread_id=named.id))
    await house.tried()
    named.deleted = True
    backup = await house.tried()
    states = {row.recipient.thread_id: row.state for row in await house.catalogue.deliveries.of(backup.id)}
    assert states.pop(named.id) is PARKED
    assert list(states.values()) == [SENT]
    assert len(group.chat.topics) == 2
