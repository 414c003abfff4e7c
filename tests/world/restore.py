"""A store, a catalogue and live databases to restore: what the tests of restoring share."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import utc_now
from bot.models import Backup, Database, PendingRestore, RestorePlan, RestoreProgress, RestoreResult, Trigger
from bot.services.catalogue import Catalogue, record_stored
from bot.services.concurrency.abort import Abort
from bot.services.files.store import Store
from bot.services.restore.context import RestoreContext, StepHook, no_hook
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import RestoreSource, find_source
from bot.services.restore.targets import Configured
from bot.services.snapshot.databases import Discovery
from tests.world.backups import make_backup
from tests.world.bank import TOTAL, make_bank
from tests.world.snapshots import in_process


class Rig:
    """A BACKUP_DIR in `folder` and live databases beside it."""

    def __init__(self, folder: Path, databases: Iterable[Path], *, busy_timeout: float = 20) -> None:
        self.folder = folder
        self.paths = tuple(databases)
        self.databases = tuple(Database(path=path, name=path.name) for path in self.paths)
        self.store = Store(folder / "backups")
        self.busy_timeout = busy_timeout

    @asynccontextmanager
    async def opened(self, on_step: StepHook = no_hook) -> AsyncIterator[Restorer]:
        await self.store.prepare()
        async with await Catalogue.open(self.store.folder / "catalogue.db") as catalogue:
            context = RestoreContext(
                store=self.store,
                catalogue=catalogue,
                busy_timeout=self.busy_timeout,
                host="here",
                timezone="UTC",
                clock=utc_now,
                on_step=on_step,
            )
            found = Discovery(databases=self.databases, missing=())
            patterns = tuple(map(str, self.paths))
            yield Restorer(context, Configured(found=found, patterns=patterns, known={}))

    async def back_up(self, databases: Sequence[Database] = ()) -> Backup:
        """Make a proven backup of the databases and record it."""
        async with self.opened() as restorer:
            catalogue, started_at = restorer.context.catalogue, utc_now()
            backup_id = await catalogue.backups.begin(
                trigger=Trigger.COMMAND, requested_by="a test", started_at=started_at
            )
            target = self.store.folder / await self.store.name_archive(started_at)
            databases = tuple(databases) or self.databases
            return await record_stored(
                catalogue, backup_id, *await make_backup(target, databases, self.store.work / "a run")
            )

    async def restore(
        self,
        which: str | RestoreSource = "latest",
        *,
        on_step: StepHook = no_hook,
        only: Sequence[str] = (),
        folder: Path | None = None,
        force: bool = False,
        abort: Abort | None = None,
        seen: list[RestoreProgress] | None = None,
    ) -> RestoreResult:
        """Plan and act at once."""
        abort = abort or Abort()
        report = seen.append if seen is not None else lambda _: None
        async with self.opened(on_step) as restorer:
            context = restorer.context
            origin = (
                which
                if isinstance(which, RestoreSource)
                else await find_source(context.catalogue, context.store.folder, which, ZoneInfo("UTC"))
            )
            async with restorer.prepare(
                origin, only=only, folder=folder, force=force, abort=abort, report=report
            ) as prepared:
                return await restorer.restore(prepared, requested_by="a test", abort=abort, report=report)

    async def undo(self, *, on_step: StepHook = no_hook) -> RestoreResult:
        async with self.opened(on_step) as restorer, restorer.prepare_undo(abort=Abort()) as prepared:
            return await restorer.restore(prepared, requested_by="a test", abort=Abort())

    async def pending(self) -> PendingRestore | None:
        async with self.opened() as restorer:
            return await restorer.pending()

    @asynccontextmanager
    async def plan_of_latest(self) -> AsyncIterator[RestorePlan]:
        async with self.opened() as restorer:
            origin = await find_source(restorer.context.catalogue, self.store.folder, "latest", ZoneInfo("UTC"))
            async with restorer.prepare(origin, abort=Abort()) as prepared:
                yield prepared.plan

    async def safety_copies(self) -> list[Backup]:
        async with self.opened() as restorer:
            return [b for b in await restorer.context.catalogue.backups.select() if b.trigger is Trigger.SAFETY]


async def backed_up_bank(
    folder: Path, mode: str = "wal", *, filler: int = 50, busy_timeout: float = 20
) -> tuple[Path, Rig]:
    """A live bank and a backup of it; "another page size" is that of the live file."""
    bank = make_bank(folder / "bank.db", "delete" if mode == "delete" else "wal", filler=filler)
    rig = Rig(folder, [bank], busy_timeout=busy_timeout)
    await rig.back_up()
    if mode == "another page size":
        vacuum_into_page_size(bank, 8192)
    return bank, rig


def at(step: str, act: Callable[[], object] | Exception) -> StepHook:
    """Do something, or fail, whenever a restore comes to that step."""

    def on_step(reached: str) -> None:
        if reached != step:
            return
        if isinstance(act, Exception):
            raise act
        act()

    return on_step


def look(path: Path) -> tuple[int, int, int]:
    """The invariant of a bank (sum of balances, sum of pairs), and its newest transaction, as SQL sees them."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("BEGIN")
        (balance,) = connection.execute("SELECT sum(balance) FROM accounts").fetchone()
        (pairs,) = connection.execute("SELECT coalesce(sum(value), 0) FROM pairs").fetchone()
        (newest,) = connection.execute("SELECT coalesce(max(n), 0) FROM log").fetchone()
        connection.execute("ROLLBACK")
        return balance, pairs, newest


def require_sound(path: Path) -> int:
    """See that the bank is whole and its books are right; return its newest transaction."""
    balance, pairs, newest = look(path)
    assert (balance, pairs) == (TOTAL, 0)
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return newest


def transact(path: Path, number: int) -> None:
    """Commit the transaction `number` as the writer does."""
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        connection.execute("UPDATE accounts SET balance = balance - 7 WHERE id = 1")
        connection.execute("UPDATE accounts SET balance = balance + 7 WHERE id = 2")
        connection.execute("INSERT INTO pairs VALUES (?, ?)", (number, 0))
        connection.execute("INSERT INTO log VALUES (?)", (number,))


def sidecars(path: Path) -> set[str]:
    return {entry.name for entry in path.parent.iterdir() if entry.name.startswith(path.name + "-")}


run_child = in_process  # how it ends is the caller's affair

_CRASH = """
import os, signal, sqlite3, sys
path, mode = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None)
db.execute("PRAGMA cache_size=5")
db.execute("PRAGMA cache_spill=1")
if mode == "wal":
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("INSERT INTO log VALUES (777777)")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE accounts SET balance = 1")
db.execute("UPDATE filler SET text = hex(randomblob(300))")
os.kill(os.getpid(), signal.SIGKILL)
"""


def crash_in_the_middle(path: Path, journal_mode: str) -> None:
    """Let an application die in the middle of a write: a hot journal, or a write-ahead log nobody has taken in."""
    in_process(_CRASH, path, journal_mode)
    assert sidecars(path)


def transact_elsewhere(path: Path, number: int) -> None:
    subprocess.run([sys.executable, "-c", _TRANSACT, str(path), str(number)], check=True)


def vacuum_into_page_size(path: Path, size: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(f"PRAGMA page_size={size}")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode=WAL")


# In a process of its own, whose locks are not ours.
_TRANSACT = (
    "import sys; from pathlib import Path; from tests.world.restore import transact;"
    "transact(Path(sys.argv[1]), int(sys.argv[2]))"
)
