"""The first start of the service: a backup at once, a card of what is protected, and a co-admin who has yet to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bot.app.service import Service
from bot.config.settings import Settings
from bot.models import Actor, Trigger
from tests.world.clock import MovedClock, until
from tests.world.databases import make_database, noisy_database
from tests.world.faults import forbidden
from tests.world.service import opened, pressed, settings_for
from tests.world.stand_in import StandIn

MENU = "💾 Database Backup"


def of_two_admins(standin: StandIn, folder: Path) -> Settings:
    """The settings of a service whose schedule makes no run of its own."""
    users = make_database(folder / "users.db")
    return settings_for(folder, standin, users, SCHEDULE="0 0 1 1 *", ADMIN_IDS="11,12", STALE_AFTER="9d")


@asynccontextmanager
async def first_start(settings: Settings, clock: MovedClock) -> AsyncIterator[Service]:
    async with Service.started(settings, clock=clock, first_backup=True) as service:
        yield service


async def made(service: Service) -> bool:
    backups = await service.courier.catalogue.backups.select()
    return bool(backups) and backups[0].proven


async def test_a_first_start_backs_up_at_once_and_tells_what_is_protected(standin: StandIn, tmp_path: Path) -> None:
    """Ann gets the archive and the card, which invites Ben; nothing rings for a day, then Ben is an alarm."""
    ann, ben = standin.add_user(11), standin.add_user(12, "Ben", started=False)
    clock, settings = MovedClock(), of_two_admins(standin, tmp_path)
    async with first_start(settings, clock) as service:
        card = await ann.wait_for(lambda m: "The first backup is made" in m.text, since=0)
        assert card.silent
        assert "users.db" in card.text
        assert "12 must open the bot and press Start" in card.text
        await service.courier.alarm_loop.deliver()
        assert not [m for m in ann.messages if "🚨" in m.text or "❌" in m.text]
        clock.go(25 * 3600)
        await service.courier.alarm_loop.deliver()
        await ann.wait_for(lambda m: m.text.startswith("⚠️ user 12 can't be reached"), since=0)
        await ben.start()
        await ben.wait_for(lambda m: m.document is not None, since=0)
        await until(lambda: over(service))


async def test_who_has_yet_to_come_is_known_before_anything_is_sent(standin: StandIn, tmp_path: Path) -> None:
    """The first look of the service finds Ben, for a day as a quiet line; it is gone as soon as he presses Start."""
    ann, ben = standin.add_user(11), standin.add_user(12, "Ben", started=False)
    clock, settings = MovedClock(), of_two_admins(standin, tmp_path)
    async with Service.started(settings, clock=clock) as service:
        await until(lambda: waiting(service))
        assert len(standin.calls_of("getChat", chat_id=12)) <= 2  # what Ben is called, and what is pinned there
        for screen in (await opened(ann, MENU), await opened(ann, MENU, "📊 Backup Status")):
            assert "👋 User 12 must open the bot and press Start" in screen.text
            assert any("Invitation" in one.text for row in screen.buttons for one in row)
        await service.courier.alarm_loop.deliver()
        assert await service.courier.alarms.open_alarms() == ()
        clock.go(25 * 3600)
        await service.courier.alarm_loop.deliver()
        await ann.wait_for(lambda m: m.text.startswith("⚠️ user 12 can't be reached"), since=0)
        await ben.start()
        await until(lambda: over(service))
        assert "👋" not in (await opened(ann, MENU)).text


async def waiting(service: Service) -> bool:
    return any(one.invited for one in (await service.courier.status()).recipients)


async def test_whom_health_finds_is_known_to_every_screen(standin: StandIn, tmp_path: Path) -> None:
    """Telegram knows Ben, who takes no messages: only Health asks for that, and the menu says the same from then on."""
    ann, _ = standin.add_user(11), standin.add_user(12, "Ben")
    settings = settings_for(
        tmp_path, standin, make_database(tmp_path / "users.db"), SCHEDULE="0 0 1 1 *", ADMIN_IDS="11,12"
    )
    async with Service.started(settings, clock=MovedClock()) as service:
        await service.courier.runs.back_up(trigger=Trigger.SCHEDULE, requested_by=Actor.SCHEDULE)
        standin.inject(forbidden(), "sendChatAction", chat_id=12, times=None)
        health = await pressed(ann, "🩺 System Health", await opened(ann, MENU), "As of")
        said = "⚠️ Not delivered to Ben"
        assert said in health.text
        assert said in (await opened(ann, MENU)).text
        await service.courier.alarm_loop.deliver()
        await ann.wait_for(lambda m: m.text.startswith("⚠️ Ben can't be reached"), since=0)


async def over(service: Service) -> bool:
    await service.courier.alarm_loop.deliver()
    return await service.courier.alarms.open_alarms() == ()


async def test_a_later_start_makes_no_first_backup(standin: StandIn, tmp_path: Path) -> None:
    """Where there is one already, and where somebody paused, the schedule says when."""
    standin.add_user(11)
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "users.db"), SCHEDULE="0 0 1 1 *")
    clock = MovedClock()
    async with Service.started(settings, clock=clock) as service:
        await service.courier.timetable.pause(actor="Ann (11)", until=clock() + timedelta(days=1))
        await service.parts.first.make()
        assert await service.courier.catalogue.backups.count() == 0
        await service.courier.timetable.resume(actor="Ann (11)")
        await service.parts.first.make()
        assert await made(service)
    async with first_start(settings, clock) as service:
        await service.parts.first.make()
        assert await service.courier.catalogue.backups.count() == 1


async def test_many_files_an_hour_are_told_with_another_schedule(standin: StandIn, tmp_path: Path) -> None:
    """Four volumes at every hour: the card says what that is in a day, and one press proposes every six hours."""
    ann = standin.add_user(11)
    users = noisy_database(tmp_path / "users.db", 3_500_000)
    settings = settings_for(tmp_path, standin, users, VOLUME_SIZE_MB="1")
    async with first_start(settings, MovedClock()):
        card = await ann.wait_for(lambda m: "The first backup is made" in m.text, since=0)
        assert ": 96 files and " in card.text
        assert "a day in each chat. Every 6 h instead?" in card.text
        await (await ann.press("Every 6 h", message=card)).answered()
        proposed = await ann.wait_for(lambda m: "Every 6 hours" in m.text)
        assert proposed.id > card.id  # the card stays
