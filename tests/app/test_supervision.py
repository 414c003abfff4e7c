"""What systemd hears of the service: ready, next run, alive, stopping."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.app.service import Service
from bot.app.supervision import Supervision
from bot.config.settings import Settings
from bot.services.schedule.scheduler import Scheduler
from tests.world import faults
from tests.world.clock import MovedClock
from tests.world.stand_in import StandIn
from tests.world.systemd import NotifySocket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")


async def test_a_service_is_ready_when_its_runs_are_planned(
    idle: Settings, standin: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also while Telegram is down: backups are made all the same. It says what is next, and that it ends."""
    standin.inject(faults.server_error(502, html=True), times=None)
    with NotifySocket(monkeypatch, tmp_path) as systemd:
        async with Service.started(idle) as service:
            planned = service.parts.planned.scheduler.next_run()
            assert planned is not None
            begun = systemd.heard()
            assert ["READY=1", f"STATUS=Next backup 1 Jan {planned.year + 1}, 00:00 Europe/Berlin"] in begun  # in UTC
            await service.courier.timetable.pause(actor="Ann")
            assert ["STATUS=Paused", "WATCHDOG=1"] in systemd.heard()
        assert systemd.heard()[:2] == [["STOPPING=1"], ["STATUS=Stopping", "WATCHDOG=1"]]


async def test_the_watchdog_starves_once_the_next_run_lies_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A scheduler whose timer is lost plans nothing any more, whatever else still runs: systemd begins it anew."""
    clock = MovedClock()

    async def run(_: datetime) -> None:
        raise AssertionError

    scheduler = Scheduler("0 0 1 1 *", ZoneInfo("UTC"), run, clock=clock)
    with NotifySocket(monkeypatch, tmp_path, watchdog=30) as systemd:
        supervision = Supervision(scheduler, restoring=lambda: False)
        scheduler.start()
        await supervision.report()
        assert "WATCHDOG=1" in systemd.heard()[0]
        clock.go((datetime(clock().year + 1, 1, 1, 0, 5, tzinfo=UTC) - clock()).total_seconds())  # nobody looks
        await supervision.report()
        assert "WATCHDOG=1" not in systemd.heard()[0]
        await scheduler.stop()


async def test_a_restore_under_way_asks_for_more_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stop waits for it, and systemd must not kill it in between."""
    scheduler = Scheduler("0 0 1 1 *", ZoneInfo("UTC"), pytest.fail, clock=MovedClock())
    with NotifySocket(monkeypatch, tmp_path, watchdog=30) as systemd:
        supervision = Supervision(scheduler, restoring=lambda: True)
        await supervision.stopping()
        heard = systemd.heard()
    assert heard == [
        ["STOPPING=1"],
        ["STATUS=Waits for a restore to end", "EXTEND_TIMEOUT_USEC=30000000", "WATCHDOG=1"],
    ]
