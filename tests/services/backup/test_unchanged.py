"""What has not changed by a byte is not checked and deflated again; what has, or is in doubt, goes the full way."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ArchiveError
from bot.models import CheckMethod, Verdict
from bot.services.archive.proof import ArchiveProof
from bot.services.archive.unsealing import verify_any
from bot.services.retention.inventory import record_fault
from bot.services.sealing.keys import Keys
from tests.world.catalogue import run_sql
from tests.world.databases import change, make_database
from tests.world.hours import Hours, deflated, of


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(tmp_path, monkeypatch)


async def test_only_what_changed_is_checked(house: Hours) -> None:
    """The other one has the bytes and the check of the first hour, and says so, also in the third."""
    first, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    change(house.x, "UPDATE entries SET text = 'new' WHERE id = 7")
    second, checked = await house.hour()
    assert checked == ["x.db"]
    third, checked = await house.hour()
    assert checked == []
    assert of(second).checked_at is None
    assert of(third).checked_at == of(second).taken_at
    assert of(third, "y.db").checked_at == of(second, "y.db").checked_at == of(first, "y.db").taken_at
    assert of(third, "y.db").rows == of(first, "y.db").rows
    assert of(third, "y.db").taken_at > of(second, "y.db").taken_at
    assert deflated(house, third, "y.db") == deflated(house, second, "y.db")
    with zipfile.ZipFile(house.archive(third)) as archive:
        info = archive.read("backup_info.txt").decode("utf-8-sig")
    assert "checked 2026-07-13 15:00:00 (Europe/Berlin); not a byte has changed since" in info


async def test_each_is_checked_once_a_day(house: Hours) -> None:
    """By the clock of the service, and a day after the last check, not after the last backup."""
    await house.hour()
    for day in range(2):
        assert (await house.hour())[1] == []
        house.now += timedelta(hours=22, seconds=-1)
        assert (await house.hour())[1] == ["x.db", "y.db"], day
    house.now -= timedelta(days=3)  # a clock that went wrong proves nothing
    assert (await house.hour())[1] == ["x.db", "y.db"]


@pytest.mark.parametrize("setting", ["CHECK=quick", "CHECK=full,always", "COMPRESSION=small"])
async def test_another_setting_asks_for_the_full_way(house: Hours, setting: str) -> None:
    """What was checked or compressed in another way than is wanted now does not count."""
    await house.hour()
    with house.env.open("a") as env:
        env.write(f"{setting}\n")
    backup, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert of(backup).method is (CheckMethod.QUICK if "quick" in setting else CheckMethod.FULL)


@pytest.mark.parametrize(
    "doubt",
    [
        "verdict = 'could not check'",
        "verdict = 'damaged'",
        "sqlite_version = '3.7.0'",
        "sha256 = 'ab'",
        "bytes = bytes + 1",
        "compressed_bytes = compressed_bytes - 1",
        "compression = NULL",
        "warnings = '[[\"too many tables\"]]'",
    ],
)
async def test_what_is_in_doubt_is_checked(house: Hours, doubt: str) -> None:
    """No other verdict than OK is taken over, nor what another SQLite found, nor what differs in anything."""
    await house.hour()
    async with house.courier() as courier:
        run_sql(courier.catalogue, f"UPDATE backed_up SET {doubt} WHERE name = 'x.db'")
    backup, checked = await house.hour()
    assert checked == ["x.db"]
    assert (of(backup).verdict, of(backup).checked_at) == (Verdict.OK, None)


async def test_the_bytes_count_and_not_the_times(house: Hours) -> None:
    """A file written back with its old size, header and times has changed; one that was only touched has not."""
    await house.hour()
    house.y.touch()
    assert (await house.hour())[1] == []
    before = house.y.stat()
    content = bytearray(house.y.read_bytes())
    at = content.rindex(b"row 7")
    content[at : at + 5] = b"ROW 7"
    with house.y.open("r+b") as file:
        file.write(content)
    os.utime(house.y, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await house.hour())[1] == ["y.db"]


async def test_a_database_under_another_name_is_the_same(house: Hours) -> None:
    """In the archive it may be called otherwise now; where it lies is what it is."""
    await house.hour()
    twin = make_database(house.x.parent / "other" / "x.db", 70)
    async with house.courier() as courier:
        run_sql(courier.catalogue, "UPDATE database_names SET name = 'renamed.db' WHERE path = ?", str(house.x))
    house.env.write_text(house.env.read_text().replace("DATABASES=", f"DATABASES='{twin}',"))
    backup, checked = await house.hour()
    assert checked == ["x.db"]
    assert of(backup, "renamed.db").checked_at is not None
    assert of(backup, "x.db").path == str(twin)


async def test_each_database_has_its_own_newest_archive(house: Hours) -> None:
    """One that was missing for an hour is taken over from the archive before."""
    first, _ = await house.hour()
    aside = house.y.rename(house.y.with_suffix(".aside"))
    assert [one.name for one in (await house.back_up()).databases] == ["x.db"]
    aside.rename(house.y)
    third, checked = await house.hour()
    assert checked == []
    assert [one.checked_at for one in third.databases] == [one.taken_at for one in first.databases]


async def test_what_was_inflated_today_is_known_again_by_its_checksum(house: Hours) -> None:
    """The proof of the first hour inflates; the next ones compare the deflated bytes; after a day it inflates."""
    first, _ = await house.hour()
    assert all(map(house.was_inflated, first.databases))
    bytes_of_then = deflated(house, first)
    for _ in range(2):
        later, _ = await house.hour()
        assert not any(map(house.was_inflated, later.databases))
        assert deflated(house, later) == bytes_of_then
    change(house.x, "UPDATE entries SET text = 'new' WHERE id = 7")
    changed, _ = await house.hour()
    assert [house.was_inflated(of(changed, name)) for name in ("x.db", "y.db")] == [True, False]
    house.now += timedelta(hours=22)
    later, _ = await house.hour()
    assert [house.was_inflated(of(later, name)) for name in ("x.db", "y.db")] == [False, True]


@pytest.mark.parametrize(
    "forgotten", ["DELETE FROM deflated", "UPDATE deflated SET sha256 = 'ab'", "UPDATE deflated SET crc32 = 1"]
)
async def test_what_is_not_known_is_inflated(house: Hours, forgotten: str) -> None:
    """Where the catalogue knows nothing of the deflated bytes, or of others, the proof inflates them, and it knows."""
    await house.hour()
    async with house.courier() as courier:
        run_sql(courier.catalogue, forgotten)
    for inflated in (True, False):
        backup, checked = await house.hour()
        assert checked == []
        assert [house.was_inflated(one) for one in backup.databases] == [inflated, inflated]


async def test_a_rebuilt_catalogue_knows_nothing_of_deflated_bytes(house: Hours) -> None:
    """What the manifests tell is enough to take over the bytes, and not to pass over inflating them."""
    await house.hour()
    for file in house.store.glob("catalogue.db*"):
        file.unlink()
    backup, checked = await house.hour()
    assert checked == []
    assert all(map(house.was_inflated, backup.databases))


async def test_a_wrong_memory_costs_the_full_way_and_nothing_else(house: Hours, log_lines: list[str]) -> None:
    """Where the bytes are not those that are remembered, all is made anew; the old archive is as it was, and sound."""
    first, _ = await house.hour()
    async with house.courier() as courier:
        run_sql(courier.catalogue, "UPDATE deflated SET deflated_crc32 = 1 WHERE path LIKE '%x.db'")
    second, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert all(map(house.was_inflated, second.databases))
    assert not (await house.backup(first.id)).damaged
    assert any(line.startswith("ERROR") and "can't be taken over" in line for line in log_lines)
    assert (await house.hour())[1] == []


async def test_a_directory_that_rotted_is_not_passed_on(house: Hours) -> None:
    """The CRC of a member stands in the directory alone, which no checksum of deflated bytes holds."""
    first, _ = await house.hour()
    crc32 = zipfile.ZipFile(house.archive(first)).getinfo("x.db").CRC.to_bytes(4, "little")
    house.spoil(first, house.archive(first).read_bytes().rindex(crc32))
    _second, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert (await house.backup(first.id)).damaged


def remove(archive: Path) -> None:
    archive.unlink()


def cut(archive: Path) -> None:
    with archive.open("r+b") as file:
        file.truncate(archive.stat().st_size - 30)


def replace_by_another(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("x.db", b"nothing of the kind")


@pytest.mark.parametrize("spoil", [remove, cut, replace_by_another])
async def test_an_archive_that_is_spoiled_has_nothing_to_offer(house: Hours, spoil: Callable[[Path], None]) -> None:
    """Also where it was spoiled in the middle of the run, after the last look at the disk."""
    first, _ = await house.hour()
    async with house.courier() as courier:
        spoil(house.archive(first))
        house.now += timedelta(hours=1)
        result = await courier.runs.back_up(trigger=first.trigger, requested_by="a test")
    assert [one.checked_at for one in result.backup.databases] == [None, None]
    assert house.checked.count("x.db") == 2


@pytest.mark.parametrize("place", ["begins", "ends"])
async def test_rot_is_not_passed_on(house: Hours, place: str, log_lines: list[str]) -> None:
    """A bit that flipped in the old archive is found by the proof of the new one, which is then made the full way."""
    change(house.x, *("INSERT INTO entries (text) VALUES (hex(randomblob(300)))" for _ in range(300)))
    first, _ = await house.hour()
    member = deflated(house, first)
    at = house.archive(first).read_bytes().index(member)
    house.spoil(first, at + (2000 if place == "begins" else len(member) - 2000))
    second, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert [one.checked_at for one in second.databases] == [None, None]
    assert of(second).sha256 == of(first).sha256
    assert (await house.backup(first.id)).damaged
    assert any(line.startswith("ERROR") and "can't be taken over" in line for line in log_lines)
    assert not list(house.store.glob("*.part"))


async def test_what_is_known_to_be_damaged_is_not_tried(house: Hours, log_lines: list[str]) -> None:
    """The archive before it is asked, which holds the same."""
    await house.hour()
    second, _ = await house.hour()
    member = deflated(house, second)
    house.spoil(second, house.archive(second).read_bytes().index(member) + len(member) // 2)
    async with house.courier() as courier:
        await record_fault(courier.store, courier.catalogue, second)
    _, checked = await house.hour()
    assert checked == []
    assert not any("can't be taken over" in line for line in log_lines)


@pytest.mark.parametrize("held", [True, False])
async def test_sealed_archives_are_taken_over_where_their_key_is(house: Hours, held: bool) -> None:
    """Nothing unsealed is kept for it; without the secret key here all goes the full way, and nothing is amiss."""
    secret = house.seal(held=held)
    backups = [await house.back_up() for _ in range(2)]
    change(house.x, "UPDATE entries SET text = 'new' WHERE id = 7")
    backups.append(await house.back_up())
    assert [[one.checked_at is not None for one in backup.databases] for backup in backups] == [
        [False, False],
        [held, held],
        [False, held],
    ]
    for backup in backups[1:]:
        archive, manifest = await verify_any(house.archive(backup), house.store, Keys(identities=(secret,)))
        assert archive.sha256 == backup.archive_sha256
        assert manifest.databases == backup.databases


async def test_a_failing_disk_fails_as_ever(house: Hours, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the full way can't be proven either, there is no backup, and no archive is left."""
    first, _ = await house.hour()

    def conclude(*_: object) -> None:
        raise ArchiveError("not proven here")

    monkeypatch.setattr(ArchiveProof, "conclude", conclude)
    house.checked.clear()
    with pytest.raises(ArchiveError, match="not proven here"):
        await house.back_up()
    assert sorted(house.checked) == ["x.db", "y.db"]
    assert [file.name for file in house.store.glob("*.zip*")] == [first.archive_name]
