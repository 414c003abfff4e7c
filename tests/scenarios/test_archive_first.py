"""Where Telegram limits a chat, the archive goes first: the progress that is drawn there gives way to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bot.app.service import Service
from bot.handlers import Pace
from tests.world import faults
from tests.world.databases import make_database
from tests.world.service import settings_for
from tests.world.stand_in import StandIn


async def test_no_progress_is_drawn_while_an_archive_waits_for_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a view would be redrawn, nobody spends the chat's budget between a refused upload and the next."""
    monkeypatch.setattr("bot.handlers.Pace", partial(Pace, every=0.05))
    async with StandIn(rate_limits=True) as api:
        api.create_bot_token()
        ann = api.add_user(11, "Ann")
        settings = settings_for(tmp_path, api, make_database(tmp_path / "live.db"), SCHEDULE="0 0 1 1 *")
        api.inject(faults.flood(3), method="sendDocument", times=1)
        async with Service.started(settings):
            await ann.send("/backup")
            await ann.wait_for(lambda m: m.document is not None and m.document.name.startswith("database_backup"))
            await ann.wait_for(lambda m: "Backup delivered" in m.text or "Delivered to" in m.text)
        methods = [(call.method, call.ok) for call in api.calls if call.chat_id == 11]
    refused = methods.index(("sendDocument", False))
    between = methods[refused + 1 : methods.index(("sendDocument", True))]
    assert between.count(("editMessageText", True)) <= 1, between  # it was on its way when the upload was refused
    assert ("editMessageText", False) not in methods
