"""What a restore loses: counted by key and content, whatever the tables are like, and never by running a schema."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import AbortedError
from bot.models import LossCode, Reason
from bot.services.concurrency.abort import Abort
from bot.services.restore import losses as losses_module
from bot.services.restore.facts import newer_rows, only_tables
from bot.services.restore.losses import Losses, losses_of
from bot.words.losses import loss_words


def database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("own", 1, lambda value: value, deterministic=True)
        connection.executescript(";".join(statements))
    return path


def compared(folder: Path, before: list[str], since: list[str], **more: object) -> Losses:
    """Make a database, copy it, write to it, and compare it with its copy."""
    then = database(folder / "then.db", *before)
    now = folder / "now.db"
    now.write_bytes(then.read_bytes())
    database(now, *since)
    with closing(sqlite3.connect(now)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {
            name: connection.execute(f"SELECT count(*) FROM [{name}]").fetchone()[0]
            for name in names
            if not name.startswith(("sqlite_", "docs_"))
        }
    content = now.read_bytes(), then.read_bytes()
    found = losses_of(now, then, rows, **more)  # type: ignore[arg-type]
    assert (now.read_bytes(), then.read_bytes()) == content
    assert {path.name for path in folder.iterdir()} == {"now.db", "then.db"}
    return found


def said(losses: Losses) -> tuple[str, ...]:
    """What is lost, in words; nothing is uncounted."""
    assert losses.uncounted == ()
    return tuple(map(loss_words, losses.lost))


_HUNDRED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
_USERS = [
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)",
    f"INSERT INTO users {_HUNDRED} SELECT i, 'u' || i FROM n",
]


KEYED = "id INTEGER PRIMARY KEY, name TEXT"


@pytest.mark.parametrize(
    ("table", "since", "lost"),
    [
        (KEYED, "", ()),
        (KEYED, "INSERT INTO t VALUES (101, 'x')", ("1 newer row of “t”",)),
        # The case of the report: 49 edited, and one added under an id that the backup has too.
        (
            KEYED,
            "UPDATE t SET name = 'y' WHERE id < 50; DELETE FROM t WHERE id > 60; INSERT INTO t VALUES (99, 'new')",
            ("changes to 50 rows of “t”",),
        ),
        (KEYED, "DELETE FROM t WHERE id < 50", ()),
        (
            "id TEXT PRIMARY KEY, name TEXT COLLATE NOCASE",
            "UPDATE t SET name = upper(name)",
            ("changes to 100 rows of “t”",),
        ),
        (
            "id TEXT, name TEXT, PRIMARY KEY (name, id)",
            "DELETE FROM t WHERE id = '5'; INSERT INTO t VALUES (5, 'u5'), (0, 'z'); VACUUM",
            ("1 newer row of “t”",),
        ),
        (
            "id INT, name TEXT, PRIMARY KEY (id)) WITHOUT ROWID --",
            "UPDATE t SET name = NULL WHERE id = 3; INSERT INTO t VALUES (-1, 'z'), (-2, 'z')",
            ("2 newer rows of “t” and changes to 1 row",),
        ),
        # Without a key rows move, and equal ones count as often as they are there.
        ("id INT, name TEXT", "DELETE FROM t WHERE id = 1", ()),
        (
            "id INT, name TEXT",
            "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (2, 'u2'), (1, 'u1'), (200, 'z')",
            ("2 newer or changed rows of “t”",),
        ),
        (
            f"{KEYED}, twice AS (id * 2), rowid TEXT",
            "UPDATE t SET rowid = 'r' WHERE id = 7",
            ("changes to 1 row of “t”",),
        ),
        (
            KEYED,
            "ALTER TABLE t ADD COLUMN tip; UPDATE t SET tip = 1 WHERE id < 9; UPDATE t SET name = 0 WHERE id = 1",
            ("the column “tip” of “t”", "changes to 1 row of “t”"),
        ),
        ("id INT, name", "CREATE TABLE more(x); INSERT INTO more VALUES (1)", ("the table “more” with its 1 row",)),
    ],
)
def test_what_is_lost_is_named(tmp_path: Path, table: str, since: str, lost: tuple[str, ...]) -> None:
    """Rows are newer, changed or both; what was deleted since, moved by VACUUM or is only computed is no loss."""
    close = "" if "--" in table else ")"
    columns = "(id, name)" if "WITHOUT" not in table else ""
    before = [
        f"CREATE TABLE t({table.removesuffix(' --')}{close}",
        f"INSERT INTO t{columns} {_HUNDRED} SELECT i, 'u' || i FROM n",
    ]
    assert said(compared(tmp_path, before, since.split("; "))) == lost


def test_what_the_restore_itself_brought_is_not_lost(tmp_path: Path) -> None:
    """An undo compares with the moment of the restore: only what came after it is lost by going back."""
    before = database(tmp_path / "before.db", *_USERS, "DELETE FROM users WHERE id > 40")
    restored = database(tmp_path / "restored.db", *_USERS)
    now = database(
        tmp_path / "now.db",
        *_USERS,
        "INSERT INTO users VALUES (200, 'after'), (201, 'after')",
        "UPDATE users SET name = 'changed' WHERE id IN (3, 77)",
    )
    assert said(losses_of(now, before, {"users": 102})) == ("62 newer rows of “users” and changes to 1 row",)
    assert said(losses_of(now, before, {"users": 102}, kept=restored)) == (
        "2 newer rows of “users” and changes to 2 rows",
    )
    assert losses_of(restored, before, {"users": 100}, kept=restored) == Losses()


def test_tables_and_columns_that_the_restore_brought_are_not_lost(tmp_path: Path) -> None:
    """They were not there before the restore; what was written into them since is lost all the same."""
    before = database(tmp_path / "before.db", "CREATE TABLE t(id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    brought = [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, tip TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "CREATE TABLE own(id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO own VALUES (1, 'x')",
    ]
    restored = database(tmp_path / "restored.db", *brought)
    since = ["UPDATE t SET tip = 'c' WHERE id = 2", "INSERT INTO own VALUES (2, 'y')"]
    now = database(tmp_path / "now.db", *brought, *since)
    assert losses_of(restored, before, {"t": 2, "own": 1}, kept=restored) == Losses()
    assert said(losses_of(now, before, {"t": 2, "own": 2}, kept=restored)) == (
        "changes to 1 row of “t”",
        "1 newer row of “own”",
    )


def test_what_can_not_be_compared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, another key, an index that only its application can read: edits there are not counted."""
    before = [*_USERS, "CREATE TABLE other(a PRIMARY KEY, b)", "INSERT INTO other VALUES (1, 2)"]
    since = ["DROP TABLE other", "CREATE TABLE other(a, b PRIMARY KEY)", "INSERT INTO other VALUES (1, 2)"]
    assert compared(tmp_path, before, since) == Losses(uncounted=("other",))
    now, then = tmp_path / "now.db", tmp_path / "then.db"
    assert losses_of(now, then, {"users": 100}, most_bytes=20_000) == Losses(uncounted=("users",))
    gone = database(tmp_path / "gone.db", "CREATE TABLE other(a PRIMARY KEY, b)")
    found = losses_of(now, gone, {"users": 100}, most_bytes=20_000)
    assert tuple(map(loss_words, found.lost)) == ("the table “users” with its 100 rows",)
    monkeypatch.setattr(losses_module, "MOST_WITHOUT_KEY", 50)
    loose = database(tmp_path / "loose.db", f"CREATE TABLE l AS {_HUNDRED} SELECT i FROM n")
    less = database(tmp_path / "less.db", f"CREATE TABLE l AS {_HUNDRED} SELECT -i AS i FROM n")
    assert losses_of(loose, less, {"l": 100}) == Losses(uncounted=("l",))
    wide = database(tmp_path / "wide.db", "PRAGMA encoding = 'UTF-16'", *_USERS)
    assert losses_of(now, wide, {"users": 100}) == Losses(uncounted=("users",))


def test_an_index_of_words_is_compared_by_what_it_keeps(tmp_path: Path) -> None:
    """Of a virtual table it is known whether anything changed, not what."""
    before = ["CREATE VIRTUAL TABLE docs USING fts5(body)", "INSERT INTO docs VALUES ('one')"]
    assert compared(tmp_path, before, []) == Losses()
    for path in tmp_path.iterdir():
        path.unlink()
    assert compared(tmp_path, before, ["INSERT INTO docs VALUES ('two')"]) == Losses(uncounted=("docs",))


def test_nothing_of_a_schema_is_run(tmp_path: Path) -> None:
    """Generated columns, indexes over expressions, CHECKs and views that name a function of nobody's are passed by."""
    before = [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, g AS (own(a)), CHECK (own(a) > 0))",
        "CREATE INDEX i ON t(own(a)) WHERE own(a) > 0",
        "CREATE VIEW v AS SELECT own(a) FROM t",
        "INSERT INTO t VALUES (1, 1), (2, 2)",
    ]
    assert said(compared(tmp_path, before, ["UPDATE t SET a = 3 WHERE id = 2"])) == ("changes to 1 row of “t”",)


def test_a_view_in_the_place_of_a_table_is_not_evaluated(tmp_path: Path) -> None:
    """Neither where its name is a table in the backup, nor as what a disguised virtual table reads."""
    costly = "CREATE VIEW t AS SELECT length(hex(zeroblob(1000))) AS rowid, 'x' AS word"
    now = database(tmp_path / "view.db", costly)
    assert newer_rows(now, {"t": 0}) == {}
    made = [costly, "CREATE VIRTUAL TABLE docs USING fts5(word, content='t')", "PRAGMA writable_schema=ON"]
    disguise = (
        "UPDATE sqlite_master SET sql = replace(sql, 'CREATE VIRTUAL', 'CREATE /**/ VIRTUAL') WHERE name = 'docs'"
    )
    then = database(tmp_path / "then.db", *made, disguise)
    now = tmp_path / "now.db"
    now.write_bytes(then.read_bytes())
    with closing(sqlite3.connect(now)) as connection:
        assert connection.execute("SELECT word FROM docs").fetchall() == [("x",)]  # it works as one
    asked: list[str] = []

    def listening(*words: object) -> int:
        asked.extend(map(str, words))
        return only_tables(*words)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "only_tables", listening)
        assert losses_of(now, then, {"docs": 1}) == Losses()
    assert not {"docs", "t", "zeroblob"}.intersection(asked)


def test_a_comparison_can_be_stopped(tmp_path: Path) -> None:
    """In the middle of a table too."""
    path = database(tmp_path / "a.db", *_USERS)
    other = database(tmp_path / "b.db", *_USERS)
    abort = Abort()
    abort.set()
    with pytest.raises(AbortedError):
        losses_of(path, other, {"users": 100}, check=abort.check)


def test_losses_agree_with_a_plain_count(tmp_path: Path) -> None:
    """Random tables, edited at random: the figures are those of a slow comparison in memory."""
    dice = random.Random(11)
    for number in range(20):
        before = {dice.randrange(60): dice.choice(["a", "b", None, 1.5]) for _ in range(40)}
        after = dict(before)
        for _ in range(dice.randrange(30)):
            after[dice.randrange(80)] = dice.choice(["a", "c", b"x"])
            after.pop(dice.randrange(60), None)
        files = []
        for rows in (after, before):
            path = database(tmp_path / f"{number}-{len(files)}.db", "CREATE TABLE t(k INTEGER PRIMARY KEY, v)")
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.executemany("INSERT INTO t VALUES (?, ?)", rows.items())
            files.append(path)
        newer = len(after.keys() - before.keys())
        changed = sum(after[key] != before[key] for key in after.keys() & before.keys())
        facts = (("table", "t"), ("newer", newer), ("changed", changed))
        lost = (Reason(LossCode.ROWS, facts),) if newer or changed else ()
        assert losses_of(*files, {"t": len(after)}).lost == lost
