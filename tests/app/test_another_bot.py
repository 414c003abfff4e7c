"""What the catalogue remembers of one bot means nothing to another: it is forgotten, and every admin is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import Settings, load_settings
from bot.errors import TelegramError
from bot.models import Recipient, Trigger
from bot.services.manager import Courier
from bot.services.recovery.document import DOCUMENT_NAME
from tests.world.databases import make_database, write_env
from tests.world.stand_in import StandIn


def settings_for(folder: Path, api: StandIn, token: str, **more: str) -> Settings:
    source = folder / "live.db"
    sources = [source if source.exists() else make_database(source)]
    more = {"ADMIN_IDS": "11,12", "RETRY_DELAY": "0.05", "CHAT_KEEP_HOURS": "1", **more}
    return load_settings(write_env(folder, sources, BOT_TOKEN=token, TELEGRAM_API=api.url, **more))


async def back_up(courier: Courier) -> None:
    """Back up, and bring the pinned list and the alarms up to date."""
    await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    await courier.pins.refresh()
    await courier.alarm_loop.deliver()


async def test_another_bots_token_starts_afresh(standin: StandIn, tmp_path: Path) -> None:
    """Pins, file_ids and alarms are the old bot's; the archive just delivered is not written over by the list."""
    ann, ben = standin.add_user(11, "Ann"), standin.add_user(12, "Ben")
    old = standin.bot()
    async with open_courier(settings_for(tmp_path, standin, old.token), deliver=True) as courier:
        await courier.alarms.raise_("drill")
        await back_up(courier)
    before = [(message.id, message.revision) for message in ann.conversation(old)]

    new = standin.create_bot_token("new_bot", name="New")
    ann.unblock_bot(new)  # Ben has not pressed Start yet
    async with open_courier(settings_for(tmp_path, standin, new), deliver=True) as courier:
        await back_up(courier)
        documents = [message.document for message in ann.conversation(new) if message.document]
        assert sorted(document.name == DOCUMENT_NAME for document in documents) == [False, True]
        told = [message.text for message in ann.conversation(new) if message.document is None]
        assert any("press Start" in text and str(old.id) in text for text in told)
        assert any("Test-restore failed" in text for text in told)
        assert "new bot" in [alarm.key for alarm in await courier.alarms.open_alarms()]
        assert Recipient(chat_id=12) in await courier.catalogue.recipients.parked()

        await ben.start(new)
        await courier.recipient_started(12, "Ben")
        await courier.alarm_loop.deliver()
        assert any("Another bot serves here now" in message.text for message in ben.conversation(new))
        await courier.alarm_loop.deliver()
        assert "new bot" not in [alarm.key for alarm in await courier.alarms.open_alarms()]
        assert courier.maintenance is not None
        assert not any(d.delete for d in await courier.maintenance.plan_tidy() if d.delivery.backup_id == 1)
    assert [(message.id, message.revision) for message in ann.conversation(old)] == before


async def test_a_mistyped_token_of_another_bot_forgets_nothing(standin: StandIn, tmp_path: Path) -> None:
    """It is refused before anything is written; with the right one all goes on in the same message."""
    ann = standin.add_user(11, "Ann")
    token = standin.bot().token
    settings = settings_for(tmp_path, standin, token, ADMIN_IDS="11")
    async with open_courier(settings, deliver=True) as courier:
        await back_up(courier)
    pinned = ann.newest_pinned()
    with pytest.raises(TelegramError, match="token"):
        async with open_courier(settings_for(tmp_path, standin, f"1{token}", ADMIN_IDS="11"), deliver=True):
            pass
    async with open_courier(settings_for(tmp_path, standin, token, ADMIN_IDS="11"), deliver=True) as courier:
        assert await courier.catalogue.messages.pinned(11) is not None
        await back_up(courier)
    newest = ann.newest_pinned()
    assert newest.id == pinned.id
