"""The service killed dead while an archive is being collected: swept at the next start, and told."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import Settings
from bot.models import Trigger
from tests.world.archives import cut
from tests.world.databases import make_database
from tests.world.phones import Person
from tests.world.service import settings_for
from tests.world.shell import serving
from tests.world.stand_in import StandIn


async def volumes(settings: Settings, folder: Path) -> list[Path]:
    """The two volumes of an archive that is in the store."""
    async with open_courier(settings, deliver=False) as courier:
        made = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    return cut(settings.backup_dir / made.backup.archive_name, 2, folder)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
async def test_killed_in_the_middle_nothing_stays_and_the_admin_is_told(
    standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """The old message's button, and the volume sent next, say that what had come is gone; both sent again do it."""
    settings = settings_for(tmp_path, standin, make_database(tmp_path / "live.db", 3000), SCHEDULE="0 0 1 1 *")
    one, two = await volumes(settings, tmp_path)
    work = settings.backup_dir / ".work"
    process = await serving(tmp_path, standin)
    await ann.send_document(one)
    waiting = await ann.wait_for(lambda m: "Volumes are missing" in m.text, within=20)
    (left,) = [path for path in work.glob("restore-*") if path.is_dir()]
    process.send_signal(signal.SIGKILL)
    await process.ended()
    assert [path.name for path in left.rglob("*.001")] == [one.name]

    process = await serving(tmp_path, standin)
    press = await ann.press("✖️ Cancel", message=waiting)
    assert "no longer here" in (await press.answered(within=20)).text
    await ann.send_document(two)
    told = await ann.wait_for(lambda m: "Volumes are missing" in m.text, within=20)
    assert "started again meanwhile" in told.text
    assert not left.exists()
    await ann.send_document(one)
    await ann.wait_for(lambda m: "A backup, intact" in m.text, within=20)
    process.send_signal(signal.SIGTERM)
    assert (await process.ended(within=15)).returncode == 0
    assert list(work.glob("restore-*")) == []
