"""Whether two copies hold the same, page by page."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.services.restore.private_copy import fingerprint_of, same_content


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_the_same_content_is_told_as_the_fingerprint_tells_it(tmp_path: Path, page_size: int) -> None:
    """What SQLite writes into its header for itself is no difference; any other bit is, in the last page too."""
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    with closing(sqlite3.connect(one)) as connection, connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("CREATE TABLE filler (text)")
        connection.executemany("INSERT INTO filler VALUES (?)", ((f"{n}" * 300,) for n in range(2000)))
    with closing(sqlite3.connect(one)) as source, closing(sqlite3.connect(other)) as target:
        target.execute(f"PRAGMA page_size = {page_size}")
        source.backup(target)
    data = bytearray(other.read_bytes())
    data[27] ^= 1  # the change counter
    other.write_bytes(data)
    assert same_content(one, other)
    assert fingerprint_of(one) == fingerprint_of(other)
    for at in (60, 1 << 20 | 5, len(data) - 1):
        changed = bytearray(data)
        changed[at % len(data)] ^= 1
        other.write_bytes(changed)
        assert not same_content(one, other)
        assert fingerprint_of(one) != fingerprint_of(other)
    other.write_bytes(data + bytes(page_size))
    assert not same_content(one, other)
