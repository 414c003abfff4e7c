"""What a schema says may ask for years or for all memory: its check ends all the same, and so does the process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import AbortedError
from bot.models import CheckReport, Reason, UncheckedCode, Verdict, because
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check_process import CheckProcess, StoppedShortError, limits_for
from bot.services.snapshot.integrity import evaluates
from bot.services.snapshot.source import uri_of
from tests.world.hostile import LARGE, PLACES, SLOW, UNSTOPPABLE, examiners, hostile_database, is_deep_in
from tests.world.snapshots import NUMBERS, ROOT, build, checked, flip, posix, schema

if sys.platform != "win32":
    import resource

SHORT = replace(limits_for(1 << 14), processor_seconds=1, seconds=8)


async def check(file: Path, *, foreign: bool = False) -> CheckReport:
    return await checked(file, foreign=foreign, limits=SHORT)


async def seen(condition: Callable[[], object]) -> None:
    """Wait until it is so; the test's own limit is the only one."""
    while not condition():
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("place", PLACES)
async def test_no_expression_takes_more_than_its_time(place: str, foreign: bool, tmp_path: Path) -> None:
    """Of a source the reason is said, and its rows are counted; of what strangers bring no constraint is evaluated."""
    report = await check(hostile_database(tmp_path / "slow.db", place, SLOW), foreign=foreign)
    if foreign and place == "a constraint":
        assert (report.verdict, report.messages) == (Verdict.OK, ())
    else:
        assert report.verdict is Verdict.UNCHECKED
        assert report.unchecked.code == UncheckedCode.PROCESSOR
    assert (report.rows, len(report.schema)) == ((("t", 100),), 2)
    assert [file.name for file in tmp_path.iterdir()] == ["slow.db"]
    assert examiners() == []


@pytest.mark.parametrize("expression", [UNSTOPPABLE, LARGE])
@pytest.mark.parametrize("place", PLACES)
async def test_no_expression_makes_values_that_the_database_could_not_hold(
    place: str, expression: str, tmp_path: Path
) -> None:
    """Megabytes out of a file of some kilobytes: it could not be checked, and what asks for them is said."""
    report = await check(hostile_database(tmp_path / "large.db", place, expression))
    assert report.verdict is Verdict.UNCHECKED
    assert report.unchecked == because(UncheckedCode.VALUES, megabytes=1)
    assert report.rows == (("t", 100),)


async def test_all_values_together_are_bounded(tmp_path: Path) -> None:
    """Many values at once, each of them small enough."""
    values = " || ".join(["hex(zeroblob(400000))"] * 20)
    path = hostile_database(tmp_path / "wide.db", "an index", f"max({', '.join([f'({values})'] * 90)})")
    limits = replace(SHORT, value_bytes=100 << 20, processor_seconds=60, seconds=60)
    report = await checked(path, limits=limits)
    assert (report.verdict, report.rows) == (Verdict.UNCHECKED, (("t", 100),))
    assert report.unchecked == because(UncheckedCode.MEMORY, megabytes=64)


@posix
async def test_a_schema_that_takes_gigabytes_to_read_is_not_read_here(tmp_path: Path) -> None:
    """Sixteen megabytes of schema, which a ZIP packs into as many kilobytes, are a gigabyte of expressions."""
    path = build(tmp_path / "schema.db", "CREATE TABLE t(a)")
    view = f"CREATE VIEW v AS SELECT 1 IN ({'1,' * 8_000_000}1)"
    schema(path, f"INSERT INTO sqlite_master VALUES ('view', 'v', 'v', 0, '{view}')")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = await checked(path, foreign=True)
    assert report.verdict is Verdict.UNCHECKED
    assert report.unchecked.code in (UncheckedCode.MEMORY, UncheckedCode.ENDED)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 17


async def test_damage_is_found_behind_an_expression_without_end(tmp_path: Path) -> None:
    """What can be checked without evaluating anything is."""
    path = hostile_database(tmp_path / "slow.db", "a constraint", SLOW, rows=3000)
    flip(path, 4 * 4096, 4096)
    report = await check(path)
    assert report.verdict is Verdict.DAMAGED


@pytest.mark.parametrize("end", ["abort", "cancel"])
async def test_a_check_in_the_middle_of_one_function_ends_at_once(end: str, tmp_path: Path) -> None:
    """Forgotten, stopped, or its service shut down: nothing of it goes on."""
    path = hostile_database(tmp_path / "slow.db", "an index", SLOW)
    abort = Abort()
    checking = asyncio.create_task(checked(path, abort=abort, foreign=True))
    await seen(examiners)
    await seen(lambda: is_deep_in(examiners()[0]))
    if end == "abort":
        abort.set("it is forgotten")
        with pytest.raises(AbortedError, match="forgotten"):
            await checking
    else:
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
    assert examiners() == []


@posix
async def test_a_mapped_page_that_can_not_be_read_ends_the_process_alone(tmp_path: Path) -> None:
    """The system tells of a failing disk by SIGBUS: the reason is said, and what reads is tried."""
    path = hostile_database(tmp_path / "slow.db", "an index", SLOW)
    checking = asyncio.create_task(checked(path, limits=replace(SHORT, mapped_bytes=path.stat().st_size)))
    await seen(examiners)
    (child,) = examiners()
    if sys.platform == "linux":
        await seen(lambda: is_deep_in(child))
        assert str(path) in Path(f"/proc/{child}/maps").read_text()
    os.kill(child, signal.SIGBUS)
    report = await checking
    assert (report.verdict, report.rows) == (Verdict.UNCHECKED, (("t", 100),))
    assert (report.messages, report.unchecked) == ((), Reason(UncheckedCode.DISK))


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("lives", [False, True])
async def test_a_large_plain_copy_is_mapped_and_what_ends_that_is_read(
    damaged: bool, lives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The findings are the same, whether a process maps the copy, a thread reads it, or the process can't live."""
    filled = f"INSERT INTO t {NUMBERS} SELECT i, 3000 - i FROM n"
    path = build(tmp_path / "plain.db", f"CREATE TABLE t(a, b); CREATE INDEX i ON t(a); {filled}")
    if damaged:
        schema(path, "UPDATE sqlite_master SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i'")
    read = await checked(path)
    started = list[str]()
    run = CheckProcess.run
    monkeypatch.setattr(CheckProcess, "run", lambda process: started.append("a process") or run(process))
    limits = replace(limits_for(1 << 20), mapped_bytes=path.stat().st_size)
    mapped = await checked(path, limits=limits if lives else replace(limits, memory_bytes=1 << 20))
    assert replace(mapped, checked_at=read.checked_at) == read
    assert (mapped.verdict is Verdict.DAMAGED, started) == (damaged, ["a process"])


# Checks the file of the first argument for as long as it takes.
_PARENT = """
import asyncio, sys
from pathlib import Path
from tests.world.snapshots import checked
asyncio.run(checked(Path(sys.argv[1]), foreign=True))
"""


@posix
async def test_the_process_of_a_check_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed with -9 the service leaves nothing behind; signals for everybody leave the check to the service."""
    path = hostile_database(tmp_path / "slow.db", "an index", SLOW)
    command = [sys.executable, "-c", _PARENT, str(path)]
    environment = {**os.environ, "BOT_TOKEN": "12345:not-for-everybody"}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as parent:
        try:
            await seen(lambda: examiners(parent.pid))
            (child,) = examiners(parent.pid)
            if sys.platform == "linux":
                await seen(lambda: is_deep_in(child))  # it is in the function now
                assert b"not-for-everybody" not in Path(f"/proc/{child}/environ").read_bytes()
                os.kill(child, signal.SIGTERM)
                os.kill(child, signal.SIGINT)
                assert examiners(parent.pid) == [child]
        finally:
            parent.kill()
        await seen(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1] not in ("", "Z")


async def test_the_time_on_the_wall_ends_where_there_is_no_other(tmp_path: Path) -> None:
    """Windows counts no processor time for us."""
    path = hostile_database(tmp_path / "slow.db", "an index", SLOW)
    limits = replace(SHORT, processor_seconds=1000, seconds=1)
    report = await checked(path, limits=limits)
    assert (report.verdict, report.unchecked) == (Verdict.UNCHECKED, because(UncheckedCode.LATE, seconds=1))


def test_a_process_stopped_before_it_began_never_begins(tmp_path: Path) -> None:
    """A stop that comes first is not lost."""
    process = CheckProcess(uri_of(tmp_path / "none.db", mode="rw"), full=True, rules=True, limits=SHORT)
    process.stop()
    with pytest.raises(StoppedShortError):
        process.run()


PLAIN = [
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT (1 + 1) REFERENCES u(b)) WITHOUT ROWID",
    "CREATE TABLE u(b UNIQUE); CREATE UNIQUE INDEX i ON u(b COLLATE NOCASE DESC)",
    "CREATE TABLE t(a); CREATE VIEW v AS SELECT lower(a) FROM t; CREATE TRIGGER r DELETE ON t BEGIN SELECT 1; END",
]
EVALUATED = [
    "CREATE TABLE t(a CHECK (a > 0))",
    "CREATE TABLE t(a, b AS (a + 1))",
    "CREATE TABLE t(a, b GENERATED ALWAYS AS (a + 1) STORED)",
    "CREATE TABLE t(a); CREATE INDEX i ON t(lower(a))",
    "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 1",
    "CREATE TABLE t(a, x/**/CHECK(a > 0))",
    "CREATE VIRTUAL TABLE t USING fts5(a)",
]


@pytest.mark.parametrize("script", PLAIN + EVALUATED)
def test_only_what_evaluates_its_schema_costs_a_process(script: str, tmp_path: Path) -> None:
    """Views, triggers and defaults are never evaluated by a check."""
    path = build(tmp_path / "schema.db", script)
    assert evaluates(uri_of(path, mode="rw")) is (script in EVALUATED)


async def test_the_verdict_is_the_same_in_a_process(tmp_path: Path) -> None:
    """Whoever checks it finds the same; names of any kind come through."""
    path = build(
        tmp_path / "names.db",
        'CREATE TABLE "ü\n\u2028😀"(a NOT NULL REFERENCES u(a)); CREATE TABLE u(a PRIMARY KEY);'
        f'INSERT INTO "ü\n\u2028😀" {NUMBERS} SELECT i FROM n',
    )
    one, other = await check(path), await check(path, foreign=True)
    assert one == other
    assert (one.verdict, one.foreign_key_violations) == (Verdict.OK, 3000)
    flip(path, 3 * 4096, 4096)
    one, other = await check(path), await check(path, foreign=True)
    assert one == other
    assert one.verdict is Verdict.DAMAGED
