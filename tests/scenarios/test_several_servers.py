"""Several servers with one bot: one of them hears it, the others only send, and each message says whose it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app.polling import Poller
from bot.app.service import Service
from bot.config.settings import load_settings
from bot.demo.stand_in.state import Message
from bot.models import Recipient, Trigger, WarningCode
from bot.services.archive.manifest import read_manifest
from bot.services.delivery import policy
from bot.services.delivery.policy import ASK_EVERY
from bot.words.warnings import warning_words
from tests.world.clock import MovedClock
from tests.world.databases import make_database, write_env
from tests.world.messages import archives
from tests.world.stand_in import StandIn


@asynccontextmanager
async def server(folder: Path, api: StandIn, name: str, clock: MovedClock, **more: str) -> AsyncIterator[Service]:
    """A service of its own, by that name, with one database."""
    usual = {"ADMIN_IDS": "11,12", "SERVER_NAME": name, "SCHEDULE": "0 0 1 1 *", "DRILL_SCHEDULE": "off"}
    token = {"BOT_TOKEN": api.bot().token, "TELEGRAM_API": api.url, "RETRY_DELAY": "0.05"}
    env = write_env(folder / name, [make_database(folder / name / f"{name}.db")], **usual | token | more)
    async with Service.started(load_settings(env), clock=clock) as service:
        yield service


def begins(name: str, words: str, message: Message) -> bool:
    return message.text.startswith(f"🖥 {name} · ") and words in message.text


async def test_one_token_serves_two_servers(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both deliver under their names and neither refuses the other; who only sends shows no buttons and says so."""
    monkeypatch.setattr("bot.app.polling.LOOK_EVERY", 0.05)
    ann, ben = standin.add_user(11), standin.add_user(12, "Ben", started=False)
    clock = MovedClock()
    async with (
        server(tmp_path, standin, "web", clock) as hears,
        server(tmp_path, standin, "<db>", clock, RECEIVE="off") as sends,
    ):
        for service in (hears, sends):
            await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        await ann.wait_for(lambda m: begins("web", "Backup 1", m) and m.document is not None, since=0)
        theirs = await ann.wait_for(lambda m: begins("<db>", "Backup 1", m) and m.document is not None, since=0)
        assert not theirs.buttons
        archive = next((tmp_path / "<db>" / "backups").glob("*.zip"))
        assert read_manifest(archive).host == "<db>"

        await sends.courier.alarms.raise_("Lost")
        await sends.courier.alarm_loop.deliver()
        alarm = await ann.wait_for(lambda m: begins("<db>", "🚨 Lost", m), since=0)
        assert not alarm.buttons

        await ann.send("/admin")
        menu = await ann.wait_for(lambda m: "Database Backup" in str(m.button_texts))
        await (await ann.press("Database Backup", message=menu)).answered()
        await ann.wait_for(lambda m: m.id == menu.id and "🖥 web · " in m.text and "Running" in m.text)

        status = await sends.courier.status()
        assert status.state.is_running
        assert not status.receives
        assert not sends.parts.poller.state.trouble
        assert {call.method for call in standin.calls} >= {"getUpdates", "getMe"}
        assert not [alarm for alarm in await hears.courier.alarms.open_alarms() if alarm.key == "conflict"]

        # Ben tells it by pressing Start, which only the other one hears: he is tried again in his own time.
        assert Recipient(chat_id=12) in await sends.courier.catalogue.recipients.parked()
        await ben.start()
        clock.go(policy.ASK_UNHEARD_EVERY.total_seconds() + 1)
        assert policy.ASK_UNHEARD_EVERY < ASK_EVERY
        sends.courier.ledger.nudge()
        await standin.until(lambda: any(begins("<db>", "Backup 1", m) for m in archives(ben)))


async def test_a_service_that_only_sends_finds_out_that_its_token_is_refused(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is polled, and yet the status and the alarms hear of it."""
    monkeypatch.setattr("bot.app.polling.LOOK_EVERY", 0.02)
    monkeypatch.setattr("bot.app.polling._wait", lambda *_, **__: 0.02)
    standin.add_user(11)
    async with server(tmp_path, standin, "db", MovedClock(), RECEIVE="off", ADMIN_IDS="11") as service:
        poller: Poller = service.parts.poller
        await standin.until(lambda: poller.state.heard)
        assert not [call for call in standin.calls if call.method == "getUpdates"]
        standin.revoke_token(standin.bot().token)
        await standin.until(
            lambda: poller.state.refusals > 2 and poller.state.trouble.code == WarningCode.TOKEN_REFUSED
        )


async def test_a_server_without_a_name_is_told_to_take_one(standin: StandIn, tmp_path: Path) -> None:
    """Once another one with a name has written into the pinned list, its own messages could be anybody's."""
    standin.add_user(11)
    clock = MovedClock()
    async with server(tmp_path, standin, "web", clock, ADMIN_IDS="11") as named:
        await named.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        await named.courier.pins.refresh()
    async with server(tmp_path, standin, "db", clock, ADMIN_IDS="11", SERVER_NAME="", RECEIVE="off") as nameless:
        await nameless.courier.pins.refresh()
        warnings = (await nameless.courier.status()).warnings
    assert "This bot serves web too: set SERVER_NAME, and messages say which are from here." in map(
        warning_words, warnings
    )
