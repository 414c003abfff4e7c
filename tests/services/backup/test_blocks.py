"""Of a database that has changed, blocks that have not are copied from the newest archive, and proven as all else."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.models import Backup
from bot.services.archive.unsealing import verify_any
from bot.services.backup.earlier import Comparison, Earlier
from bot.services.sealing.keys import Keys
from bot.services.zip.deflated import BLOCK
from bot.services.zip.source import WINDOW
from tests.world.catalogue import run_sql
from tests.world.databases import change, make_database
from tests.world.hours import Hours, content_in, deflated, of

ROWS = 1000
HEADER = 100  # bytes, in which a copy by SQLite counts its changes itself
BYTES = 4000  # of each row, on a page of its own, half of them random


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hours:
    """With eight blocks in `x.db`, in the order of its rows."""
    house = Hours(tmp_path, monkeypatch)
    house.x.unlink()
    make_database(house.x, 0, wal=False)
    with closing(sqlite3.connect(house.x)) as connection, connection:
        connection.executemany("INSERT INTO entries (text) VALUES (?)", ((row(),) for _ in range(ROWS)))
    return house


def row() -> str:
    with closing(sqlite3.connect(":memory:")) as connection:
        (text,) = connection.execute(
            "SELECT hex(randomblob(?)) || hex(zeroblob(?))", (BYTES // 4, BYTES // 4)
        ).fetchone()
    return str(text)


def holds(house: Hours, backup: Backup, name: str = "x.db") -> bool:
    """Tell whether the archive has each byte that the database has now."""
    live = house.x.with_name(name).read_bytes()
    return content_in(house, backup, name)[HEADER:] == live[HEADER:]


def same_blocks(before: bytes, now: bytes) -> list[int]:
    """The blocks that are where they were, with what primes them."""
    found = []
    for number in range(-(-len(now) // BLOCK)):
        start, end = number * BLOCK, (number + 1) * BLOCK
        one, other = (content[max(0, start - WINDOW) : end] for content in (before, now))
        if one == other:
            found.append(number)
    return found


def rewrite(*rows: int) -> Callable[[Path], None]:
    """Write some rows anew, where they are."""

    def act(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany("UPDATE entries SET text = ? WHERE id = ?", [(row(), number) for number in rows])

    return act


def grow(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO entries (text) VALUES (?)", ((row(),) for _ in range(200)))


def shrink(path: Path) -> None:
    change(path, "DELETE FROM entries WHERE id > 700")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")


def vacuum(path: Path) -> None:
    change(path, "DELETE FROM entries WHERE id = 400")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")


def replace(path: Path) -> None:
    path.unlink()
    make_database(path, 40, wal=False)


@pytest.mark.parametrize(
    ("act", "at_least"),
    [
        (rewrite(1), 5),
        (rewrite(500), 4),
        (rewrite(ROWS), 5),
        (rewrite(*range(1, ROWS, 20)), 0),
        (grow, 5),
        (shrink, 3),
        (vacuum, 1),
        (replace, 0),
    ],
    ids=["beginning", "middle", "end", "everywhere", "growth", "shrink", "vacuum", "another"],
)
async def test_blocks_that_are_the_same_are_copied(house: Hours, act: Callable[[Path], None], at_least: int) -> None:
    """Those and no others, and the archive holds what the database holds now; it is checked anew and inflated whole."""
    first, _ = await house.hour()
    assert house.copied == []
    act(house.x)
    second, checked = await house.hour()
    before, now = content_in(house, first), content_in(house, second)
    assert house.copied == same_blocks(before, now)
    assert len(house.copied) >= at_least
    assert checked == ["x.db"]
    assert house.was_inflated(of(second))
    assert now[HEADER:] == house.x.read_bytes()[HEADER:]
    for tool in (["unzip", "-tq"], ["7z", "t"]):
        if shutil.which(tool[0]):
            subprocess.run([*tool, house.archive(second)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    third, checked = await house.hour()
    assert (checked, deflated(house, third)) == ([], deflated(house, second))


async def test_blocks_go_from_hour_to_hour(house: Hours) -> None:
    """What was copied once is copied again; so is what is checked anew after a day, which is inflated for it."""
    await house.hour()
    for number in (200, 800):
        rewrite(number)(house.x)
        backup, _ = await house.hour()
        assert len(house.copied) >= 4
        assert holds(house, backup)
    before = deflated(house, backup)
    house.now += timedelta(days=1)
    backup, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert all(map(house.was_inflated, backup.databases))
    assert deflated(house, backup) == before
    assert len(house.copied) == -(-of(backup).bytes // BLOCK) + 1  # and the one of y.db


async def test_several_that_changed(house: Hours) -> None:
    """Each has blocks of its own, and none of another."""
    shutil.copy(house.x, house.y)
    await house.hour()
    rewrite(100)(house.x)
    rewrite(900)(house.y)
    backup, checked = await house.hour()
    assert checked == ["x.db", "y.db"]
    assert len(house.copied) >= 9
    assert holds(house, backup)
    assert holds(house, backup, "y.db")


def collide(content: bytes, at: int) -> bytes:
    """Change five bytes from there on so that every CRC-32 over them is as it was."""

    def crc_of(difference: int) -> int:
        spoiled = bytearray(9)
        spoiled[0], spoiled[1:5] = 0x55, difference.to_bytes(4, "little")
        return zlib.crc32(bytes(spoiled)) ^ zlib.crc32(bytes(9))

    # CRC is linear: what each bit changes adds up, so that 32 bits can be chosen to undo any change.
    wanted = crc_of(0)
    pivots: dict[int, tuple[int, int]] = {}
    for bit in range(32):
        effect, bits = crc_of(1 << bit) ^ wanted, 1 << bit
        while effect:
            high = effect.bit_length()
            if high not in pivots:
                pivots[high] = (effect, bits)
                break
            effect, bits = effect ^ pivots[high][0], bits ^ pivots[high][1]
    chosen = 0
    while wanted:
        effect, bits = pivots[wanted.bit_length()]
        wanted, chosen = wanted ^ effect, chosen ^ bits
    spoiled = bytearray(content)
    spoiled[at] ^= 0x55
    for number, byte in enumerate(chosen.to_bytes(4, "little"), start=1):
        spoiled[at + number] ^= byte
    return bytes(spoiled)


async def test_blocks_that_only_seem_the_same(house: Hours, log_lines: list[str]) -> None:
    """Where a block has changed and its CRC has not, the proof finds it, and the run goes the full way."""
    first, _ = await house.hour()
    before = house.x.read_bytes()
    now = collide(before, before.index(b"0" * 100, 3 * BLOCK + 2 * WINDOW))
    number = next(at for at, (one, other) in enumerate(zip(before, now, strict=True)) if one != other) // BLOCK
    assert before != now
    one, other = (content[number * BLOCK :][:BLOCK] for content in (before, now))
    assert (zlib.crc32(one), len(one)) == (zlib.crc32(other), len(other))
    house.x.write_bytes(now)
    change(house.y, "UPDATE entries SET text = 'new' WHERE id = 7")
    second, checked = await house.hour()
    assert number in house.copied
    assert checked == ["x.db", "y.db"]
    assert content_in(house, second)[HEADER:] == now[HEADER:]
    assert any(line.startswith("ERROR") and "can't be taken over" in line for line in log_lines)
    assert not (await house.backup(first.id)).damaged
    rewrite(100)(house.x)
    third, _ = await house.hour()
    assert number in house.copied
    assert holds(house, third)


def remove(house: Hours, archive: Path) -> None:
    archive.unlink()


def truncate(house: Hours, archive: Path) -> None:
    with archive.open("r+b") as file:
        file.truncate(archive.stat().st_size // 2)


def rot(house: Hours, archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 4
    archive.write_bytes(content)


@pytest.mark.parametrize("spoil", [remove, truncate, rot])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("beside", ["the same", "changed"])
async def test_a_spoiled_archive_costs_the_full_way_and_nothing_else(
    house: Hours, spoil: Callable[[Hours, Path], None], when: str, beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the run, or between its looking for blocks and copying them, also the first of all that it copies."""
    first, _ = await house.hour()
    rewrite(100)(house.x)
    if beside == "changed":
        change(house.y, "UPDATE entries SET text = 'new' WHERE id = 7")
    look = Comparison.earlier

    async def looked(self: Comparison, *arguments: Any, **more: Any) -> Mapping[str, Earlier]:
        if when == "before":
            spoil(house, house.archive(first))
        found = await look(self, *arguments, **more)
        if when == "meanwhile":
            assert [one.same for one in found.values()] == [False, beside == "the same"]
            spoil(house, house.archive(first))
        return found

    monkeypatch.setattr(Comparison, "earlier", looked)
    second, checked = await house.hour()
    assert "x.db" in checked
    assert holds(house, second)
    assert not list(house.store.glob("*.part"))
    old = await house.backup(first.id)
    assert old.damaged or not old.on_disk


@pytest.mark.parametrize("held", [True, False])
async def test_blocks_of_sealed_archives_are_copied_where_their_key_is(house: Hours, held: bool) -> None:
    """Without the secret key here all is deflated, and nothing is amiss."""
    secret = house.seal(held=held)
    await house.back_up()
    rewrite(500)(house.x)
    backup = await house.back_up()
    assert (len(house.copied) >= 4) is held
    _archive, manifest = await verify_any(house.archive(backup), house.store, Keys(identities=(secret,)))
    assert manifest.databases == backup.databases


@pytest.mark.parametrize("place", [0.2, 0.5])
async def test_a_sealed_archive_that_rots_costs_the_full_way_and_nothing_else(house: Hours, place: float) -> None:
    """What is sealed can't be read at all where a bit of it is another, so no block comes out of it."""
    secret = house.seal()
    first = await house.back_up()
    house.spoil(first, int(first.archive_bytes * place))
    rewrite(1)(house.x)
    change(house.y, "UPDATE entries SET text = 'new' WHERE id = 7")
    second = await house.back_up()
    _archive, manifest = await verify_any(house.archive(second), house.store, Keys(identities=(secret,)))
    assert manifest.databases == second.databases
    assert [one.name for one in second.databases] == ["x.db", "y.db"]
    assert (await house.backup(first.id)).damaged


async def no_more(house: Hours, _first: Backup) -> None:
    with house.env.open("a") as env:
        env.write("COMPRESSION=fast\n")


async def rebuilt(house: Hours, _first: Backup) -> None:
    for file in house.store.glob("catalogue.db*"):
        file.unlink()


async def forgotten(house: Hours, _first: Backup) -> None:
    async with house.courier() as courier:
        run_sql(courier.catalogue, "UPDATE deflated SET blocks = substr(blocks, 1, length(blocks) - 12)")


async def of_another_size(house: Hours, _first: Backup) -> None:
    async with house.courier() as courier:
        run_sql(courier.catalogue, "UPDATE deflated SET block_bytes = 4096")


@pytest.mark.parametrize("doubt", [no_more, rebuilt, forgotten, of_another_size])
async def test_what_is_in_doubt_is_deflated(house: Hours, doubt: Callable[..., Any]) -> None:
    """Another compression is wanted now, or what is known of the blocks does not make up the whole."""
    first, _ = await house.hour()
    await doubt(house, first)
    rewrite(500)(house.x)
    second, _ = await house.hour()
    assert house.copied == []
    assert holds(house, second)
    rewrite(100)(house.x)
    await house.hour()
    assert len(house.copied) >= 4


async def test_wrong_lengths_cost_the_full_way_and_nothing_else(house: Hours) -> None:
    """What is remembered of blocks is proven as all else."""
    await house.hour()
    async with house.courier() as courier:
        ((blocks,),) = run_sql(courier.catalogue, "SELECT blocks FROM deflated WHERE path = ?", str(house.x))
        wrong = bytearray(blocks)
        wrong[12 + 8] ^= 1  # the lengths of two blocks, of which the sum stays what it is
        wrong[24 + 8] = wrong[24 + 8] + 1 if wrong[12 + 8] < blocks[12 + 8] else wrong[24 + 8] - 1
        run_sql(courier.catalogue, "UPDATE deflated SET blocks = ? WHERE path = ?", bytes(wrong), str(house.x))
    rewrite(190)(house.x)  # in the first of the two
    second, checked = await house.hour()
    assert 2 in house.copied
    assert checked == ["x.db", "y.db"]
    assert holds(house, second)


async def test_what_is_known_outlives_an_archive_that_nobody_needed(house: Hours) -> None:
    """Of an hour without change whose archive was taken back, the one before has the same bytes."""
    with house.env.open("a") as env:
        env.write("WHEN_UNCHANGED=skip\n")
    first = await house.back_up()
    run = await house.back_up()
    rewrite(500)(house.x)
    second, _ = await house.hour()
    assert len(house.copied) >= 4
    assert holds(house, second)
    assert first.id != run.id
