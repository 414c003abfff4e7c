"""Alarms by apprise, to a real HTTP server: alarms, reminders and recoveries, and nothing of its troubles elsewhere."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config.alarms import unusable
from bot.journal.redaction import redact
from bot.services.alarms.apprise import in_a_thread
from tests.services.alarms.scene import HOUR, Scene
from tests.world.endpoint import Endpoint
from tests.world.messages import texts
from tests.world.stand_in import StandIn

pytest.importorskip("apprise")


@pytest.fixture
async def scene(standin: StandIn, tmp_path: Path, endpoint: Endpoint) -> AsyncIterator[Scene]:
    """A service with two addresses: one that works, and one where nobody listens."""
    urls = f"json://127.0.0.1:{endpoint.port}/secretpath-of-a-topic, json://127.0.0.1:1/another-secret?cto=0.5&rto=0.5"
    scene = Scene(standin, tmp_path, NOTIFY_URLS=urls)
    await scene.open()
    yield scene
    await scene.close()


async def test_a_phone_hears_alarms_reminders_recoveries_and_nothing_else(scene: Scene, endpoint: Endpoint) -> None:
    """Two quiet days bring nothing; an alarm of eight hours brings three messages, over a restart too."""
    await scene.pass_time(12 * HOUR, scene.back_up)
    assert endpoint.asked == []
    away = scene.sources[0].rename(scene.sources[0].with_suffix(".away"))
    await scene.pass_time(3 * HOUR, scene.back_up)
    await scene.restart()
    await scene.pass_time(5 * HOUR, scene.back_up)
    away.rename(scene.sources[0])
    await scene.pass_time(2 * HOUR, scene.back_up)
    titles = [asked.json["title"] for asked in endpoint.asked]
    assert titles == [
        "🚨 users.db is not backed up",
        "🚨 users.db is not backed up (for 6 h now)",
        "✅ users.db is backed up again",
    ]
    assert endpoint.asked[0].path == "/secretpath-of-a-topic"
    assert endpoint.asked[-1].json["message"] == "It was missing for 8 h."


async def test_a_phone_that_takes_nothing_delays_nobody(scene: Scene, endpoint: Endpoint) -> None:
    """While an endpoint refuses, backups and messages go on; once it works it hears what is open."""
    endpoint.status = 500
    scene.sources[0].unlink()
    assert await scene.back_up() is not None
    assert len(texts(scene.ann)) == 1
    endpoint.status = 200
    await scene.pass_time(HOUR, scene.back_up)
    assert endpoint.asked[0].json["title"] == "🚨 users.db is not backed up"
    assert endpoint.asked[-1].json["title"].startswith("🚨 users.db is not backed up (for ")


async def test_the_only_admin_who_is_unreachable_is_told_by_phone(scene: Scene, endpoint: Endpoint) -> None:
    """Where Telegram is closed, the phones are what is left."""
    scene.ann.block_bot()
    scene.ben.block_bot()
    await scene.back_up()
    await scene.courier.alarm_loop.deliver()
    titles = {asked.json["title"] for asked in endpoint.asked}
    assert len(titles) == 2
    assert all("can't be reached" in title for title in titles)


async def test_no_address_is_in_the_catalogue_or_a_log(scene: Scene) -> None:
    """What an address holds is a secret: it stays in the settings."""
    scene.sources[0].unlink()
    await scene.back_up()
    for path in scene.folder.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert b"secretpath-of-a-topic" not in path.read_bytes(), path
    assert "secretpath" not in redact("HTTP error at /secretpath-of-a-topic of 127.0.0.1")
    assert "127.0.0.1" in redact("HTTP error at /secretpath-of-a-topic of 127.0.0.1")


async def test_a_thread_that_hangs_is_left_behind() -> None:
    """Nobody waits longer than agreed, whatever a plugin does."""
    release = threading.Event()
    assert not await in_a_thread(lambda: release.wait(30), 0.05)
    release.set()
    assert await in_a_thread(lambda: True, 5)

    def stumble() -> bool:
        raise RuntimeError("a plugin's own trouble")

    assert not await in_a_thread(stumble, 5)


def test_addresses_that_apprise_can_not_use_are_named_by_their_position() -> None:
    """Neither an unknown kind nor a known one without what it needs is taken."""
    assert unusable(["json://127.0.0.1", "nosuchkind://secret", "tgram://"]) == (2, 3)
