"""What the check of a snapshot says of whole, damaged and unusual databases."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import AbortedError
from bot.models import CheckMethod, CheckReport, Database, Snapshot, UncheckedCode, Verdict
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from bot.services.snapshot.integrity import MAX_MESSAGES
from bot.services.snapshot.snapshot import take_snapshot
from bot.words.checks import unchecked_words
from tests.world.bank import make_bank
from tests.world.snapshots import NUMBERS, as_snapshot, build, flip, in_process, posix, run_sql, schema, write_at

FULL, QUICK = CheckMethod.FULL, CheckMethod.QUICK


async def snap(path: Path) -> Snapshot:
    into = path.parent / "copies"
    return await take_snapshot(Database(path=path, name=path.name), into, busy_timeout=20.0, abort=Abort())


async def check(snapshot: Snapshot, method: CheckMethod = FULL) -> CheckReport:
    """Return the report, having seen that the copy kept its bytes and has nothing beside it."""
    before = hashlib.sha256(snapshot.file.read_bytes()).hexdigest()
    report = await check_snapshot(snapshot, method, abort=Abort())
    assert hashlib.sha256(snapshot.file.read_bytes()).hexdigest() == before
    assert not list(snapshot.file.parent.glob(snapshot.file.name + "-*"))
    assert report.method is method
    return report


@pytest.mark.parametrize("method", list(CheckMethod))
@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_a_whole_database_is_ok(mode: str, method: CheckMethod, tmp_path: Path) -> None:
    """There is nothing to say, and the rows of every table are counted in schema order."""
    report = await check(await snap(make_bank(tmp_path / "bank.db", mode, filler=100)), method)
    assert (report.verdict, report.messages, report.foreign_key_violations) == (Verdict.OK, (), 0)
    assert report.rows == (("accounts", 50), ("pairs", 0), ("log", 0), ("filler", 100))


SHAPES = {
    "page size 512": ("PRAGMA page_size=512", f"CREATE TABLE t(a, b); INSERT INTO t {NUMBERS} SELECT i, i FROM n"),
    "page size 65536": ("PRAGMA page_size=65536", f"CREATE TABLE t(a, b); INSERT INTO t {NUMBERS} SELECT i, i FROM n"),
    "UTF-16": ("PRAGMA encoding='UTF-16'", f"CREATE TABLE t(a TEXT); INSERT INTO t {NUMBERS} SELECT 'ü€' || i FROM n"),
    "auto_vacuum": (
        "PRAGMA auto_vacuum=FULL",
        f"CREATE TABLE t(a); INSERT INTO t {NUMBERS} SELECT zeroblob(999) FROM n; DELETE FROM t WHERE rowid % 2 = 0",
    ),
    "incremental vacuum": (
        "PRAGMA auto_vacuum=INCREMENTAL",
        f"CREATE TABLE t(a); INSERT INTO t {NUMBERS} SELECT zeroblob(999) FROM n; DELETE FROM t WHERE rowid > 50",
    ),
    "large rows": ("", "CREATE TABLE t(a); INSERT INTO t VALUES (randomblob(5000000)), (zeroblob(1000000))"),
    "without rowid": (
        "",
        "CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX i ON t(b);"
        f"INSERT INTO t {NUMBERS} SELECT hex(i * 7919 % 3001), i FROM n",
    ),
    "generated columns": (
        "",
        "CREATE TABLE t(a, b AS (a * 2) STORED, c AS (a * 3)); CREATE INDEX i ON t(c);"
        f"INSERT INTO t(a) {NUMBERS} SELECT i FROM n",
    ),
    "expression and partial indexes": (
        "",
        "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(lower(a)); CREATE INDEX j ON t(a) WHERE a > 'x';"
        f"INSERT INTO t {NUMBERS} SELECT 'X' || i FROM n",
    ),
    "bytes that are no text": ("", "CREATE TABLE t(a TEXT); INSERT INTO t VALUES (CAST(x'ff00fe' AS TEXT))"),
    "nothing but a schema": ("", "CREATE TABLE t(a)"),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_of_database_is_copied_and_ok(shape: str, tmp_path: Path) -> None:
    """Page sizes, encodings and features that SQLite has do not confuse the snapshot or the check."""
    before, script = SHAPES[shape]
    source = build(tmp_path / "shape.db", script, before=before)
    snapshot = await snap(source)
    report = await check(snapshot)
    assert (report.verdict, report.messages) == (Verdict.OK, ())
    with contextlib.closing(sqlite3.connect(source)) as db:
        assert report.rows == (("t", db.execute("SELECT count(*) FROM t").fetchone()[0]),)
        assert snapshot.page_size == db.execute("PRAGMA page_size").fetchone()[0]


async def test_tables_are_counted_as_people_know_them(tmp_path: Path) -> None:
    """SQLite's own tables and the inner ones of a full-text index are left out; any name can be counted."""
    source = build(
        tmp_path / "names.db",
        'CREATE TABLE "it""s a [table]; DROP"(id INTEGER PRIMARY KEY AUTOINCREMENT);'
        'INSERT INTO "it""s a [table]; DROP" DEFAULT VALUES;'
        "CREATE TABLE größe(a); CREATE TABLE notes_content(a); CREATE VIEW seen AS SELECT * FROM größe;"
        "CREATE VIRTUAL TABLE notes2 USING fts5(body); INSERT INTO notes2 VALUES ('one'), ('two'); ANALYZE",
    )
    report = await check(await snap(source))
    assert report.verdict is Verdict.OK
    assert report.rows == (('it"s a [table]; DROP', 1), ("größe", 0), ("notes_content", 0), ("notes2", 2))


def rewrite(file: Path, old: bytes, new: bytes) -> None:
    file.write_bytes(file.read_bytes().replace(old, new))


def drop_from_index(file: Path) -> None:
    """Make an index that lacks rows of its table, as a bad disk or a bug would."""
    schema(file, "DELETE FROM sqlite_master WHERE name = 'i'")
    run_sql(file, "UPDATE t SET b = b || 'x' WHERE a = 1500")
    schema(file, "INSERT INTO sqlite_master VALUES ('index', 'i', 't', 3, 'CREATE INDEX i ON t(b)')")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "header": lambda file: flip(file, 0, 100),
    "schema page": lambda file: flip(file, 100, 3000),
    "table page": lambda file: flip(file, 5 * 4096, 4096),
    "cell pointers": lambda file: flip(file, 6 * 4096 + 8, 40),
    "last page": lambda file: flip(file, file.stat().st_size - 4096, 4096),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-8192]) and None,
    "empty pages": lambda file: (
        file.write_bytes(file.read_bytes()[:20480] + bytes(file.stat().st_size - 20480)) and None
    ),
    "text in place of SQL, and a page": lambda file: (
        flip(file, 7 * 4096, 4096) or rewrite(file, b"CREATE INDEX i", b"CR\xff\xfeTE INDEX i")
    ),
    "a table that begins behind the end": lambda file: schema(
        file, "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 9999, 'CREATE TABLE x(a)')"
    ),
    "index that misses a row": drop_from_index,
}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a database with a table, an index and a constraint, ready to be damaged."""
    return build(
        tmp_path / "victim.db",
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c INTEGER CHECK (c > 0)); CREATE INDEX i ON t(b);"
        f"INSERT INTO t {NUMBERS} SELECT i, hex(i * 7919), i FROM n",
    )


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_found(damage: str, victim: Path) -> None:
    """Whatever is broken, the verdict is damaged and SQLite's own lines say why."""
    DAMAGES[damage](victim)
    report = await check(as_snapshot(victim))
    assert report.verdict is Verdict.DAMAGED
    assert 0 < len(report.messages) <= MAX_MESSAGES
    assert all(report.messages)


async def test_the_quick_check_does_not_compare_indexes(victim: Path) -> None:
    """An index that misses a row is found by the full check only."""
    drop_from_index(victim)
    assert (await check(as_snapshot(victim), QUICK)).verdict is Verdict.OK
    assert (await check(as_snapshot(victim), FULL)).verdict is Verdict.DAMAGED


async def test_what_can_still_be_counted_in_a_damaged_database_is(victim: Path) -> None:
    """A table that can't be read to its end counts as -1, the others as they are."""
    with contextlib.closing(sqlite3.connect(victim)) as db:
        db.executescript("CREATE TABLE whole(a); INSERT INTO whole VALUES (1); DROP INDEX i; VACUUM")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 't'").fetchone()
    flip(victim, (root - 1) * 4096, 4096)
    report = await check(as_snapshot(victim))
    assert report.verdict is Verdict.DAMAGED
    assert report.rows == (("t", -1), ("whole", 1))


async def test_a_copy_that_is_gone_could_not_be_checked(victim: Path) -> None:
    """The check has a verdict for everything and raises nothing; what is not there is not damaged."""
    snapshot = as_snapshot(victim)
    victim.unlink()
    report = await check_snapshot(snapshot, FULL, abort=Abort())
    assert report.verdict is Verdict.UNCHECKED
    assert not victim.exists()


FUTURE = "CREATE VIEW v AS SELECT a UNHEARD OF b FROM t"
NOT_PROVEN: dict[str, Callable[[Path], None]] = {
    "a view that this SQLite can't read": lambda file: schema(
        file, f"INSERT INTO sqlite_master VALUES ('view', 'v', 'v', 0, '{FUTURE}')"
    ),
    "a table that this SQLite can't read": lambda file: rewrite(file, b"CREATE TABLE t(a", b"CREATE TABLE t(("),
    "an index of a table that it can't read": lambda file: rewrite(file, b"b TEXT, c", b"b TEXT; c"),
    "a flipped bit in the schema": lambda file: rewrite(file, b"CREATE TABLE t(", b"CRE\xc1TE TABLE t("),
    "a name that is no UTF-8": lambda file: rewrite(file, b"INDEX i ON t(b)", b"INDEX i ON t(\xe2)"),
    "a schema format of the future": lambda file: write_at(file, 47, 5),
    "a reader of the future": lambda file: write_at(file, 19, 3),
}


@pytest.mark.parametrize("vacuum", ["NONE", "FULL"])
@pytest.mark.parametrize("oddity", NOT_PROVEN)
async def test_what_this_sqlite_can_not_read_is_no_damage(oddity: str, vacuum: str, victim: Path) -> None:
    """Its pages are whole and only its words are strange: it could not be checked, and SQLite says why."""
    run_sql(victim, f"PRAGMA auto_vacuum={vacuum}", "VACUUM")
    NOT_PROVEN[oddity](victim)
    report = await check(as_snapshot(victim))
    assert report.verdict is Verdict.UNCHECKED
    assert all(report.messages)


@pytest.mark.parametrize("separator", ["\n", "\r", "\x1c", "\x85", "\u2028", "\n*** in database main ***\n", "\xff"])
async def test_a_name_may_hold_any_line_break(separator: str, victim: Path) -> None:
    """What SQLite says of such a name stays one finding: a broken rule is no damage, and damage no broken rule."""
    name = f"one{separator}NULL value in two"
    run_sql(
        victim,
        "PRAGMA ignore_check_constraints=ON",
        "UPDATE t SET c = -1 WHERE a = 7",
        f'ALTER TABLE t RENAME TO "{name}"',
        f'CREATE TABLE "other{separator}"(x NOT NULL)',
        f'INSERT INTO "other{separator}" VALUES (1)',
    )
    schema(victim, "UPDATE sqlite_master SET sql = replace(sql, '(x NOT', '(x, y NOT') WHERE name LIKE 'other%'")
    report = await check(as_snapshot(victim))
    assert (report.verdict, len(report.messages)) == (Verdict.OK, 2)
    flip(victim, 5 * 4096, 4096)
    assert (await check(as_snapshot(victim))).verdict is Verdict.DAMAGED


# Checks the file of the first argument under the limit that the second one sets, and prints the verdict.
_LIMITED = """
import asyncio, os, resource, sqlite3, sys
from pathlib import Path
from bot.models import CheckMethod
from bot.services.concurrency.abort import Abort
from bot.services.snapshot.check import check_snapshot
from tests.world.snapshots import as_snapshot
def limit_files(more):
    free = os.dup(0); os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + more,) * 2)
snapshot = as_snapshot(Path(sys.argv[1]))
async def run():
    exec(sys.argv[2])
    report = await check_snapshot(snapshot, CheckMethod.FULL, abort=Abort())
    print(report.verdict.value, "|", report.unchecked.code, *report.messages)
asyncio.run(run())
"""


@posix
@pytest.mark.parametrize(
    "limit", ["limit_files(0)", "limit_files(3)", "sqlite3.connect('').execute('PRAGMA hard_heap_limit=150000')"]
)
def test_a_machine_at_its_limits_says_nothing_of_the_data(limit: str, victim: Path) -> None:
    """No descriptor for a process, none for the copy, no memory: the copy could not be checked."""
    build(victim, "ALTER TABLE t DROP COLUMN c")  # without a rule, it is checked in this process
    done = in_process(_LIMITED, victim, limit)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("could not check | "), done.stdout


UNKNOWNS = {
    "collation of a column": "CREATE TABLE t(a TEXT COLLATE app_order); CREATE INDEX i ON t(a)",
    "collation of an index": "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(a COLLATE app_order)",
    "function in an index": "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(app_code(a))",
    "function in a partial index": "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(a) WHERE app_code(a) > ''",
    "function in a constraint": "CREATE TABLE t(a TEXT CHECK (app_code(a) > ''))",
}


@pytest.mark.parametrize("unknown", UNKNOWNS)
async def test_what_only_the_application_knows_is_no_damage(unknown: str, tmp_path: Path) -> None:
    """A schema with the application's own collations and functions could not be checked, and SQLite says why."""
    script = f"{UNKNOWNS[unknown]}; INSERT INTO t VALUES ('b'), ('a'); CREATE TABLE u(a)"
    report = await check(await snap(build(tmp_path / "app.db", script)))
    assert report.verdict is Verdict.UNCHECKED
    assert (report.messages, report.unchecked.code) == ((), UncheckedCode.SQLITE_SAYS)
    assert "app_" in unchecked_words(report.unchecked)
    assert report.rows == (("t", 2), ("u", 0))


async def test_damage_is_found_beside_what_only_the_application_knows(tmp_path: Path) -> None:
    """The tables that need nothing unknown are checked one by one."""
    path = build(
        tmp_path / "app.db",
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c); CREATE INDEX i ON t(b);"
        f"INSERT INTO t {NUMBERS} SELECT i, hex(i), i FROM n; CREATE TABLE u(a COLLATE app_order PRIMARY KEY)",
    )
    assert (await check(as_snapshot(path))).verdict is Verdict.UNCHECKED
    drop_from_index(path)
    report = await check(as_snapshot(path))
    assert report.verdict is Verdict.DAMAGED
    assert "index i" in " ".join(report.messages)


async def test_rows_that_break_a_rule_are_named_and_no_damage(victim: Path) -> None:
    """A CHECK that older rows break must not keep a database out of every backup."""
    run_sql(victim, "PRAGMA ignore_check_constraints=ON", "UPDATE t SET c = -1 WHERE a = 7")
    report = await check(as_snapshot(victim))
    assert report.verdict is Verdict.OK
    assert report.messages == ("CHECK constraint failed in t",)


async def test_damage_behind_many_broken_rules_is_found(victim: Path) -> None:
    """However many rows break a rule, what is torn beside them is damage, and the damage is what is named."""
    run_sql(victim, "PRAGMA ignore_check_constraints=ON", "UPDATE t SET c = -1")
    assert (await check(as_snapshot(victim))).verdict is Verdict.OK
    drop_from_index(victim)
    report = await check(as_snapshot(victim))
    assert report.verdict is Verdict.DAMAGED
    assert "index i" in report.messages[0]


async def test_a_module_that_is_not_here_is_no_damage(tmp_path: Path) -> None:
    """A virtual table of an unknown module can't be counted; the rest of the database is fine."""
    path = build(tmp_path / "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    schema(path, "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING vec0(a)')")
    report = await check(await snap(path))
    assert report.verdict in {Verdict.OK, Verdict.UNCHECKED}
    assert report.rows == (("t", 1), ("v", -1))


async def test_orphans_are_counted_and_change_no_verdict(tmp_path: Path) -> None:
    """Rows that refer to nothing are told; a key that refers to no unique column is passed over."""
    path = build(
        tmp_path / "orphans.db",
        "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE odd(a REFERENCES parent(nobody));"
        "CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parent(id));"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 2), (3, 3), (4, NULL);"
        "INSERT INTO odd VALUES (5)",
    )
    report = await check(await snap(path))
    assert (report.verdict, report.messages, report.foreign_key_violations) == (Verdict.OK, (), 2)


async def test_the_schema_hash_follows_the_schema(tmp_path: Path) -> None:
    """It is the same for the same schema, whatever the rows, pages and white space; and another one otherwise."""
    one = build(
        tmp_path / "one.db", "CREATE TABLE a(x INTEGER, y TEXT); CREATE INDEX i ON a(y); CREATE VIEW v AS SELECT 1"
    )
    two = build(
        tmp_path / "two.db",
        "CREATE TABLE filler(z); CREATE VIEW v AS SELECT 1; CREATE TABLE a(x INTEGER,\n   y TEXT); INSERT INTO a VALUES"
        " (1, 'one'); CREATE INDEX i ON a(y); DROP TABLE filler; ANALYZE",
    )
    three = build(
        tmp_path / "three.db", "CREATE TABLE a(x INTEGER, y BLOB); CREATE INDEX i ON a(y); CREATE VIEW v AS SELECT 1"
    )
    hashes = [(await check(await snap(path))).schema_sha256 for path in (one, two, three)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 64


LONG = {
    # Rows whose constraint costs a millisecond or two each stand for a very large database.
    "in a process": "CREATE TABLE t(a CHECK (length(hex(zeroblob(300000 + a))) > a))",
    "in a thread": "CREATE TABLE t(a); CREATE INDEX i ON t(a); CREATE INDEX j ON t(a DESC)",
}


@pytest.mark.parametrize("where", LONG)
@pytest.mark.parametrize("cancel", [False, True])
async def test_a_check_that_is_stopped_ends(cancel: bool, where: str, tmp_path: Path) -> None:
    """An abort is raised as such in the middle of SQLite's work; a cancellation waits for its end."""
    path = tmp_path / "long.db"
    rows = f"INSERT INTO t {NUMBERS} SELECT n.i FROM n, (SELECT 1 FROM n LIMIT 200)"
    build(path, rows, before=f"PRAGMA ignore_check_constraints=ON; {LONG[where]}")
    snapshot = as_snapshot(path)
    abort = Abort()
    checking = asyncio.create_task(check_snapshot(snapshot, FULL, abort=abort))
    await asyncio.sleep(0.1)
    assert not checking.done()
    if cancel:
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        assert not abort.is_set()
    else:
        abort.set("shutting down")
        with pytest.raises(AbortedError, match="shutting down"):
            await checking
    assert [file.name for file in tmp_path.iterdir()] == ["long.db"]


async def test_an_abort_before_the_check_is_heeded(victim: Path) -> None:
    """Nothing is opened any more."""
    abort = Abort()
    abort.set()
    with pytest.raises(AbortedError):
        await check_snapshot(as_snapshot(victim), FULL, abort=abort)


async def test_checks_go_side_by_side(tmp_path: Path) -> None:
    """Several snapshots, even of the same database, are checked at the same time."""
    snapshot = await snap(make_bank(tmp_path / "bank.db", "wal", filler=100))
    copies = [Path(shutil.copy(snapshot.file, tmp_path / f"{n}.db")) for n in range(5)]
    reports = await asyncio.gather(*(check(as_snapshot(copy)) for copy in copies))
    assert {report.verdict for report in reports} == {Verdict.OK}
