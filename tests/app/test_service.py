"""The whole service against the stand-in: the schedule, the start, the end, and a Telegram in trouble."""

import asyncio
import os
import shutil
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app.polling import DRAIN_SECONDS
from bot.app.service import DRAIN_DELIVERIES, Service, open_courier
from bot.config.settings import Settings
from bot.errors import InstanceError, TelegramError
from bot.journal.writer import setup_journal
from bot.models import Actor, BackupState, DeliveryState, Reason, ServiceState, Trigger, WarningCode
from bot.services.alarms.loop import ENDS_WITHIN
from bot.services.catalogue import Catalogue
from bot.services.files.locks import ServiceLock
from bot.services.telegram.destination import ANSWER_SECONDS
from tests.world import faults
from tests.world.clock import HeldClock, until
from tests.world.databases import make_database
from tests.world.phones import Person
from tests.world.service import has, settings_for
from tests.world.shell import serving
from tests.world.stand_in import StandIn

HANGS = 45.0
"""Seconds after which a service that is to end waits for something that never comes."""


@pytest.fixture
def settings(standin: StandIn, ann: Person, tmp_path: Path) -> Settings:
    """Those of a service that backs up one database every hour."""
    return settings_for(tmp_path, standin, make_database(tmp_path / "live.db"))


async def test_on_the_hour_a_proven_backup_reaches_the_admin(settings: Settings, ann: Person) -> None:
    """The scheduled run happens on the hour, and its archive arrives silently."""
    async with Service.started(settings, clock=(clock := HeldClock(0.5))) as service:
        clock.release()
        message = await ann.wait_for(lambda m: m.document is not None, since=0)
        assert message.silent
        await until(lambda: has(service, BackupState.DELIVERED))
        (backup,) = await service.courier.catalogue.backups.select()
    assert backup.trigger is Trigger.SCHEDULE
    assert (backup.started_at.minute, backup.started_at.second) == (0, 0)
    assert await message.document.read() == (settings.backup_dir / backup.archive_name).read_bytes()


async def test_a_missed_run_is_caught_up_once(idle: Settings, ann: Person) -> None:
    """A service that was down at the hour backs up at its start, and not again at the next start."""
    started = datetime(2026, 12, 31, 12, tzinfo=UTC)
    async with Service.started(idle, clock=lambda: started):
        pass
    later = datetime(2027, 1, 3, 12, tzinfo=UTC)
    async with Service.started(idle, clock=lambda: later) as service:
        await ann.wait_for(lambda m: m.document is not None, since=0)
        await until(lambda: has(service, BackupState.DELIVERED))
    async with Service.started(idle, clock=lambda: later) as service:
        assert [b.trigger for b in await service.courier.catalogue.backups.select()] == [Trigger.CATCH_UP]
        assert service.courier.runs.running is None


@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.CATCH_UP])
async def test_a_planned_run_that_was_cut_off_is_made_up_for_once(idle: Settings, trigger: Trigger) -> None:
    """A power cut in the nightly run costs no night; a run that ends its process is not begun for ever."""
    now = datetime(2027, 1, 3, 12, tzinfo=UTC)
    async with Service.started(idle, clock=lambda: now) as service:
        await service.courier.catalogue.backups.begin(trigger=trigger, requested_by=Actor.SCHEDULE, started_at=now)
    async with Service.started(idle, clock=lambda: now + timedelta(hours=1)) as service:
        await until(lambda: has(service, BackupState.INTERRUPTED))
        if trigger is Trigger.SCHEDULE:
            await until(lambda: has(service, BackupState.DELIVERED))
        triggers = [backup.trigger for backup in await service.courier.catalogue.backups.select()]
        assert triggers == ([Trigger.CATCH_UP, trigger] if trigger is Trigger.SCHEDULE else [trigger])


async def test_a_paused_service_runs_nothing_and_makes_up_for_it(settings: Settings) -> None:
    """Paused means stopped in the status and no run on the hour, over a restart too; resumed, one run makes up."""
    async with Service.started(settings, clock=(clock := HeldClock(3000))) as service:
        clock.release()
        await service.courier.timetable.pause(actor="Ann")
    async with Service.started(settings, clock=(clock := HeldClock(-0.1))) as service:
        status = await service.courier.status()
        assert (status.state, status.next_run_at) == (ServiceState.STOPPED, None)
        assert (await service.courier.catalogue.backups.select(), service.parts.planned.scheduler.running) == ((), None)
        await service.courier.timetable.resume(actor="Ann")
        assert (await service.courier.status()).state is ServiceState.RUNNING
        await until(lambda: has(service, BackupState.DELIVERED))
        (backup,) = await service.courier.catalogue.backups.select()
        assert backup.trigger is Trigger.CATCH_UP


async def test_a_second_service_is_told_and_ends(settings: Settings) -> None:
    """One BACKUP_DIR is served by one service."""
    async with Service.started(settings):
        with pytest.raises(InstanceError, match=str(os.getpid())):
            async with Service.started(settings):
                pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that is open")
@pytest.mark.parametrize("other", [False, True])
async def test_a_deleted_folder_costs_nothing_that_was_known(idle: Settings, other: bool) -> None:
    """Who empties BACKUP_DIR under the service loses no choice of an admin, and lets no second service in."""
    catalogue = idle.backup_dir / "catalogue.db"
    async with Service.started(idle) as service:
        await service.courier.timetable.pause(actor="Ann")
        shutil.rmtree(idle.backup_dir)
        if other:
            async with await Catalogue.open(catalogue) as another:
                await another.service.audit("Ben", "was here")
        await service.keep_place()
        with pytest.raises(InstanceError):
            async with Service.started(idle):
                pass
        await service.courier.timetable.pause(actor="Ben")
        async with await Catalogue.open(catalogue, read_only=True) as beside:
            assert (await beside.service.overrides())["paused"].set_by == "Ben"
        await service.keep_place()
        assert len(list(idle.backup_dir.glob("catalogue.db.replaced-*[0-9]"))) == other
    async with Service.started(idle) as service:
        assert (await service.courier.status()).state is ServiceState.STOPPED
        actors = [entry.actor for entry in await service.courier.catalogue.service.audits()]
        assert actors == ["Ben", "Ann"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that is open")
async def test_a_service_whose_lock_was_taken_ends(idle: Settings) -> None:
    """Where the lock was deleted and another process has taken it, two would send everything twice."""
    async with Service.started(idle) as service:
        (idle.backup_dir / ".service.lock").unlink()
        async with ServiceLock(idle.backup_dir):
            with pytest.raises(InstanceError):
                await service.keep_place()


async def test_a_token_that_was_never_good_stops_the_start(settings: Settings, standin: StandIn) -> None:
    """401 to what Telegram never accepted means that waiting can't help, however often it is tried."""
    standin.revoke_token(settings.bot_token.get_secret_value())
    for _ in range(2):
        async with Service.started(settings) as service:
            with pytest.raises(TelegramError, match="token"):
                await asyncio.wait_for(service.ended(), 10)


async def test_a_token_refused_for_a_while_ends_nothing(settings: Settings, standin: StandIn, ann: Person) -> None:
    """Backups go on, here and after a restart, an alarm stands; when the token is accepted again, all is delivered."""
    token = settings.bot_token.get_secret_value()
    async with Service.started(settings, clock=(clock := HeldClock(3000))) as service:
        await until(lambda: service.courier.catalogue.bot.token_was_good(token))
    standin.inject(faults.refused(401, "Unauthorized"), times=None)
    async with Service.started(settings, clock=(clock := HeldClock(0.3))) as service:
        ended = asyncio.ensure_future(service.ended())
        clock.release()
        await until(lambda: has(service, BackupState.STORED))
        await until(lambda: _alarmed(service, "token"))
        assert await _warns(service, WarningCode.TOKEN_REFUSED)
        await standin.until(lambda: len(standin.calls_of("getUpdates", ok=False)) > 2)
        assert not ended.done()
        standin.clear_faults()
        await until(lambda: _not_alarmed(service, "token"))
        assert not await _warns(service, WarningCode.TOKEN_REFUSED)
        ended.cancel()
    async with Service.started(settings) as service:
        await ann.wait_for(lambda m: m.document is not None, since=0)


async def _alarmed(service: Service, key: str) -> bool:
    return key in [alarm.key for alarm in await service.courier.alarms.open_alarms()]


async def _not_alarmed(service: Service, key: str) -> bool:
    return not await _alarmed(service, key)


async def test_two_pollers_are_named(settings: Settings, standin: StandIn) -> None:
    """409 is said plainly in the status, and polling goes on."""
    text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    rule = standin.inject(faults.refused(409, text), "getUpdates", times=2)
    async with Service.started(settings) as service:
        await rule.struck(1)
        await until(lambda: _warns(service, WarningCode.CONFLICT))


async def _warns(service: Service, code: WarningCode) -> bool:
    return Reason(code) in (await service.courier.status()).warnings


async def test_backups_go_on_while_telegram_is_down(settings: Settings, standin: StandIn, ann: Person) -> None:
    """A Telegram that fails at every call stops no backup; it is delivered when Telegram is back."""
    standin.inject(faults.server_error(502, html=True), times=None)
    async with Service.started(settings, clock=(clock := HeldClock(0.3))) as service:
        clock.release()
        await until(lambda: has(service, BackupState.STORED))
        assert not ann.messages
        standin.clear_faults()
        await ann.wait_for(lambda m: m.document is not None, since=0, within=15)
        await until(lambda: has(service, BackupState.DELIVERED))


async def test_a_stop_in_mid_delivery_leaves_it_owed_and_ends_in_time(
    settings: Settings, standin: StandIn, ann: Person
) -> None:
    """A Telegram that never answers holds up no shutdown past ten seconds; the next start delivers."""
    gate = standin.hold("sendDocument")
    async with asyncio.timeout(60) as deadline:
        async with Service.started(settings, clock=(clock := HeldClock(0.3))):
            clock.release()
            await gate.reached(within=20)
            deadline.reschedule(asyncio.get_running_loop().time() + 10)
    gate.open()
    standin.clear_faults()
    async with Service.started(settings, clock=clock) as service:
        await ann.wait_for(lambda m: m.document is not None, since=0, within=20)
        await until(lambda: has(service, BackupState.DELIVERED))
        (backup,) = await service.courier.catalogue.backups.select()
    assert backup.trigger is Trigger.SCHEDULE


async def test_another_process_backs_up_and_the_service_delivers(service: Service, idle: Settings, ann: Person) -> None:
    """What the command line made while the service runs is sent by the service."""
    async with open_courier(idle, deliver=False) as other:
        made = await other.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    assert [delivery.state for delivery in made.deliveries] == [DeliveryState.PENDING]
    await service.look_for_news()
    await ann.wait_for(lambda m: m.document is not None, since=0)


async def test_the_token_is_in_no_log(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """Neither the log files nor the catalogue hold the token, whatever went wrong."""
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "live.db"), LOG_LEVEL="DEBUG")
    log = setup_journal(settings.log_dir, "DEBUG", console=False)
    try:
        standin.inject(faults.reset(), times=4)
        async with Service.started(settings, clock=(clock := HeldClock(0.2))) as service:
            clock.release()
            await until(lambda: has(service, BackupState.DELIVERED))
    finally:
        log.close()
    secret = settings.bot_token.get_secret_value().split(":")[1].encode()
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert secret not in path.read_bytes(), path


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_command_cleanly(
    settings: Settings, standin: StandIn, tmp_path: Path, number: int
) -> None:
    """`sqlite-courier run` ends with 0 on SIGTERM and Ctrl-C, and leaves the sign that it was stopped."""
    child = await serving(tmp_path, standin, cold=True)
    child.send_signal(number)
    done = await child.ended(within=10)
    assert done.returncode == 0, done.stderr
    async with open_courier(settings, deliver=False) as courier:
        status = await courier.status()
    assert status.state is ServiceState.STOPPED
    assert status.heartbeat.stopped


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
async def test_a_hanging_upload_does_not_hold_up_the_end(
    idle: Settings, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """Whatever hangs is given up, and no time-out waited for: an upload nobody answers, a screen that can't be drawn.

    The seconds of all steps together keep the promise of 8; the watchdog here leaves a slow machine its time, and is
    far below what the requests themselves would wait.
    """
    assert DRAIN_SECONDS + DRAIN_DELIVERIES + ENDS_WITHIN < 8
    assert HANGS < ANSWER_SECONDS
    uploads = standin.hold("sendDocument")
    child = await serving(tmp_path, standin)
    await ann.send("/backup")
    await uploads.reached(within=20)
    edits = standin.hold("editMessageText")
    await edits.reached(within=20)
    child.send_signal(signal.SIGTERM)
    done = await child.ended(within=HANGS)
    assert done.returncode == 0, done.stderr
