"""WHEN_UNCHANGED: what is called unchanged really is, is in the chat and on the disk; and each day has its archive."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.models import Actor, BackupState, Condition, DeliveryState, MessageMode, Trigger
from bot.services.status.verdict import backup_condition
from bot.texts import history as history_texts
from bot.texts import status as status_texts
from tests.world.messages import MakeHouse, archives, texts


def use_without_writing(path: Path) -> None:
    """What an application does that changes no row: open, read, checkpoint, close."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM entries").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # a write transaction that writes nothing


async def test_by_default_the_same_is_sent_every_hour(make_house: MakeHouse) -> None:
    """Nobody misses an archive who did not ask to."""
    house = await make_house()
    await house.hours(None, None)
    assert len(archives(house.ann)) == 2


async def test_note_edits_one_line_below_the_archive_that_still_holds(make_house: MakeHouse) -> None:
    """WAL and rollback journal: unchanged is unchanged, and one row written in either is a new archive."""
    house = await make_house(WHEN_UNCHANGED="note")
    await house.hours(house.users)
    for path in (house.users, house.shop):
        use_without_writing(path)
    await house.hours(None, None, None)
    (note,) = texts(house.ann)
    assert note.text == "🟰 Unchanged since 06:00 (backup 1): 3 runs, the last at 09:00"
    assert note.silent
    assert len(archives(house.ann)) == 1
    assert len(house.on_disk()) == 4  # a note spares the chat, not the disk
    await house.hours(house.shop)
    await house.restart()
    await house.hours(None, house.users, None)
    assert [m.text.split(" (")[0][-5:] for m in texts(house.ann)] == ["06:00", "10:00", "12:00"]
    assert len(archives(house.ann)) == 3
    kept = await house.courier.details(2)
    assert {row.state for row in kept.deliveries} == {DeliveryState.NOT_DUE}
    shown = history_texts.details(kept, house.now, house.courier.settings.timezone)
    assert "byte for byte as in backup 1" in shown
    assert "🔕 user 11: not sent, unchanged since backup 1, which is there" in shown
    assert kept.backup.on_disk


async def test_skip_keeps_one_archive_and_the_proof_moves_on(make_house: MakeHouse) -> None:
    """Nothing is sent and nothing fills the disk, yet the newest good backup is the newest run's."""
    house = await make_house(WHEN_UNCHANGED="skip", MAX_BACKUP_COUNT="3")
    first, *_, last = await house.hours(None, None, None, None, None)
    assert house.on_disk() == [first.archive_name]
    assert (len(archives(house.ann)), texts(house.ann)) == (1, [])
    assert (last.state, last.same_as, last.on_disk, last.proven) == (BackupState.STORED, 1, False, True)
    status = await house.courier.status()
    assert status.latest_proven.id == last.id
    assert backup_condition(status) is Condition.GOOD
    assert (status.day.ok, status.day.total) == (5, 5)
    zone = house.courier.settings.timezone
    assert "byte for byte as in backup 1, whose archive is the one that is kept" in status_texts.status(status, zone)
    details = history_texts.details(await house.courier.details(last.id), house.now, zone)
    assert "Nothing to keep: backup 1 holds the same" in details
    assert "stays in the chats" not in details
    assert [b.backup.id for b in await house.courier.housekeeping.plan_prune() if b.keep] == [1]
    assert (await house.courier.catalogue.backups.find("latest")).id == 1


async def test_each_day_has_its_archive(make_house: MakeHouse) -> None:
    """Three quiet days: one archive a day in each chat and on the disk."""
    house = await make_house(WHEN_UNCHANGED="skip")
    for _ in range(9):
        await house.run()
        house.pass_by(hours=8)
    assert len(archives(house.ann)) == len(archives(house.ben)) == len(house.on_disk()) == 3


async def test_what_has_not_reached_a_chat_is_not_skipped_there(make_house: MakeHouse) -> None:
    """Ben, who was away, is owed the next one, and its archive is kept for him; once he has it nothing more comes."""
    house = await make_house(WHEN_UNCHANGED="skip")
    house.ben.block_bot()
    await house.hours(None)
    second = (await house.hours(None))[0]
    assert await house.rows(second) == {
        11: (DeliveryState.NOT_DUE, "unchanged since backup 1, which is there"),
        12: (DeliveryState.PARKED, "has blocked the bot, and must open it again and press Start"),
    }
    assert second.on_disk
    house.ben.unblock_bot()
    await house.courier.recipient_started(12, "Ben")
    await house.ben.wait_for(lambda m: m.document is not None, since=0)
    while await house.owes(house.ben):
        await asyncio.sleep(0.01)  # the chat has it before the ledger says so
    (third,) = await house.hours(None)
    assert (await house.rows(third))[12] == (DeliveryState.NOT_DUE, "unchanged since backup 2, which is there")
    assert not third.on_disk
    assert len(archives(house.ben)) == len(archives(house.ann)) == 1


async def test_an_archive_that_vanished_from_the_disk_is_made_up_for(make_house: MakeHouse) -> None:
    """Removed behind our back or deleted by an admin: the next run is stored and sent."""
    house = await make_house(WHEN_UNCHANGED="skip")
    (first,) = await house.hours(None)
    (house.folder / "backups" / first.archive_name).unlink()
    (second,) = await house.hours(None)
    assert house.on_disk() == [second.archive_name]
    assert len(archives(house.ann)) == 2


async def test_trouble_is_never_skipped(make_house: MakeHouse) -> None:
    """With a database missing nothing is unchanged: every run is sent, says so, and its alarm has sounded."""
    house = await make_house(WHEN_UNCHANGED="skip")
    await house.hours(None)
    house.shop.rename(house.folder / "elsewhere.db")
    await house.hours(None, None)
    assert len(archives(house.ann)) == 3
    assert all(" · incomplete" in message.text for message in archives(house.ann)[1:])
    assert len([m for m in texts(house.ann) if "🚨" in m.text and not m.silent]) == 1


async def test_a_manual_backup_comes_whatever_has_changed(make_house: MakeHouse) -> None:
    """Who asks gets the file; the other one's digest stays a digest."""
    house = await make_house(WHEN_UNCHANGED="skip", ben=MessageMode.DIGEST)
    await house.hours(None)
    asked = await house.run(Trigger.BUTTON, asked_in=11)
    assert (await house.rows(asked))[11][0] is DeliveryState.SENT
    assert (await house.rows(asked))[12][0] is DeliveryState.NOT_DUE
    assert asked.on_disk


async def test_a_digest_tells_of_the_quiet_hours_too(make_house: MakeHouse) -> None:
    """With a digest the unchanged runs are its lines, and no second message."""
    house = await make_house(WHEN_UNCHANGED="note", ann=MessageMode.DIGEST, ben=MessageMode.DIGEST)
    await house.hours(None, None)
    (digest,) = texts(house.ann)
    assert "07:00 🟰 unchanged since backup 1" in digest.text
    assert len(archives(house.ann)) == len(archives(house.ben)) == 1


@pytest.mark.parametrize("setting", ["send", "skip"])
async def test_a_run_of_another_process_decides_by_the_same_choices(make_house: MakeHouse, setting: str) -> None:
    """`sqlite-courier backup` beside the service owes only what is due."""
    house = await make_house(WHEN_UNCHANGED=setting, ben=MessageMode.TROUBLE)
    await house.hours(house.users)
    house.change(house.users)
    async with open_courier(house.courier.settings, deliver=False, clock=house.clock) as other:
        made = (await other.runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.COMMAND_LINE)).backup
    assert {chat: state for chat, (state, _) in (await house.rows(made)).items()} == {
        11: DeliveryState.PENDING,
        12: DeliveryState.NOT_DUE,
    }


async def test_nobody_reachable_but_who_wants_trouble_only(make_house: MakeHouse) -> None:
    """The run in which Ann turns out to have blocked the bot brings its archive to Ben."""
    house = await make_house(ben=MessageMode.TROUBLE)
    await house.hours(house.users)
    house.ann.block_bot()
    (second,) = await house.hours(house.users)
    states = {chat: state for chat, (state, _) in (await house.rows(second)).items()}
    assert states == {11: DeliveryState.PARKED, 12: DeliveryState.SENT}
    assert archives(house.ben)[-1].silent
