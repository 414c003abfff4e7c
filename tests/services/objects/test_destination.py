"""What an object store keeps: only ours is replaced or dropped, and never the last good one."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.models import OTHER, Backup, Cause, Reason, Recipient, because
from bot.services.contracts.destination import OutgoingVolume, Parked
from bot.services.drill.drill import Drills
from bot.services.files.store import Store
from bot.services.objects.archives import DAMAGED_NAME
from bot.services.objects.destination import ObjectDestination
from bot.services.objects.index import INDEX_NAME, IndexUnreadableError, read_index, write_index
from bot.services.retention.inventory import archive_warnings
from bot.words.warnings import warning_words
from tests.world.catalogue import run_sql
from tests.world.delivery import House
from tests.world.places import BUCKET, URL, object_destination, s3_client

PREFIX = URL.removeprefix(f"s3://{BUCKET}/") + "/"
STORE = Recipient(place=URL)


def keys(s3: str) -> set[str]:
    found = s3_client(s3).list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {one["Key"].removeprefix(PREFIX) for one in found}


def make(house: House, s3: str, **limits: Any) -> ObjectDestination:
    return object_destination(house.catalogue, s3, clock=house.time, **limits)


async def put_new(house: House, destination: ObjectDestination, **more: Any) -> Backup:
    backup = await house.back_up(1000, **more)
    await put(house, destination, backup)
    return backup


async def put(house: House, destination: ObjectDestination, backup: Backup) -> None:
    (volume,) = destination.cut(STORE, house.archive(backup), backup.archive_bytes)
    await destination.send_volume(STORE, OutgoingVolume(volume=volume, caption="", silent=True))


async def test_tidying_that_fails_fails_no_delivery(house: House, s3: str, log_lines: list[str]) -> None:
    """What arrived has arrived: a catalogue that can't be read is a line in the log."""
    destination, backup = make(house, s3), await house.back_up(1000)
    run_sql(house.catalogue, "ALTER TABLE meta RENAME TO away")
    await put(house, destination, backup)
    run_sql(house.catalogue, "ALTER TABLE away RENAME TO meta")
    assert backup.archive_name in keys(s3)
    assert any("could not be tidied" in line for line in log_lines)


async def test_old_archives_go_and_the_last_good_one_of_a_database_stays(house: House, s3: str) -> None:
    """Age and count are obeyed but for the floors, and nothing goes that the index does not name."""
    client = s3_client(s3)
    for foreign in ("notes.txt", "database_backup_20200101_000000.zip"):
        client.put_object(Bucket=BUCKET, Key=PREFIX + foreign, Body=b"mine")
    destination = make(house, s3, max_count=2)
    only = await put_new(house, destination, databases=("shop.db", "once.db"))
    others = [await put_new(house, destination) for _ in range(4)]
    assert keys(s3) == {
        INDEX_NAME, "notes.txt", "database_backup_20200101_000000.zip", only.archive_name, others[-1].archive_name
    }  # fmt: skip
    index = await destination.archives.index()
    assert [held.archive for held in index.archives] == [only.archive_name, others[-1].archive_name]


async def test_a_pinned_backup_stays_in_the_store(house: House, s3: str) -> None:
    """A pin holds everywhere."""
    destination = make(house, s3, max_age=timedelta(hours=2))
    first = await house.back_up(1000)
    await house.catalogue.backups.set_pinned(first.id, True)
    await put(house, destination, first)
    for _ in range(4):
        await put_new(house, destination)
    assert first.archive_name in keys(s3)
    await house.catalogue.backups.set_pinned(first.id, False)
    await put_new(house, destination)
    assert first.archive_name not in keys(s3)


_CODES = {"gone": Cause.STORED_GONE, "cut": Cause.ARCHIVE_CUT, "damaged": Cause.VOLUME_OTHER}


@pytest.mark.parametrize("spoil", _CODES)
async def test_what_is_lost_in_the_store_keeps_nobody_else_from_being_kept(house: House, s3: str, spoil: str) -> None:
    """The newest archive of a database is lost there: the older one that holds it stays, and everybody is told."""
    client, destination = s3_client(s3), make(house, s3, max_count=2)
    first, second = [await put_new(house, destination, databases=("shop.db", "once.db")) for _ in range(2)]
    key = PREFIX + second.archive_name
    content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    if spoil == "gone":
        client.delete_object(Bucket=BUCKET, Key=key)
    elif spoil == "cut":
        client.put_object(Bucket=BUCKET, Key=key, Body=content[:500])
    else:
        client.put_object(Bucket=BUCKET, Key=key, Body=bytes([content[0] ^ 1]) + content[1:])
        drills = Drills(house.catalogue, Store(house.archive(second).parent), clock=house.time, patience=0)
        drill = await drills.drill_stored(destination.archives)
        assert not drill.ok
    for _ in range(2):
        await put_new(house, destination)
    assert first.archive_name in keys(s3)
    index = await destination.archives.index()
    assert [(held.archive, held.fault) for held in index.faulty] == [(second.archive_name, _CODES[spoil])]
    assert second.archive_name not in {point.archive for point in index.points}
    assert any(second.archive_name in warning_words(one) for one in await archive_warnings(house.catalogue))
    await put(house, destination, first)
    assert len((await destination.archives.index()).faulty) == 1
    if spoil == "gone":  # put there once more, it counts again
        await put(house, destination, second)
        assert not (await destination.archives.index()).faulty
        assert not await archive_warnings(house.catalogue)


async def test_what_is_there_already_is_not_sent_again(house: House, s3: str) -> None:
    """An answer that was lost costs no second upload."""
    destination = make(house, s3)
    backup = await put_new(house, destination)
    before = s3_client(s3).head_object(Bucket=BUCKET, Key=PREFIX + backup.archive_name)["ETag"]
    house.archive(backup).unlink()
    await put(house, destination, backup)
    assert s3_client(s3).head_object(Bucket=BUCKET, Key=PREFIX + backup.archive_name)["ETag"] == before


async def test_another_services_archive_is_not_replaced(house: House, s3: str) -> None:
    """Two services in one prefix: the second is told, and the first one's archive stays."""
    destination, backup = make(house, s3), await house.back_up(1000)
    s3_client(s3).put_object(Bucket=BUCKET, Key=PREFIX + backup.archive_name, Body=b"theirs")
    with pytest.raises(Parked, match="prefix of its own"):
        await put(house, destination, backup)
    body = s3_client(s3).get_object(Bucket=BUCKET, Key=PREFIX + backup.archive_name)["Body"]
    assert body.read() == b"theirs"


@pytest.mark.parametrize("content", [b"{", b"[]", json.dumps({"format": "x"}).encode(), b"\xff" * 100])
async def test_a_damaged_index_is_set_aside_and_costs_no_backup(house: House, s3: str, content: bytes) -> None:
    """The archive goes up, a new index is begun, the old one is kept, and what it named stays."""
    destination = make(house, s3, max_count=1)
    old, new = await house.back_up(1000), await house.back_up(1000)
    await put(house, destination, old)
    s3_client(s3).put_object(Bucket=BUCKET, Key=PREFIX + INDEX_NAME, Body=content)
    await put(house, destination, new)
    assert keys(s3) == {INDEX_NAME, DAMAGED_NAME, old.archive_name, new.archive_name}
    assert [held.archive for held in (await destination.archives.index()).archives] == [new.archive_name]


async def test_two_writers_lose_no_entry(house: House, s3: str) -> None:
    """The index is only replaced in the version that was read."""
    one, other = make(house, s3), make(house, s3)
    backups = [await house.back_up(1000) for _ in range(2)]
    await asyncio.gather(
        *(
            destination.archives.change(lambda index, backup=backup: index.adding(backup))
            for destination, backup in zip((one, other), backups, strict=True)
        )
    )
    assert {held.archive for held in (await one.archives.index()).archives} == {b.archive_name for b in backups}


async def test_a_large_archive_goes_in_parts_and_comes_back_whole(house: House, s3: str) -> None:
    """Several parts make one object, with the SHA-256 noted on it."""
    destination, backup = make(house, s3), await house.back_up(12_000_000)
    await put(house, destination, backup)
    found = s3_client(s3).get_object(Bucket=BUCKET, Key=PREFIX + backup.archive_name)
    assert found["Metadata"]["sha256"] == backup.archive_sha256
    assert found["ETag"].endswith('-3"')
    assert found["Body"].read() == house.archive(backup).read_bytes()


async def test_an_archive_altered_on_the_disk_is_not_left_in_the_store(house: House, s3: str) -> None:
    """What is not the proven archive any more is taken down again, and not called delivered."""
    destination, backup = make(house, s3), await house.back_up(1000)
    house.archive(backup).write_bytes(b"y" * 1000)
    with pytest.raises(Exception, match="not the one that was proven"):
        await put(house, destination, backup)
    assert backup.archive_name not in keys(s3)


def test_faults_are_read_as_any_version_wrote_them() -> None:
    """Sentences of earlier versions become codes; what is none of ours is kept whole, within bounds."""
    entry = {
        "number": 1, "at": "2025-03-01T12:00:00Z", "archive": "database_backup_20250301_120000.zip", "bytes": 10,
        "sha256": "ab", "databases": [],
    }  # fmt: skip

    def read(**fault: object) -> Reason:
        index = read_index(json.dumps({"archives": [entry | fault]}).encode())
        assert read_index(write_index(index)) == index
        return index.archives[0].why

    assert not read()
    assert read(fault="gone from the store, and not by us") == Reason(Cause.STORED_GONE)
    cut = because(Cause.ARCHIVE_CUT, bytes=1_234_567, written=10)
    assert read(fault="cut: it has 1,234,567 bytes and was written with 10") == cut
    assert read(fault=cut.code, fault_facts=[["bytes", 1_234_567], ["written", 10]]) == cut
    for words in ("a.zip is damaged: shop.db is cut off.", "a code of a later version"):
        assert read(fault=words) == Reason(OTHER, (("said", words),))
    for much in ({"fault": "x" * 3000}, {"fault": "other", "fault_facts": [["said", "x" * 3000]]}):
        with pytest.raises(IndexUnreadableError):
            read(**much)
