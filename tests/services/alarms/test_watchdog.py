"""The pings for an outside watchdog, to a real HTTP server: their order, their conditions, and that nobody waits."""

import asyncio
from dataclasses import replace

import pytest

from bot.models import BackupState, Cause, Delivery, DeliveryState, SkippedRecord, SkipReason, because
from bot.services.alarms.watchdog import Watchdog
from tests.world import samples
from tests.world.endpoint import Endpoint

BACKUP = samples.backup(1)


async def at_once(_seconds: float) -> None:
    """The pause between tries, without the wait."""


def watchdog(endpoint: Endpoint, within: float = 5) -> Watchdog:
    return Watchdog(f"http://127.0.0.1:{endpoint.port}/uuid?create=1", within=within, sleep=at_once)


def rows(*states: DeliveryState) -> tuple[Delivery, ...]:
    return tuple(samples.delivery(11 + n, state) for n, state in enumerate(states))


async def test_start_and_success_of_one_run_share_an_id(endpoint: Endpoint) -> None:
    """In this order, as Healthchecks wants them; the address keeps its own query."""
    dog = watchdog(endpoint)
    dog.begins()
    dog.ended(BACKUP, rows(DeliveryState.SENT))
    start, success = await endpoint.until(2)
    assert (start.path, success.path) == ("/uuid/start", "/uuid")
    assert start.query["rid"] == success.query["rid"]
    assert len(start.query["rid"]) == 36
    assert success.query["create"] == "1"
    dog.begins()
    assert (await endpoint.until(3))[2].query["rid"] != start.query["rid"]
    await dog.stop()


@pytest.mark.parametrize(
    ("states", "success"),
    [
        ((DeliveryState.SENT, DeliveryState.SENT), True),
        ((DeliveryState.SENT, DeliveryState.PARKED), True),
        ((DeliveryState.SENT, DeliveryState.SUPERSEDED), True),
        ((DeliveryState.PARKED,), False),
        ((DeliveryState.SENT, DeliveryState.PENDING), False),
        ((), False),
    ],
)
async def test_success_is_told_once_all_who_can_be_reached_have_it(
    endpoint: Endpoint, states: tuple[DeliveryState, ...], success: bool
) -> None:
    """Nothing is called a success that nobody received, or that somebody is still owed."""
    dog = watchdog(endpoint)
    dog.begins()
    dog.ended(BACKUP, rows(*states))
    await endpoint.until(2 if success else 1)
    assert (dog.unconfirmed == 1) is not success
    dog.settled(rows(*states, DeliveryState.SENDING))
    dog.settled(rows(DeliveryState.SENT))
    await endpoint.until(2)
    await dog.stop()
    assert [asked.path for asked in endpoint.asked] == ["/uuid/start", "/uuid"]


async def test_a_failure_says_why(endpoint: Endpoint) -> None:
    """The body holds the sentence; a backup that lacks a database has failed for the watchdog, too."""
    dog = watchdog(endpoint)
    dog.begins()
    dog.failed("No database could be backed up.")
    record = SkippedRecord(
        name="shop.db", path="/shop.db", reason=SkipReason.MISSING, why=because(Cause.MISSING, path="/shop.db")
    )
    dog.ended(replace(BACKUP, skipped=(record,), state=BackupState.PARTIAL), rows(DeliveryState.SENT))
    asked = await endpoint.until(3)
    await dog.stop()
    assert [(one.method, one.path) for one in asked[1:]] == [("POST", "/uuid/fail")] * 2
    assert asked[1].body == "No database could be backed up."
    assert "shop.db: /shop.db does not exist." in asked[2].body


async def test_a_refusing_endpoint_is_tried_three_times_and_then_left_alone(endpoint: Endpoint) -> None:
    """It is logged once, without its address, and the next ping is made all the same."""
    endpoint.status = 503
    dog = watchdog(endpoint)
    dog.begins()
    await endpoint.until(3)
    endpoint.status = 200
    dog.failed("no")
    await endpoint.until(4)
    await dog.stop()
    assert [asked.path for asked in endpoint.asked] == ["/uuid/start"] * 3 + ["/uuid/fail"]


async def test_an_endpoint_that_never_answers_holds_up_neither_a_run_nor_the_end(endpoint: Endpoint) -> None:
    """Telling returns at once, and stopping gives up after two seconds."""
    endpoint.hold.clear()
    dog = watchdog(endpoint, within=60)
    for _ in range(20):
        dog.begins()
        dog.ended(BACKUP, rows(DeliveryState.SENT))
    await endpoint.until(1)
    async with asyncio.timeout(10):
        await dog.stop()
    assert len(endpoint.asked) == 1


async def test_a_redirect_is_not_followed(endpoint: Endpoint) -> None:
    """It could lead out of TLS, with the secret in its path."""
    async with Endpoint() as other:
        endpoint.status, endpoint.location = 302, f"http://127.0.0.1:{other.port}/uuid"
        dog = watchdog(endpoint)
        dog.begins()
        await endpoint.until(3)
        await dog.stop()
        assert other.asked == []


async def test_nobody_at_the_address(endpoint: Endpoint) -> None:
    """A closed port is a trouble like any other."""
    dog = Watchdog("http://127.0.0.1:1/uuid", sleep=at_once)
    dog.begins()
    await dog.stop()
    assert endpoint.asked == []


async def test_a_push_monitor_of_uptime_kuma_is_told_in_its_own_way(endpoint: Endpoint) -> None:
    """It knows no /start and no /fail: a failure is `status=down`, or it would be taken for a sign of life."""
    dog = Watchdog(f"http://127.0.0.1:{endpoint.port}/api/push/secret?status=up&msg=OK&ping=", within=5, sleep=at_once)
    dog.begins()
    dog.failed("the disk is full")
    dog.ended(BACKUP, rows(DeliveryState.SENT))
    down, up = await endpoint.until(2)
    assert (down.method, down.path, down.query["status"]) == ("GET", "/api/push/secret", "down")
    assert down.query["msg"] == "the disk is full"
    assert (up.path, up.query["status"], up.query["msg"]) == ("/api/push/secret", "up", "OK")
    await dog.stop()
