"""One-time codes: who brings one is let in, once and in time, and nobody else."""

import asyncio
from collections.abc import Callable

import pytest
from aiogram import Bot

from bot.errors import TelegramError
from bot.journal.redaction import HIDDEN, redact
from bot.models import Recipient
from bot.services.telegram.arrivals import CODE_SECONDS, Arrival, Arrivals, Invitation
from tests.world import faults
from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot


async def come(bot: Bot, invitation: Invitation, standin: StandIn, *acts: Callable[[], object]) -> Arrival | None:
    """Wait for an arrival; once the bot polls, one act after the other is done."""
    waiting = asyncio.create_task(Arrivals(bot).wait_for(invitation))
    await standin.polled()
    for act in acts:
        await act()  # type: ignore[misc]
    return await waiting


async def test_who_opens_the_link_is_let_in_and_nobody_else(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A wrong code, no code, a code in the wrong place: silence. What came is confirmed, and comes no second time."""
    ben = standin.add_user(12, "Ben")
    group = standin.add_group(-1005, members=[ben])
    invitation = Invitation("courier_bot")
    assert len(invitation.link) <= 78  # what a QR code of 33 by 33 takes
    arrival = await come(
        bot, invitation, standin,
        ben.start,
        lambda: ben.send(f"/start {invitation.code[::-1]}"),
        lambda: ben.send(f"/start@courier_bot {invitation.code}", to=group.chat),
        lambda: ben.send(f"/stop {invitation.code}"),
        lambda: ann.open_link(invitation.link),
    )  # fmt: skip
    assert arrival == Arrival(recipient=Recipient(chat_id=11), name="Ann")
    assert await bot.get_updates() == []
    assert standin.calls_of("sendMessage") == []
    assert redact(invitation.link).endswith(f"start={HIDDEN}")


async def test_a_code_dies_after_its_use(standin: StandIn, bot: Bot, ann: Person) -> None:
    """Whoever sees it afterwards, in a group for instance, can do nothing with it."""
    invitation = Invitation("courier_bot")
    assert await come(bot, invitation, standin, lambda: ann.open_link(invitation.link)) is not None
    await standin.add_user(12, "Ben").open_link(invitation.link)
    assert await Arrivals(bot).wait_for(invitation) is None
    assert invitation.seconds_left == 0


async def test_a_code_dies_after_ten_minutes(standin: StandIn, bot: Bot, ann: Person) -> None:
    moment = 0.0
    invitation = Invitation("courier_bot", now=lambda: moment)
    moment = CODE_SECONDS + 1
    await ann.open_link(invitation.link)
    assert await Arrivals(bot).wait_for(invitation) is None


async def test_a_group_or_a_topic_comes_the_same_way(standin: StandIn, bot: Bot, ann: Person) -> None:
    """By the link that adds the bot; in a topic, by the command that it brings. A person's own chat is no group."""
    group = standin.add_group(-1005, members=[ann], is_forum=True, bot_status="left")
    invitation = Invitation("courier_bot", group=True)
    arrival = await come(
        bot, invitation, standin,
        lambda: ann.send(f"/start {invitation.code}"),
        lambda: ann.open_link(invitation.link, group.chat),
    )  # fmt: skip
    assert arrival == Arrival(recipient=Recipient(chat_id=-1005), name="Admins")

    topic, invitation = group.add_topic("Backups"), Invitation("courier_bot", group=True)
    command = f"/start@courier_bot {invitation.code}"
    arrival = await come(bot, invitation, standin, lambda: ann.send_in(group.chat, topic.id, command))
    assert arrival == Arrival(recipient=Recipient(chat_id=-1005, thread_id=topic.id), name="Admins")


async def test_troubles_while_waiting(standin: StandIn, bot: Bot, make_bot: MakeBot, ann: Person) -> None:
    """A passing one is waited for; another poller, or a token that is revoked, ends the waiting with a sentence."""

    async def no_wait(_seconds: float) -> None: ...

    invitation = Invitation("courier_bot")
    standin.inject(faults.server_error(), "getUpdates")
    await ann.open_link(invitation.link)
    assert await Arrivals(bot, sleep=no_wait).wait_for(invitation) is not None

    waiting = asyncio.create_task(Arrivals(bot).wait_for(Invitation("courier_bot")))
    await standin.polled()
    await make_bot(standin).get_updates(timeout=0)
    with pytest.raises(TelegramError, match="Another program polls"):
        await waiting

    standin.revoke_token(bot.token)
    with pytest.raises(TelegramError, match="does not accept"):
        await Arrivals(bot).wait_for(Invitation("courier_bot"))
