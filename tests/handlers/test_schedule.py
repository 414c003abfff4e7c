"""The schedule changed in chat on the real service: by clicks and typed messages, over restarts, told to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app.service import Service, open_courier
from bot.demo.stand_in.state import Message
from bot.models import BackupState, ServiceState, Trigger
from bot.services.schedule.plan import SCHEDULE
from bot.words.warnings import warning_words
from tests.world.catalogue import archive_named, stored
from tests.world.clock import StandingClock, until
from tests.world.phones import Person
from tests.world.service import Town, has, opened, pressed, town_in

NOON = datetime(2026, 7, 13, 12, 2, tzinfo=UTC)  # 14:02 in Berlin


class House(Town):
    """A town whose clock stands; the service is started as often as a test wants."""

    clock: StandingClock

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Service]:
        await self.start()
        yield self.service
        await self.stop()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with town_in(tmp_path, kind=House, clock=StandingClock(NOON), start=False, SCHEDULE="0 * * * *") as there:
        there.api.clock.advance(NOON.timestamp() - there.api.clock.now())
        yield there


@pytest.fixture
async def service(house: House) -> AsyncIterator[Service]:
    async with house.serving() as service:
        yield service


async def typed(ann: Person, text: str, sees: str) -> Message:
    sent = await ann.send(text)
    return await ann.wait_for(lambda m: m.id > sent.id and sees in m.text, since=0)


async def test_a_preset_is_previewed_confirmed_told_and_kept(house: House) -> None:
    """Five runs in the zone before the yes; then it is followed at once, told to Ben silently, and kept."""
    async with house.serving() as service:
        schedule = await opened(house.ann, "Database Backup", "Settings", "Schedule")
        assert schedule.text.startswith("🗓 Every hour\nAt worst, 1 h of changes are lost\n")
        assert "• Every hour" in schedule.button_texts
        asked = await pressed(house.ann, "Every 15 min", schedule)
        assert "Every 15 minutes" in asked.text
        assert "Europe/Berlin" in asked.text
        assert [line for line in asked.text.splitlines() if "•" in line] == [
            f"• today {time}" for time in ("14:15", "14:30", "14:45", "15:00", "15:15")
        ]
        assert "reach back 12 h" in asked.text  # fifty archives at this pace
        assert service.parts.planned.scheduler.expression == "0 * * * *"
        done = await pressed(house.ann, "Use this schedule", asked)
        assert "Every 15 minutes, chosen by Ann" in done.text
        assert service.parts.planned.scheduler.next_run() == NOON.replace(minute=15)
        told = await house.ben.wait_for(lambda m: "Ann changed the schedule" in m.text, since=0)
        assert told.silent
        assert not [m for m in house.ann.messages if "changed the schedule" in m.text]
    async with house.serving() as service:
        assert service.parts.planned.scheduler.expression == "*/15 * * * *"
        status = await service.courier.status()
        assert (status.schedule, status.setting) == ("*/15 * * * *", "0 * * * *")
        assert status.next_run_at == NOON.replace(minute=15)
        schedule = await opened(house.ben, "Database Backup", "Settings", "Schedule")
        asked = await pressed(house.ben, "Back to .env", schedule)
        assert "Every hour" in asked.text
        done = await pressed(house.ben, "Follow .env again", asked)
        assert done.text.startswith("🗓 Every hour\n")
        assert service.parts.planned.scheduler.expression == "0 * * * *"
        assert SCHEDULE not in await service.courier.catalogue.service.overrides()
        actions = [entry.action for entry in await service.courier.catalogue.service.audits()]
        assert actions == ["reset the schedule", "changed the schedule"]


async def test_daily_by_buttons(house: House, service: Service) -> None:
    """Hour and minute are picked, and mean the zone's clock."""
    screen = await opened(house.ann, "Database Backup", "Settings", "Schedule", "Daily …")
    screen = await pressed(house.ann, "03", screen)
    screen = await pressed(house.ann, "03:35", screen)
    assert "Daily at 03:35\nAt worst, 24 h of changes are lost" in screen.text
    assert "tomorrow 03:35" in screen.text
    await pressed(house.ann, "Use this schedule", screen)
    assert service.parts.planned.scheduler.next_run() == datetime(2026, 7, 14, 1, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "words", "expression"),
    [
        (
            ("Weekly …", "Thu", "04", "04:30"),
            "Every Thursday at 04:30\n⚠️ At worst, 7 days of changes are lost",
            "30 4 * * 4",
        ),
        (
            ("Monthly …", "last", "00", "00:00"),
            "On the last day of each month at 00:00\n⚠️ At worst, 31 days",
            "0 0 L * *",
        ),
    ],
)
async def test_weekly_and_monthly_by_buttons(
    house: House, service: Service, path: tuple[str, ...], words: str, expression: str
) -> None:
    """The day is picked before the time, and what may be lost is said before the yes."""
    screen = await opened(house.ann, "Database Backup", "Settings", "Schedule", *path)
    assert words in screen.text
    await pressed(house.ann, "Use this schedule", screen)
    assert service.parts.planned.scheduler.expression == expression


async def test_words_are_a_schedule_too(house: House, service: Service) -> None:
    """What was typed is shown as it was understood."""
    await opened(house.ann, "Database Backup", "Settings", "Schedule", "Type it")
    asked = await typed(house.ann, "Mon-Fri 8pm", "Use this schedule?")
    assert "Mon–Fri at 20:00\n⚠️ At worst, 3 days of changes are lost" in asked.text
    await pressed(house.ann, "Use this schedule", asked)
    assert service.parts.planned.scheduler.expression == "0 20 * * 1-5"


@pytest.mark.parametrize(
    ("rubbish", "sentence"),
    [
        ("whenever", "five"),
        ("0 25 * * *", "the hour “25” is not valid"),
        ("0 0 31 2 *", "never comes"),
        ("<b>*</b> * * * *", "not valid"),
        ("1 " * 400, "too long"),
    ],
)
async def test_rubbish_gets_its_sentence_and_another_try(
    house: House, service: Service, rubbish: str, sentence: str
) -> None:
    """A typed expression that can't be changes nothing, and the next message is the next try."""
    await opened(house.ann, "Database Backup", "Settings", "Schedule", "Type it")
    again = await typed(house.ann, rubbish, "Nothing has changed")
    assert sentence in again.text
    asked = await typed(house.ann, "`0 8-20/2 * * MON-FRI`", "Use this schedule?")
    await pressed(house.ann, "Use this schedule", asked)
    assert service.parts.planned.scheduler.expression == "0 8-20/2 * * MON-FRI"


async def test_a_typed_answer_is_taken_from_who_was_asked_and_in_time(house: House, service: Service) -> None:
    """Another admin's message, one after a command, one after Cancel, and one that comes too late are no answers."""
    path = ("Database Backup", "Settings", "Schedule", "Type it")
    await opened(house.ann, *path)
    await typed(house.ben, "5 5 * * *", "I don't know what to do with this")
    await typed(house.ann, "/status", "⏳ No backup yet")
    await typed(house.ann, "5 5 * * *", "I don't know what to do with this")
    asked = await opened(house.ann, *path)
    await pressed(house.ann, "Cancel", asked)
    await typed(house.ann, "5 5 * * *", "I don't know what to do with this")
    await opened(house.ann, *path)
    house.clock.now += timedelta(minutes=6)
    await typed(house.ann, "5 5 * * *", "no longer waited")
    asked = await opened(house.ann, "Database Backup", "Settings", "Schedule", "Every 6 h")
    house.clock.now += timedelta(minutes=11)
    screen = await pressed(house.ann, "Use this schedule", asked)
    assert "🗓 Every hour\n" in screen.text
    assert service.parts.planned.scheduler.expression == "0 * * * *"


async def test_another_process_changes_the_schedule(house: House, service: Service) -> None:
    """What was changed elsewhere is followed when the service next looks."""
    async with open_courier(house.settings, deliver=False, clock=house.clock) as other:
        await other.timetable.change("0 0 * * *", actor="a command")
    await service.parts.planned.follow()
    assert service.parts.planned.scheduler.expression == "0 0 * * *"
    heartbeat = await service.courier.catalogue.service.heartbeat()
    assert heartbeat.next_run_at == datetime(2026, 7, 13, 22, 0, tzinfo=UTC)


async def test_a_choice_that_can_not_be_read_gives_way_loudly(house: House, service: Service) -> None:
    """A stored expression of another version is not followed in silence: .env holds, and the status says why."""
    await service.courier.catalogue.service.set_override(SCHEDULE, "whenever", "Ann")
    await service.parts.planned.follow()
    status = await service.courier.status()
    assert status.schedule == service.parts.planned.scheduler.expression == "0 * * * *"
    assert "chosen in chat by Ann can't be followed" in " ".join(map(warning_words, status.warnings))


async def test_a_missed_run_is_caught_up_by_the_schedule_of_the_chat(house: House) -> None:
    """Down at a time that only the override names, the service makes up for it; .env's times owe nothing."""
    async with house.serving() as service:
        await service.courier.timetable.change("30 14 * * *", actor="Ann")
    house.clock.now = NOON.replace(minute=20) + timedelta(hours=0)
    async with house.serving() as service:
        assert service.parts.planned.scheduler.running is None
    house.clock.now = NOON.replace(minute=50)
    async with house.serving() as service:
        await until(lambda: has(service, BackupState.DELIVERED))
        (backup,) = await service.courier.catalogue.backups.select()
        assert backup.trigger is Trigger.CATCH_UP
        assert await service.courier.catalogue.service.last_planned() == NOON.replace(minute=30)


async def test_a_new_schedule_owes_nothing_of_the_time_before_it(house: House) -> None:
    """Chosen at 14:02, “every 15 minutes” does not make up for 14:00 at the next start."""
    async with house.serving() as service:
        await service.courier.catalogue.service.set_last_planned(NOON - timedelta(days=1))
        await service.courier.timetable.change("*/15 * * * *", actor="Ann")
    async with house.serving() as service:
        assert service.parts.planned.scheduler.running is None
        assert await service.courier.catalogue.backups.select() == ()


async def test_a_run_under_way_goes_on_while_the_schedule_changes(house: House, service: Service) -> None:
    """The run that the old plan began is finished, and the new plan holds after it."""
    gate = asyncio.Event()
    back_up = service.courier.runs.back_up

    async def slow(*, trigger: Trigger, requested_by: str) -> object:
        await gate.wait()
        return await back_up(trigger=trigger, requested_by=requested_by)

    service.courier.runs.back_up = slow  # type: ignore[method-assign,assignment]
    service.parts.planned.scheduler.fire(NOON.replace(minute=0))
    await service.courier.timetable.change("0 0 * * *", actor="Ann")
    assert service.parts.planned.scheduler.running == NOON.replace(minute=0)
    gate.set()
    await until(lambda: has(service, BackupState.DELIVERED))
    assert service.parts.planned.scheduler.next_run() == datetime(2026, 7, 13, 22, 0, tzinfo=UTC)


async def test_a_schedule_too_often_for_the_size_is_refused(house: House, service: Service) -> None:
    """Runs that come faster than backups can be made and sent are refused with the mend."""
    archive = archive_named("database_backup_20260713_120200.zip", bytes=20 * 1024**2)
    took = timedelta(seconds=100)
    await stored(service.courier.catalogue, NOON, state=BackupState.DELIVERED, finished_at=NOON + took, archive=archive)
    await opened(house.ann, "Database Backup", "Settings", "Schedule", "Type it")
    again = await typed(house.ann, "* * * * *", "too often for the size")
    assert "106 s to make and send, and runs would come 60 s apart" in again.text
    assert "at least 4 minutes" in again.text
    await typed(house.ann, "*/5 * * * *", "Use this schedule?")


async def test_across_the_end_of_summer_time(house: House) -> None:
    """The preview shows the zone's wall clock on both sides of the change, and the instants are an hour further."""
    house.clock.now = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)
    async with house.serving() as service:
        runs = (await service.courier.timetable.preview("30 3 * * *")).runs
        assert [run.hour for run in runs] == [2, 2, 2, 2, 2]
        assert (await service.courier.timetable.preview("30 3 24 10 *")).runs[0].hour == 1


async def test_a_pause_ends_by_itself_with_one_run_that_makes_up(house: House, service: Service) -> None:
    """Paused over three full hours: stopped until its end, then running, and one backup, not three."""
    await opened(house.ann, "Database Backup", "Pause", "6 h")
    status = await service.courier.status()
    assert (status.state, status.next_run_at) == (ServiceState.STOPPED, NOON.replace(hour=18, minute=2))
    shown = await opened(house.ben, "Database Backup", "Backup Status")
    assert "⏸ Paused by Ann until 20:02" in shown.text.splitlines()[1]
    assert "by Ann" in shown.text
    assert "until 20:02" in shown.text
    house.clock.now = NOON + timedelta(hours=3)
    await service.parts.planned.follow()
    assert service.parts.planned.scheduler.running is None
    house.clock.now = NOON + timedelta(hours=6, minutes=1)
    await service.parts.planned.follow()
    await until(lambda: has(service, BackupState.DELIVERED))
    await service.parts.planned.follow()
    (backup,) = await service.courier.catalogue.backups.select()
    assert backup.trigger is Trigger.CATCH_UP


async def test_a_pause_that_ended_while_nothing_ran(house: House) -> None:
    """The service that starts after the end of a pause makes up as after any absence."""
    async with house.serving() as service:
        await service.courier.timetable.pause(actor="Ann", until=NOON + timedelta(hours=1))
    house.clock.now = NOON + timedelta(hours=5)
    async with house.serving() as service:
        await until(lambda: has(service, BackupState.DELIVERED))
        assert (await service.courier.status()).paused is None


async def test_until_tomorrow_morning(house: House, service: Service) -> None:
    """08:00 of the next day by the zone's clock, shown with its end."""
    paused = await opened(house.ann, "Database Backup", "Pause", "Until 08:00")
    assert "until 14 Jul, 08:00" in paused.text
    override = (await service.courier.status()).paused
    assert override.until == datetime(2026, 7, 14, 6, 0, tzinfo=UTC)
    assert service.parts.planned.scheduler.next_run() == override.until
