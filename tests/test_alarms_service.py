"""Alarms through the whole service: admins who were away come back, and the others hear what one of them does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.state import Message
from bot.models import Recipient
from tests.test_service import until
from tests.town import MovedClock, Town, town_in

DAY = 86_400


async def parked(town: Town) -> bool:
    return Recipient(chat_id=12) in await town.service.manager.catalogue.parked()



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
        began = await town.ben.wait_for(lambda m: "users.db is not backed up" in m.text, since=0)
        town.ben.block_bot()
        await until(lambda: parked(town))
        clock.go(3600)
        away.rename(town.users)
        await town.back_up()
        await town.ann.wait_for(lambda m: m.text.startswith("✅ Recovered after 1 h: users.db"), since=0)
        assert began.text.startswith("🚨")
        for _ in range(3):
            clock.go(DAY)
            await town.service.manager.alarms.told()
        if restarted:
            await town.stop()
            await town.start()
            await town.service.manager.alarms.told()
        assert "🚨" in began.text
        await town.ben.start()
        await town.ben.wait_for(lambda m: m.id == began.id and m.text.startswith("✅ Recovered after 1 h"), since=0)
        word = await town.ben.wait_for(lambda m: m.reply_to == began.id, since=0)
        assert word.silent
        assert [m.id for m in town.ben.messages if speaks_of_users(m)] == [began.id, word.id]
        await town.service.manager.alarms.told()
        assert len([m for m in town.ben.messages if speaks_of_users(m)]) == 2


def speaks_of_users(message: Message) -> bool:
    return message.document is None and "users.db" in message.text and "Recovered" in message.text
