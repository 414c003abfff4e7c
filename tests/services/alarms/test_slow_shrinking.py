"""Many small losses: seen by comparing with levels further back, and no alarm for what is trimmed again and again."""

import os
from collections.abc import Iterable
from datetime import timedelta

import pytest

from bot.models import AlarmKind
from bot.texts.losses import loss_line, losses_of
from tests.services.alarms.scene import HOUR, Scene, texts_of
from tests.world.catalogue import stored
from tests.world.databases import change
from tests.world.values import backed_up

DAY = timedelta(days=1)


async def record(scene: Scene, rows: int, *, megabytes: int = 1) -> tuple[str, ...]:
    """Write down a backup of so many rows as a run does, and let the service look; the caption's warnings."""
    database = backed_up("users.db", scene.now, bytes=megabytes << 20, rows=(("orders", rows), ("constant", 7)))
    made = await stored(scene.courier.catalogue, scene.now, databases=[database])
    lines = await scene.courier.alarms.compare_with_previous(made.id, [database])
    await scene.courier.alarm_loop.check()
    return lines


async def days(scene: Scene, levels: Iterable[int], every: timedelta, *, megabytes: bool = False) -> list[int]:
    """Record a backup of each level, one after the other; the levels at which an alarm was open."""
    alarmed = []
    for level in levels:
        scene.now += every
        await record(scene, 5 if megabytes else level, megabytes=level if megabytes else 1)
        if "shrunken:users.db" in await scene.open_keys():
            alarmed.append(level)
    return alarmed


async def test_rows_that_fall_a_little_at_every_backup_are_an_alarm_by_the_sum_of_a_day(scene: Scene) -> None:
    """No step loses more than a fifth; together they are told, in the alarm and in the caption, and end as any."""
    await scene.pass_time(72 * HOUR, scene.back_up, every=6 * HOUR)
    for left in (400, 320, 256):
        change(scene.sources[0], f"DELETE FROM entries WHERE id > {left}")
        await scene.pass_time(6 * HOUR, scene.back_up, every=6 * HOUR)
        assert await scene.open_keys() == []
    change(scene.sources[0], "DELETE FROM entries WHERE id > 205")
    assert await scene.pass_time(6 * HOUR, scene.back_up, every=6 * HOUR) == ["shrunken:users.db"]
    assert any("“entries” 500 → 205 within a day" in text for text in texts_of(scene.ann))
    caption = [message.text for message in scene.ann.messages if message.document][-1]
    assert "“entries” 500 → 205 within a day" in caption
    await scene.restart()
    change(scene.sources[0], "INSERT INTO entries (text) SELECT text FROM entries LIMIT 100")
    assert await scene.pass_time(6 * HOUR, scene.back_up, every=6 * HOUR) == []


async def test_what_falls_a_little_every_day_is_an_alarm_by_the_sum_of_a_week(scene: Scene) -> None:
    """A tenth every day, by bytes as by rows: after seven days more than half is gone."""
    falling = [round(10_000 * 0.9**day) for day in range(8)]
    assert await days(scene, [10_000] * 14 + falling, DAY) == [falling[7]]
    (alarm,) = [one for one in await scene.open_alarms() if one.kind == AlarmKind.SHRUNKEN]  # none is left, either
    assert loss_line(losses_of(alarm)) == "“orders” 10,000 → 4,783 within a week"


async def test_a_file_that_falls_a_little_is_seen_by_its_bytes(scene: Scene) -> None:
    """The bytes of the whole file are compared in the same way."""
    assert await days(scene, [100] * 30 + [80, 64, 51, 41], 6 * HOUR, megabytes=True) == [41]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("cycle", "every"),
    [
        ([1000, 800, 640, 510, 420, 600, 800, 900], 3 * HOUR),  # every night, in slow steps
        ([1000, 950, 800, 640, 510, 420, 700], DAY),  # every week
        ([600, 700, 800, 900, 1000, 550], 5 * HOUR),  # at a threshold, in one step below the alarm's
        ([1000, 500], HOUR),
    ],
)
async def test_what_is_trimmed_regularly_is_no_alarm(scene: Scene, cycle: list[int], every: timedelta) -> None:
    """Up and down between the same levels for weeks: nothing to tell, wherever in its cycle the watching began."""
    for begin in range(0, len(cycle), 1 if os.environ.get("SOAK") else max(1, len(cycle) // 3)):
        turned = cycle[begin:] + cycle[:begin]
        assert await days(scene, turned * round(17 * DAY / (every * len(cycle))), every) == []
        scene.now += 30 * DAY


async def test_an_accepted_level_is_what_the_days_after_it_are_compared_with(scene: Scene) -> None:
    """What lies before "This is fine" does not ring again, and a slow fall after it does."""
    assert await days(scene, [1000] * 12 + [800, 640, 510, 410], 6 * HOUR) == [410]
    await scene.accept("shrunken")
    assert await days(scene, [400, 390, 380, 370, 360, 350, 340, 330, 320] * 1, 6 * HOUR) == []
    assert await days(scene, [320] * 4 + [250, 200, 160, 125], 6 * HOUR) == [125]
