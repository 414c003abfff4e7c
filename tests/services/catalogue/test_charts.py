"""What pictures are drawn of, read from the catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.models import Alarm, BackupState, DeliveryState, MarkKind, Recipient, SentVolume, Trigger
from bot.services.catalogue import Catalogue
from bot.services.catalogue.charts import POINTS
from tests.world.catalogue import NOW, backed_up, stored

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def test_trends_hold_the_newest_backup_of_each_stretch(catalogue: Catalogue) -> None:
    """However many backups there are, a picture gets as many points as it has room for; the last one among them."""
    for number in range(300):
        at = NOW - timedelta(minutes=4 * (299 - number))
        await stored(catalogue, at, databases=(backed_up("shop.db", bytes=number, rows=(("a", number), ("b", 1))),))
    trends = await catalogue.charts.trends(NOW - DAY, NOW)
    (shop,) = trends.databases
    assert shop.name == "shop.db"
    assert POINTS / 2 <= len(shop.points) <= POINTS + 1
    assert shop.points[-1].at == NOW
    assert shop.points[-1].bytes == 299
    assert shop.points[-1].rows == 300
    assert [point.at for point in shop.points] == sorted(point.at for point in shop.points)


async def test_what_was_not_counted_has_no_rows(catalogue: Catalogue) -> None:
    """A table that could not be counted, or a backup learned from the chat, says nothing of its rows."""
    await stored(catalogue, NOW - HOUR, databases=(backed_up("a.db", rows=(("t", 5), ("u", -1))),))
    await stored(catalogue, NOW - HOUR * 2, databases=(backed_up("b.db", rows=()),))
    trends = await catalogue.charts.trends(NOW - DAY, NOW)
    assert {trend.name: trend.points[0].rows for trend in trends.databases} == {"a.db": None, "b.db": None}


async def test_alarms_and_restores_are_marked_at_their_database(catalogue: Catalogue) -> None:
    """An alarm of no database is marked at all of them; what was copied before a restore is no point of a trend."""
    await stored(catalogue, NOW - HOUR * 3, "a.db", "b.db")
    for key in ("skipped:a.db", "disk:"):
        await catalogue.alarms.save(Alarm(id=key, key=key, began_at=NOW - HOUR))
    await stored(catalogue, NOW - HOUR * 2, "b.db", trigger=Trigger.SAFETY)
    a, b = (await catalogue.charts.trends(NOW - DAY, NOW)).databases
    assert [(mark.kind, mark.name) for mark in a.marks] == [(MarkKind.ALARM, "a.db"), (MarkKind.ALARM, "")]
    assert [(mark.kind, mark.name) for mark in b.marks] == [(MarkKind.ALARM, ""), (MarkKind.RESTORE, "b.db")]
    assert len(b.points) == 1


async def test_days_are_local_and_count_what_was_proven_and_complete(catalogue: Catalogue) -> None:
    """A run of half past eleven in the evening, UTC, belongs to the next day in Berlin."""
    midnight = NOW.replace(hour=23, minute=30)
    await stored(catalogue, midnight)
    failed = await catalogue.backups.begin(trigger=Trigger.SCHEDULE, requested_by="", started_at=midnight - HOUR * 4)
    await catalogue.backups.finish(failed, state=BackupState.FAILED, finished_at=midnight, error_code="error")
    found = await catalogue.charts.days(NOW - DAY, ZoneInfo("Europe/Berlin"))
    assert [(day.day.day - NOW.day, day.runs, day.proven, day.complete) for day in found] == [
        (0, 1, 0, 0),
        (1, 1, 1, 1),
    ]


async def test_a_place_reaches_as_far_back_as_what_it_still_holds(catalogue: Catalogue) -> None:
    """A chat of which a volume was tidied away holds that backup no longer; a mailbox is nobody's knowledge."""
    ann, mailbox = Recipient(chat_id=77), Recipient(place="mail:ops@example.org")
    await catalogue.recipients.set_name(ann, "Ann")
    backups = [await stored(catalogue, NOW - DAY * days) for days in (3, 2, 1)]
    for backup in backups:
        for recipient in (ann, mailbox):
            (delivery,) = [
                d for d in await catalogue.deliveries.owe(backup.id, [recipient]) if d.recipient == recipient
            ]
            await catalogue.deliveries.record_sent(
                backup.id, recipient, SentVolume(number=1, message_id=backup.id, sent_at=NOW)
            )
            await catalogue.deliveries.save(replace(delivery, state=DeliveryState.SENT, sent_at=NOW))
    await catalogue.deliveries.mark_tidied((await catalogue.deliveries.of(backups[0].id))[0], [1], "")
    await catalogue.backups.mark_deleted(backups[1].id)
    disk, chat = await catalogue.charts.reaches()
    assert disk.times == (backups[0].started_at, backups[2].started_at)
    assert (chat.place, chat.name, chat.times) == ("77", "Ann", (backups[1].started_at, backups[2].started_at))
