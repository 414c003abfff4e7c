"""Small real databases for tests that need something to back up, and a look at what came out."""

import sqlite3
import zipfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path


def make_database(path: Path, rows: int = 50, *, wal: bool = True, filler: int = 40) -> Path:
    """Create a database with `rows` rows in `entries` and their number in `totals`, as one transaction left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)")
            connection.execute("CREATE TABLE totals (rows INTEGER)")
            connection.executemany(
                "INSERT INTO entries (text) VALUES (?)", ((f"row {n} " + "x" * filler,) for n in range(rows))
            )
            connection.execute("INSERT INTO totals VALUES (?)", (rows,))
    return path


def noisy_database(path: Path, size: int) -> Path:
    """Create a database of some `size` bytes that don't compress, so that its archive is large."""
    make_database(path, size // 4000, wal=False, filler=0)
    change(path, "UPDATE entries SET text = randomblob(4000)")
    return path


def damage(path: Path) -> Path:
    """Make an index disagree with its table, which only a full check finds."""
    change(
        path,
        "CREATE INDEX by_text ON entries (text)",
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX by_text ON entries (id)' WHERE name='by_text'",
    )
    return path


def rows_in(path: Path) -> tuple[int, int]:
    """The rows of `entries`, counted and as recorded."""
    with closing(sqlite3.connect(path)) as connection:
        (counted,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        (recorded,) = connection.execute("SELECT rows FROM totals").fetchone()
    return counted, recorded


def members_of(archive: Path) -> set[str]:
    """The names in an archive."""
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def write_env(folder: Path, sources: Iterable[Path | str], **more: str) -> Path:
    """Write a `.env` in `folder` as an admin would; return its path."""
    values = {
        "DATABASES": ",".join(f"'{source}'" for source in sources),
        "BACKUP_DIR": f"'{folder / 'backups'}'",
        "LOG_DIR": f"'{folder / 'logs'}'",
        "TIMEZONE": "Europe/Berlin",
        "BUSY_TIMEOUT": "0.3",
        **more,
    }
    env = folder / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    return env


def change(path: Path, *statements: str) -> None:
    """Let the application do this in one transaction."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
