"""Alarms and the watchdog in the whole service: buttons pressed, a wrong clock, a second poller, pings per run."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.app.service import Service
from bot.config.settings import Settings
from bot.models import Action, SkipReason, Trigger
from tests.world import faults
from tests.world.clock import HeldClock, until
from tests.world.databases import change, make_database
from tests.world.endpoint import Endpoint
from tests.world.phones import Person
from tests.world.service import settings_for, town_in
from tests.world.stand_in import StandIn

NEVER = "0 0 1 1 *"


def open_is(service: Service, *keys: str) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        service.courier.alarms.nudge()
        return [alarm.key for alarm in await service.courier.alarms.open_alarms()] == list(keys)

    return holds


@pytest.fixture
def watched(standin: StandIn, ann: Person, endpoint: Endpoint, tmp_path: Path) -> Settings:
    """The settings of a service whose hourly runs the endpoint watches."""
    url = f"http://127.0.0.1:{endpoint.port}/uuid"
    return settings_for(tmp_path, standin, make_database(tmp_path / "users.db"), HEARTBEAT_URL=url)


async def test_it_is_right_and_remind_me_later(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """The buttons under an alarm do what they say, for everybody or for one; a second press says that it is over."""
    ben = standin.add_user(12, "Ben")
    users = make_database(tmp_path / "users.db", 500)
    settings = settings_for(tmp_path, standin, users, SCHEDULE=NEVER, ADMIN_IDS="11,12")
    async with Service.started(settings) as service:
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        change(users, "DELETE FROM entries WHERE id > 7")
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        alarm = await ann.wait_for(lambda m: "users.db has lost rows" in m.text, since=0)
        assert "“entries” 500 → 7" in alarm.text
        later = await (await ann.press("Mute for 24 h", message=alarm)).answered()
        assert "24 hours" in later.text
        (hushed, *_) = await service.courier.catalogue.service.audits()
        assert (hushed.actor, hushed.action) == ("Ann (11)", Action.ALARM_HUSHED)
        bens = await ben.wait_for(lambda m: "users.db has lost rows" in m.text, since=0)
        right = await (await ben.press("This is fine", message=bens)).answered()
        assert "Accepted" in right.text
        over = await ann.wait_for(lambda m: m.id == alarm.id and "says Ben" in m.text, since=0)
        assert over.text.startswith("✅ users.db: this is the level to compare with now")
        assert (await service.courier.status()).alarms == ()
        (alarm_id,) = [
            entry.fact("alarm")
            for entry in await service.courier.catalogue.service.audits()
            if entry.action == "accepted"
        ]
        assert alarm_id == "shrunken:users.db"


async def test_what_disappeared_is_missed_until_it_is_right(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """Deleted from under a pattern: incomplete backups and an alarm, which a press ends, over a restart too."""
    users, _ = make_database(tmp_path / "live" / "users.db"), make_database(tmp_path / "live" / "notes.db")
    settings = settings_for(tmp_path, standin, tmp_path / "live" / "*.db", SCHEDULE=NEVER)
    async with Service.started(settings) as service:
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        users.unlink()
        made = await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        assert [record.reason for record in made.backup.skipped] == [SkipReason.GONE]
        alarm = await ann.wait_for(lambda m: "users.db has disappeared" in m.text, since=0)
        assert not alarm.silent
        assert [d.trouble for d in (await service.courier.status()).databases if d.name == "users.db"] != [""]
        right = await (await ann.press("Removed on purpose", message=alarm)).answered()
        assert "missed no longer" in right.text
        await until(open_is(service))
        assert [d.name for d in (await service.courier.status()).databases] == ["notes.db"]
    async with Service.started(settings) as service:
        await until(open_is(service))
        made = await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        assert made.backup.skipped == ()
        make_database(users)
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        users.unlink()
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        await until(open_is(service, "gone:users.db"))


async def test_a_press_after_the_end_says_so(service: Service, standin: StandIn, ann: Person) -> None:
    """Two admins press at once, or somebody presses what their phone still shows."""
    await service.courier.alarms.raise_("shrunken:users.db")
    alarm = await ann.wait_for(lambda m: "users.db has shrunk" in m.text, since=0)
    gate = standin.hold("editMessageText")
    await service.courier.alarms.clear("shrunken:users.db")
    answer = await (await ann.press("This is fine", message=alarm)).answered()
    assert "over already" in answer.text
    answer = await (await ann.press("Mute for 24 h", message=alarm)).answered()
    assert "over already" in answer.text
    gate.open()


async def test_open_alarms_stand_first_in_status_and_health(service: Service, ann: Person) -> None:
    """Whoever opens a screen sees at once that something is wrong."""
    await service.courier.alarms.raise_("Room runs out", (("said", "7 MB are free."),))
    await ann.send("/status")
    screen = await ann.wait_for(lambda m: "Backup Status" in m.text)
    assert screen.text.splitlines()[3] == "🚨 Room runs out (just now): 7 MB are free."
    await ann.send("/admin")
    menu = await ann.wait_for(lambda m: bool(m.buttons) and "Admin menu" in m.text)
    await ann.press("Database Backup", message=menu)
    menu = await ann.wait_for(lambda m: "Manual Backup" in " ".join(m.button_texts))
    assert "🚨 Room runs out" in menu.text
    await ann.press("System Health", message=menu)
    await ann.wait_for(lambda m: "🩺" in m.text and "🚨 Room runs out" in m.text)


async def test_a_wrong_clock_is_noticed_by_telegrams_own(standin: StandIn, idle: Settings, ann: Person) -> None:
    """Answers dated ten minutes ahead begin an alarm, and right ones end it."""
    standin.date_ahead = 600
    async with Service.started(idle) as service:
        for _ in range(3):
            await service.parts.bot.get_me()
        message = await ann.wait_for(lambda m: "The clock is wrong" in m.text, since=0)
        assert "10 minutes slow" in message.text
        standin.date_ahead = -60
        await service.parts.bot.get_me()
        await ann.wait_for(lambda m: m.id == message.id and m.text.startswith("✅"), since=0)


async def test_a_second_poller_is_an_alarm_and_one_leftover_answer_is_not(
    standin: StandIn, idle: Settings, ann: Person
) -> None:
    """409 again and again, and the admins are told; a single one is left over from a process that was killed."""
    text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    rule = standin.inject(faults.refused(409, text), "getUpdates", times=1)
    async with Service.started(idle) as service:
        await rule.struck(1)
        await service.courier.alarm_loop.deliver()
        assert await service.courier.alarms.open_alarms() == ()
        await standin.polled(within=20)
        rule = standin.inject(faults.refused(409, text), "getUpdates", times=2)
        await ann.send("hello")  # ends the poll that is waiting
        await ann.wait_for(lambda m: "Another process uses this bot" in m.text, within=20)


async def test_the_watchdog_hears_of_planned_runs_alone(
    watched: Settings, standin: StandIn, ann: Person, endpoint: Endpoint
) -> None:
    """A manual backup is not told; the run on the hour is: start, and success once Telegram confirmed it."""
    async with Service.started(watched, clock=(clock := HeldClock(0.5))) as service:
        await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
        assert endpoint.asked == []
        gate = standin.hold("sendDocument")
        clock.release()
        await gate.reached(within=20)
        await endpoint.until(1)
        assert [asked.path for asked in endpoint.asked] == ["/uuid/start"]
        gate.open()
        await endpoint.until(2)
    assert [asked.path for asked in endpoint.asked] == ["/uuid/start", "/uuid"]
    assert len([message for message in ann.messages if message.document]) >= 2


async def test_a_success_that_telegram_confirms_late_is_told_late(
    watched: Settings, standin: StandIn, ann: Person, endpoint: Endpoint
) -> None:
    """While Telegram is down the backup is stored and nothing is pinged; once it is delivered, success."""
    rule = standin.inject(faults.server_error(502, html=True), "sendDocument", times=4)
    async with Service.started(watched, clock=(clock := HeldClock(0.3))):
        clock.release()
        await rule.struck(3, within=20)
        assert [asked.path for asked in endpoint.asked] == ["/uuid/start"]
        await endpoint.until(2, within=20)
    assert [asked.path for asked in endpoint.asked] == ["/uuid/start", "/uuid"]


@pytest.mark.parametrize("dead", [True, False])
async def test_a_dead_watchdog_delays_no_backup_and_no_end(
    standin: StandIn, ann: Person, endpoint: Endpoint, tmp_path: Path, dead: bool
) -> None:
    """Nobody at the address, or somebody who never answers: the backup arrives, and the service ends in time."""
    endpoint.hold.clear()
    url = f"http://127.0.0.1:{1 if dead else endpoint.port}/uuid"
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "users.db"), HEARTBEAT_URL=url)
    async with asyncio.timeout(60) as deadline:
        async with Service.started(settings, clock=(clock := HeldClock(0.3))):
            clock.release()
            await ann.wait_for(lambda m: m.document is not None, since=0, within=20)
            deadline.reschedule(asyncio.get_running_loop().time() + 10)


async def test_a_failed_run_tells_the_watchdog_why(
    watched: Settings, ann: Person, endpoint: Endpoint, tmp_path: Path
) -> None:
    """`/fail` carries the sentence that the admins read."""
    (tmp_path / "users.db").unlink()
    async with Service.started(watched, clock=(clock := HeldClock(0.3))) as service:
        clock.release()
        await endpoint.until(2, within=20)
        await until(open_is(service, "run"))
        await ann.wait_for(lambda m: "Backup failed" in m.text, since=0)
    assert endpoint.asked[1].path == "/uuid/fail"
    assert "users.db" in endpoint.asked[1].body


async def test_files_of_a_local_server_that_are_not_mounted_here(tmp_path: Path) -> None:
    """Said after the first delivery and at a start, with what to mount without the token; read again, it is over."""
    async with StandIn(local=True) as api:
        token = api.create_bot_token()
        ann = api.add_user(11, "Ann")
        users = make_database(tmp_path / "users.db")
        settings = settings_for(tmp_path, api, users, SCHEDULE=NEVER, DRILL_SCHEDULE="off", TELEGRAM_LOCAL="true")
        async with Service.started(settings) as service:
            gate = api.hold("getFile")
            await service.courier.runs.back_up(trigger=Trigger.BUTTON, requested_by="a test")
            (sent,) = [
                message.document for message in ann.messages if message.document and ".zip" in message.document.name
            ]
            away = sent.path.rename(sent.path.with_suffix(".away"))
            gate.open()
            alarm = await ann.wait_for(lambda m: "server's files can't be read" in m.text, since=0)
            assert f"mount its folder {sent.path.resolve().parent} here" in alarm.text
            assert token not in alarm.text
        asked = len(api.calls_of("getFile"))
        away.rename(sent.path)
        async with Service.started(settings) as service:
            await ann.wait_for(lambda m: m.id == alarm.id and m.text.startswith("✅"), since=0)
            assert len(api.calls_of("getFile")) == asked + 1
            await service.courier.alarm_loop.check()
            assert len(api.calls_of("getFile")) == asked + 1


async def test_a_local_server_out_of_reach_is_asked_for_no_longer_than_the_service_runs(tmp_path: Path) -> None:
    """It may take minutes to fetch a file: no alarm waits for it, and neither does the stop; a start begins anew."""
    async with town_in(tmp_path, local=True) as town:
        await town.back_up()
        await until(open_is(town.service))
        await town.stop()
        gate = town.api.hold("getFile")
        await town.start()
        await town.api.until(lambda: gate.waiting > 0)
        await town.service.courier.alarms.raise_("Room runs out", (("said", "7 MB are free."),))
        await town.ann.wait_for(lambda m: "Room runs out" in m.text, since=0)
        await town.stop()
        gate.open()
