"""What is known of the deflated bytes of databases: a row for each, replaced by each run, gone with its archives."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.models import Block, Deflated
from bot.services.catalogue import Catalogue, schema
from bot.services.catalogue.schema_taken_over import DEFLATED_BYTES, DEFLATED_CRC32
from tests.world.catalogue import NOW, backed_up, run_sql, stored

BLOCKS = (Block(1, 2, 3), Block(0xFFFFFFFF, 0, 1 << 20))
FOUND = Deflated(sha256="ab" * 32, crc32=0xFFFFFFFE, deflated_crc32=0xFFFFFFFD, blocks=BLOCKS)


async def test_what_was_found_is_returned_by_path(catalogue: Catalogue) -> None:
    """The newest of each database alone; of blocks of another size than ours nothing is known."""
    await stored(catalogue, NOW, "a.db", "b.db")
    a, b = backed_up("a.db").path, backed_up("b.db").path
    await catalogue.deflated.remember({a: Deflated(sha256="", crc32=0, deflated_crc32=0), b: FOUND})
    await catalogue.deflated.remember({a: FOUND})
    assert await catalogue.deflated.of({a, b, "/srv/other.db"}) == {a: FOUND, b: FOUND}
    run_sql(catalogue, "UPDATE deflated SET block_bytes = 4096")
    assert [one.blocks for one in (await catalogue.deflated.of({a})).values()] == [()]


async def test_it_is_forgotten_with_the_last_archive_of_a_database(catalogue: Catalogue) -> None:
    """What no archive on the disk holds can't be taken over from one."""
    first = await stored(catalogue, NOW, "a.db", "b.db")
    a, b = backed_up("a.db").path, backed_up("b.db").path
    await catalogue.deflated.remember({a: FOUND, b: FOUND})
    await stored(catalogue, NOW.replace(hour=13), "a.db")
    await catalogue.backups.mark_deleted(first.id)
    await catalogue.deflated.remember({a: FOUND})
    assert await catalogue.deflated.of({a, b}) == {a: FOUND}


@pytest.mark.parametrize("step", [DEFLATED_BYTES, DEFLATED_CRC32])
async def test_an_earlier_version_knew_nothing_of_deflated_bytes(path: Path, step: tuple[str, ...]) -> None:
    """Or knew them by another checksum. Its catalogue gets the table, empty, and keeps all that it has."""
    version = schema.STEPS.index(step)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (sql for one in schema.STEPS[:version] for sql in one):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(
            "INSERT INTO backups (started_at, trigger, requested_by, state)"
            " VALUES ('2026-01-01T00:00:00.000000+00:00', 'schedule', '', 'stored')"
        )
    async with await Catalogue.open(path, clock=lambda: NOW) as catalogue:
        assert await catalogue.backups.count() == 1
        assert await catalogue.deflated.of({"/srv/shop.db"}) == {}
        await stored(catalogue)
        await catalogue.deflated.remember({backed_up().path: FOUND})
        assert await catalogue.deflated.of({backed_up().path}) == {backed_up().path: FOUND}
