"""One flipped bit in a small database: no verdict that stock SQLite does not share, and no other database pays for it.

SOAK=1 takes every bit of the first page and thousands of the others; without it a draw of them, which SEED chooses.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import SnapshotError
from bot.models import CheckMethod, CheckReport, SkipReason, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.integrity import MAX_MESSAGES
from tests.world.backups import make_backup
from tests.world.snapshots import snap, sources

PAGE = 512
HEADER = 100
SOAK = "SOAK" in os.environ
SEED = int(os.environ.get("SEED", "1"))

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 shell gives the verdict to compare with"),
]

# What a whole copy of a file at rest may be refused for: all of it is an error for stock SQLite too.
REFUSALS = {SkipReason.DAMAGED, SkipReason.NOT_A_DATABASE, SkipReason.UNKNOWN_FORMAT}


def make_small(path: Path, rule: str = " CHECK (c >= 0)") -> bytes:
    """Make a database of some pages; without a `rule`, its check needs no process of its own."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(
            f"PRAGMA page_size=512; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL, c INTEGER{rule});"
            "CREATE INDEX i ON t(b); CREATE VIEW v AS SELECT a FROM t"
        )
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, f"row {n * 7919 % 101}", n) for n in range(60)])
    content = path.read_bytes()
    assert len(content) // PAGE > 5
    return content


def flipped(folder: Path, content: bytes, bits: Sequence[int]) -> list[Path]:
    folder.mkdir()
    paths = []
    for bit in bits:
        other = bytearray(content)
        other[bit // 8] ^= 1 << bit % 8
        paths.append(folder / f"bit{bit}.db")
        paths[-1].write_bytes(other)
        os.utime(paths[-1], (0, 0))  # a file at rest: nobody waits to see whether it is being written
    return paths


def stock_verdicts(paths: Sequence[Path], into: Path) -> list[list[str]]:
    """Return what the sqlite3 shell's integrity_check says of a private copy of each, in one shell for them all."""
    into.mkdir()
    copies = [Path(shutil.copy(path, into / path.name)) for path in paths]
    script = "".join(f".print @@\n.open '{copy}'\nPRAGMA integrity_check;\n" for copy in copies)
    done = subprocess.run(
        ["sqlite3", "-batch"],
        input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300,
    )  # fmt: skip
    _, *answers = done.stdout.decode("utf-8", "replace").split("@@\n")
    assert len(answers) == len(paths)
    return [[line for line in answer.splitlines() if not line.startswith("*** in database")] for answer in answers]


async def our_verdicts(paths: Sequence[Path], into: Path) -> list[CheckReport | SnapshotError]:
    at_once = asyncio.Semaphore(48)

    async def judge(path: Path) -> CheckReport | SnapshotError:
        async with at_once:
            try:
                snapshot = await snap(path, into)
            except SnapshotError as error:
                return error
            report = await check_snapshot(snapshot, CheckMethod.FULL, abort=Abort())
            if report.verdict is Verdict.OK:
                assert snapshot.file.read_bytes()[HEADER:] == path.read_bytes()[HEADER : snapshot.bytes]
            snapshot.file.unlink()
            return report

    return await asyncio.gather(*map(judge, paths))


def agrees(ours: CheckReport | SnapshotError, stock: list[str]) -> bool:
    """Tell whether we say what stock SQLite says; what could not be checked claims nothing."""
    if isinstance(ours, SnapshotError):
        return ours.reason in REFUSALS and stock != ["ok"]
    if ours.verdict is Verdict.UNCHECKED:
        return True
    if ours.verdict is Verdict.DAMAGED:
        return stock != ["ok"]
    return stock[:MAX_MESSAGES] == (list(ours.messages) or ["ok"])  # both name rows that break a rule


@pytest.mark.parametrize("where", ["header", "first page", "other pages"])
async def test_every_verdict_agrees_with_stock_sqlite(where: str, tmp_path: Path) -> None:
    """Through snapshot and check, whichever bit is wrong: damaged is what SQLite calls so, and sound as well."""
    content = make_small(tmp_path / "small.db")
    bits = {
        "header": range(HEADER * 8),
        "first page": range(HEADER * 8, PAGE * 8),
        "other pages": range(PAGE * 8, len(content) * 8),
    }[where]
    most = 5000 if SOAK else 120
    drawn = bits if len(bits) <= most else random.Random(SEED).sample(bits, most)
    await compare_with_stock(content, drawn, tmp_path)


@pytest.mark.parametrize("quarter", range(4))
async def test_every_bit_of_the_first_page_agrees_with_stock_sqlite(quarter: int, tmp_path: Path) -> None:
    """All of them, always: the header and the schema decide whether anything can be read at all."""
    content = make_small(tmp_path / "small.db", rule="")
    await compare_with_stock(content, range(quarter * PAGE * 2, (quarter + 1) * PAGE * 2), tmp_path)


async def compare_with_stock(content: bytes, bits: Sequence[int], tmp_path: Path) -> None:
    """Flip each of these bits in a file of its own, and compare our verdict on it with that of stock SQLite."""
    paths = flipped(tmp_path / "flipped", content, bits)
    stock = await asyncio.to_thread(stock_verdicts, paths, tmp_path / "stock")
    ours = await our_verdicts(paths, tmp_path / "ours")
    wrong = [
        (path.name, said, known)
        for path, said, known in zip(paths, ours, stock, strict=True)
        if not agrees(said, known)
    ]
    assert wrong == []
    assert any(isinstance(said, CheckReport) and said.verdict is Verdict.OK for said in ours)


async def test_a_flipped_bit_costs_no_other_database(tmp_path: Path) -> None:
    """Beside many that have one, through a whole run: the healthy one goes out as it is, and every other is told of."""
    content = make_small(tmp_path / "healthy.db")
    chance = random.Random(SEED)
    bits = chance.sample(range(PAGE * 8), 200 if SOAK else 25) + chance.sample(range(PAGE * 8, len(content) * 8), 10)
    paths = [tmp_path / "healthy.db", *flipped(tmp_path / "flipped", content, bits)]
    target = tmp_path / "database_backup_20260713_120000.zip"
    archive, manifest = await make_backup(target, sources(*paths), tmp_path / "work")
    names = {entry.name for entry in manifest.databases}
    assert names | {skip.name for skip in manifest.skipped} == {path.name for path in paths}
    assert {skip.reason for skip in manifest.skipped} <= REFUSALS
    assert manifest.databases[0].verdict is Verdict.OK
    with zipfile.ZipFile(archive.path) as opened:
        assert opened.read("healthy.db")[HEADER:] == content[HEADER:]
