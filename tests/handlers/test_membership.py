"""Blocked, thrown out, let in again, or given a new id: the bot knows before the next backup fails there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.application import app
from bot.models import NO_REASON, OutcomeCode, Reason, Recipient
from bot.words.outcomes import reason_words
from bot.words.warnings import warning_words
from tests.world.clock import until
from tests.world.groups import Group
from tests.world.service import Town, town_in

GROUP = -500


@dataclass
class Scene(Town):
    """A town that delivers to Ann and to a group of hers."""

    group: Group = field(init=False)

    async def parked(self) -> dict[int, str]:
        parked = await self.service.courier.catalogue.recipients.parked()
        return {who.chat_id: reason_words(why) for who, why in parked.items()}

    async def is_parked(self, chat_id: int, why: str) -> bool:
        return why in (await self.parked()).get(chat_id, "")

    async def nobody_is_parked(self) -> bool:
        return await self.parked() == {}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    town = town_in(tmp_path, kind=Scene, start=False, ADMIN_IDS="11", DELIVER_TO=f"11,{GROUP}")
    async with town as there:
        there.group = there.api.add_group(GROUP, members=[there.ann])
        await there.start()
        yield there


async def test_thrown_out_and_added_again(scene: Scene) -> None:
    """Parked at once with what to do; what was owed meanwhile arrives when the bot is back."""
    scene.group.kick_bot(scene.api.bot())
    await until(lambda: scene.is_parked(GROUP, "add it again"))
    await scene.back_up()
    assert not [message for message in scene.group.messages if message.document]
    scene.group.add_bot(scene.api.bot())
    await scene.api.until(lambda: any(message.document for message in scene.group.messages))
    assert await scene.parked() == {}


async def test_blocked_and_unblocked(scene: Scene) -> None:
    """The same in a private chat, without Start being pressed."""
    scene.ann.block_bot()
    await until(lambda: scene.is_parked(11, "blocked"))
    scene.ann.unblock_bot()
    await until(scene.nobody_is_parked)


async def test_a_group_with_a_new_id_is_followed(scene: Scene) -> None:
    """By the service message alone, before anything is sent."""
    grown = scene.group.upgrade()

    async def followed() -> bool:
        current = await scene.service.courier.catalogue.recipients.current(Recipient(chat_id=GROUP))
        return current == Recipient(chat_id=grown.id)

    await until(followed)


async def test_start_in_a_parked_group_unparks_it(scene: Scene) -> None:
    """An admin who presses Start there means it."""
    await scene.service.courier.catalogue.recipients.park(Recipient(chat_id=GROUP), Reason(OutcomeCode.TOPIC_CLOSED))
    await scene.ann.send("/start", to=scene.group.chat)
    await until(scene.nobody_is_parked)


async def test_the_line_of_its_own_pin_goes_and_nobody_is_called_a_stranger(scene: Scene, log_lines: list[str]) -> None:
    """Telegram sends the bot the service message of its own pin, in a private chat too."""
    await scene.back_up()
    await scene.api.until(lambda: bool(scene.api.calls_of("pinChatMessage", ok=True)))
    await scene.api.until(lambda: bool(scene.api.calls_of("deleteMessage", ok=True)))
    assert scene.ann.newest_pinned() is not None
    assert not any(message.pins for message in scene.ann.messages)
    assert not any("stranger" in line for line in log_lines)


async def test_a_chat_that_deletes_its_messages_is_warned_about(scene: Scene, tmp_path: Path) -> None:
    """On Start, in Status and by `config`, also one that had its timer before; over when it is turned off."""
    courier = scene.service.courier

    async def warned(chat: str, times: int) -> bool:
        warnings = (await courier.status()).warnings
        return sum(warning_words(warning).startswith(f"The chat {chat}") for warning in warnings) == times

    await scene.ann.set_timer(86_400)
    await until(lambda: warned("11", 1))
    await scene.ann.set_timer(7 * 86_400, where=scene.group.chat)
    await until(lambda: warned(str(GROUP), 1))
    await scene.ann.start()
    welcome = await scene.ann.wait_for(lambda m: "Welcome" in m.text)
    assert "This chat deletes every message after a day" in welcome.text
    command = ["config", "--json", "--env-file", str(tmp_path / ".env")]
    config = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert sum("auto-delete timer off" in line for line in json.loads(config.stdout)["warnings"]) == 2

    # What was set while nobody listened is asked for.
    scene.group.chat.auto_delete = 0
    assert await courier.timers.ask(GROUP) == NO_REASON
    await scene.ann.set_timer(0)
    await until(lambda: warned("11", 0))
    assert await warned(str(GROUP), 0)
