"""Alarms through the whole service: admins who were away come back, and the others hear what one of them does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.models import Recipient
from bot.services.recovery.document import read_document
from tests.world.clock import MovedClock, until
from tests.world.service import Town, opened, pressed, town_in

DAY = 86_400


async def parked(town: Town) -> bool:
    return Recipient(chat_id=12) in await town.service.courier.catalogue.recipients.parked()


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_alarm_that_ended_while_an_admin_was_away_ends_when_they_are_back(
    tmp_path: Path, restarted: bool
) -> None:
    """Ben saw it begin, blocked the bot, and starts it again days after the end: his message says that it is over."""
    clock = MovedClock()
    async with town_in(tmp_path, clock=clock) as town:
        await town.back_up()
        away = town.users.rename(town.users.with_suffix(".away"))
        await town.back_up()
        began = await town.ben.wait_for(lambda m: m.text.startswith("🚨 users.db is not backed up"), since=0)
        town.ben.block_bot()
        await until(lambda: parked(town))
        clock.go(3600)
        away.rename(town.users)
        await town.back_up()
        await town.ann.wait_for(lambda m: "backed up again. It was missing for 1 h." in m.text, since=0)
        assert began.text.startswith("🚨")
        for _ in range(3):
            clock.go(DAY)
            await town.service.courier.alarm_loop.deliver()
        if restarted:
            await town.restart()
            await town.service.courier.alarm_loop.deliver()
        assert "🚨" in began.text
        await town.ben.start()
        await town.ben.wait_for(
            lambda m: m.id == began.id and m.text.startswith("✅ users.db is backed up again"), since=0
        )
        word = await town.ben.wait_for(lambda m: m.reply_to == began.id, since=0)
        assert word.silent
        assert [m.id for m in town.ben.messages if speaks_of_users(m)] == [word.id]
        await town.service.courier.alarm_loop.deliver()
        assert len([m for m in town.ben.messages if speaks_of_users(m)]) == 1


def speaks_of_users(message: Message) -> bool:
    return message.document is None and "users.db is backed up again. It was" in message.text


async def schedule_of(pinned: Message) -> str:
    """The schedule that the pinned document would bring to a new machine."""
    return read_document(await pinned.document.read(), bot_id=None).settings.get("SCHEDULE", "")


async def test_what_one_admin_does_to_the_schedule_is_told_the_others_and_stands_in_the_pinned_message(
    town: Town,
) -> None:
    """Changed, paused, resumed and reset by Ann: each is a silent word to Ben and none to Ann, and both pins follow."""

    async def told(words: str) -> None:
        word = await town.ben.wait_for(lambda m: words in m.text and m.document is None, since=0)
        assert word.silent

    async def pinned(*words: str, without: str = "\0") -> Message:
        """Both pinned messages, once they say so; returns Ben's."""

        def says_so(message: Message) -> bool:
            ours = "Keep this message pinned" in message.text and without not in message.text
            return ours and all(word in message.text for word in words)

        await town.ann.wait_for(says_so, since=0, within=20)
        return await town.ben.wait_for(says_so, since=0, within=20)

    await town.back_up()
    assert await schedule_of(await pinned("only in January", without="chosen in chat")) == "0 0 1 1 *"
    screen = await opened(town.ann, "Database Backup", "Settings", "Schedule", "Every 6 h")
    screen = await pressed(town.ann, "Use this schedule", screen)
    await told("Ann changed the schedule")
    assert await schedule_of(await pinned("🗓 Every 6 hours, chosen in chat by Ann")) == "0 */6 * * *"

    paused = await opened(town.ann, "Database Backup", "Pause", "6 h")
    await told("Ann paused scheduled backups")
    await pinned("📌 ⏸ Paused by Ann until ", "⏸ Paused since")
    await pressed(town.ann, "Resume", paused)
    await told("Ann resumed scheduled backups")
    await pinned("✅ Running", without="Paused")
    await opened(town.ann, "Database Backup", "Pause", "Until resumed")
    await told("Until resumed")
    await pinned("until resumed", without="Next backup")
    await opened(town.ann, "Database Backup", "Resume")

    screen = await opened(town.ann, "Database Backup", "Settings", "Schedule", "Back to .env")
    await pressed(town.ann, "Follow .env again", screen)
    await told("it was every 6 hours")
    assert await schedule_of(await pinned("only in January", without="chosen in chat")) == "0 0 1 1 *"
    mine = [m.text for m in town.ann.messages if m.document is None]
    assert not any(word in text for text in mine for word in ("Ann paused", "Ann (11) resumed", "changed"))
    assert len([m for m in town.ben.messages if "Ann" in m.text and m.document is None]) == 6
    # A press on a menu that somebody else's press has made old changes nothing and is told nobody.
    before = len(await town.service.courier.catalogue.service.audits())
    await town.service.courier.timetable.resume(actor="Ben (12)", admin_id=12)
    assert len(await town.service.courier.catalogue.service.audits()) == before
