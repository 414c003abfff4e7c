"""Restores into a live file by SQLite's backup API: its application sees the old or the new state, never a mix.

The whole copy is one transaction of the target (https://www.sqlite.org/c3ref/backup_finish.html): a process killed in
the middle leaves the old database, which the next connection rolls back to. Blocking, to be called in a thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import RestoreError
from bot.services.snapshot.source import uri_of
from bot.services.snapshot.sqlite_errors import refusal
from bot.services.snapshot.sqlite_faults import FAULTS, error_code

_STEP_BYTES = 4 << 20  # copied between two looks at the abort flag
_ATTEMPT = 0.25  # seconds of one attempt at a lock
_PAUSE = 0.02
_WAITING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FULL = {sqlite3.SQLITE_FULL}


@dataclass(slots=True, kw_only=True)
class LiveCopy:
    """One copy of `source`, a private file that is named before `run`, into the live file `target`.

    A lock is waited for at most `busy_timeout` seconds. `check` raises to give up, which leaves the old database;
    `tell` takes bytes done and in all; `on_step` is told each step. `committed` is true from the moment on when the
    target holds the new database. The connections to the target stay open until `close`, so that `written_since` can
    tell.

    `watch` is called before the safety copy is taken. What is committed between that and the copy would be in neither:
    `keep` is then called once nobody can commit any more, with a connection that reads what is about to be replaced.
    Where that can't be told, it is called as well. It may raise, which leaves the old database.

    `ready` is called before anything can be seen by others: in WAL mode, whose readers go on meanwhile, when all but
    the last pages are copied; in the others before anybody is locked out. It may wait, and raise as well.
    """

    target: Path
    busy_timeout: float
    check: Callable[[], None]
    tell: Callable[[int, int], None]
    on_step: Callable[[str], None]
    source: Path = Path()
    keep: Callable[[sqlite3.Connection], None] | None = None
    ready: Callable[[], None] = lambda: None
    committed: bool = False
    _live: sqlite3.Connection | None = None
    _watch: sqlite3.Connection | None = None
    _watched: int | None = None
    _locked: sqlite3.Connection | None = None
    _before: int = 0

    def watch(self) -> None:
        """Remember what the target is like now. Trouble is no matter here: `run` meets it again."""
        with suppress(RestoreError, *FAULTS):
            self._watch = _connect(self.target)
            self._ask(self._watch, "PRAGMA journal_mode")  # rolls a hot journal back, as the application would
            self._watched = self._ask(self._watch, "PRAGMA data_version")

    def run(self) -> str:
        """Copy, and see that the write-ahead log is emptied. Raises `RestoreError`, and what `check` raises.

        Returns a sentence where something is worth saying. The target keeps its inode, owner, mode and journal mode.
        The private file's journal mode is changed.
        """
        try:
            self._watch = self._watch or _connect(self.target)
            self._live = _connect(self.target)
            with closing(_connect(self.source)) as private:
                return self._copy(self._live, private)
        except FAULTS as error:
            raise self._explained(error) from error

    def written_since(self) -> bool:
        """Tell whether another connection has committed since shortly before the copy began."""
        return self._live is not None and self._ask(self._live, "PRAGMA data_version") != self._before

    def close(self) -> None:
        """Let go of the target. In WAL mode, the last connection takes the sidecars with it."""
        if self._locked is not None:
            with suppress(*FAULTS):
                self._unlock(self._locked)
        for connection in (self._watch, self._live):
            if connection is not None:
                connection.close()
        self._watch = self._live = None

    def _copy(self, live: sqlite3.Connection, private: sqlite3.Connection) -> str:
        self.on_step("opened")
        mode = str(self._ask(live, "PRAGMA journal_mode"))  # rolls a hot journal back, as the application would
        empty = self._ask(live, "PRAGMA page_count") == 0
        private.execute("PRAGMA locking_mode=EXCLUSIVE")  # no shared memory beside the private file
        page_size = private.execute("PRAGMA page_size").fetchone()[0]
        leaves_wal = mode == "wal" and self._ask(live, "PRAGMA page_size") != page_size
        in_wal = mode == "wal" and not leaves_wal
        if not in_wal:
            self.ready()
        if leaves_wal:  # in WAL mode a page size can't change: https://www.sqlite.org/pragma.html#pragma_page_size
            live = self._alone()
            self._switch(live, "delete")
            self._watched = None  # our own commit can hide another's: data_version can't tell any more
        if not empty:  # or else a copy in WAL mode silently turns the target into WAL, and the other way
            private.execute(f"PRAGMA journal_mode={'wal' if in_wal else 'delete'}")
        if not in_wal:
            live = self._alone()
            self._lock(live)
        self._before = self._ask(live, "PRAGMA data_version")
        self.on_step("copying")
        self._back_up(private, live, page_size, in_wal=in_wal)
        self.on_step("committed")
        if not in_wal:
            self._unlock(live)
        if leaves_wal:
            self._switch(live, "wal")
        # Before the result is read: reading through a long log takes three times as long as reading the database.
        detail = self._empty_log(live) if mode == "wal" else ""
        self.on_step("checkpointed")
        return detail

    def _back_up(self, private: sqlite3.Connection, live: sqlite3.Connection, page_size: int, *, in_wal: bool) -> None:
        last_step = time.monotonic()
        keep_first = in_wal
        # Never all in one step, which would end with the commit: after the first one nobody else can commit.
        pages = min(_STEP_BYTES // page_size, private.execute("PRAGMA page_count").fetchone()[0] - 1)
        if pages < 1:
            if in_wal:
                self.ready()
            self._keep_what_was_written()
            keep_first = False

        def step(status: int, remaining: int, total: int) -> None:  # raising ends the backup, which rolls it back
            nonlocal last_step, keep_first
            if status == sqlite3.SQLITE_DONE:
                self.committed = True
                self.tell(total * page_size, total * page_size)
                return
            self.check()
            if status != sqlite3.SQLITE_OK:
                # By itself it would try for ever.
                if time.monotonic() - last_step > self.busy_timeout:
                    raise self._busy()
                return
            if keep_first:
                keep_first = False
                self._keep_what_was_written()
            if in_wal and remaining <= pages:  # the next step commits
                self.ready()
            last_step = time.monotonic()
            self.on_step("copied some")
            self.tell((total - remaining) * page_size, total * page_size)

        private.backup(live, pages=max(1, pages), progress=step, sleep=_PAUSE)

    # --- what was committed since the safety copy ----------------------------------------------------------------

    def _keep_what_was_written(self) -> None:
        """Under the lock: hand over what is about to be replaced, if it is not what the safety copy was taken of."""
        watch = self._watch
        if self.keep is None or watch is None:
            return
        if self._watched is None or self._ask(watch, "PRAGMA data_version") != self._watched:
            self.on_step("written meanwhile")
            self.keep(watch)

    def _alone(self) -> sqlite3.Connection:
        """Go on with the connection that watches, and no other: in a rollback mode it can't look past a lock."""
        if self._live is not None and self._live is not self._watch:
            self._live.close()
            self._live = self._watch
        if self._live is None:
            raise sqlite3.ProgrammingError("the target is closed")
        return self._live

    def _lock(self, live: sqlite3.Connection) -> None:
        """Keep everybody else from reading and writing until `_unlock`, also between our transactions.

        https://www.sqlite.org/pragma.html#pragma_locking_mode
        """
        self._do(live, "BEGIN EXCLUSIVE")
        self._locked = live
        live.execute("PRAGMA locking_mode=EXCLUSIVE")  # not before: it would keep the read lock, and others waiting
        live.execute("COMMIT")
        self._keep_what_was_written()

    def _unlock(self, live: sqlite3.Connection) -> None:
        """Let the others in again, and take away the journal that the locking mode has left."""
        live.execute("PRAGMA locking_mode=NORMAL")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._locked = None
        with suppress(sqlite3.OperationalError):  # an emptied journal is no harm
            for mode in ("persist", "delete"):
                live.execute(f"PRAGMA journal_mode={mode}")

    def _switch(self, live: sqlite3.Connection, mode: str) -> None:
        if self._ask(live, f"PRAGMA journal_mode={mode}") != mode:
            raise self._busy("leave WAL mode, which its other page size needs")

    def _empty_log(self, live: sqlite3.Connection) -> str:
        deadline = time.monotonic() + self.busy_timeout
        while True:
            with suppress(sqlite3.OperationalError):
                if not live.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return ""
            if time.monotonic() > deadline:
                return "A long reader keeps its write-ahead log as large as the database until it ends."
            time.sleep(_PAUSE)

    def _ask(self, connection: sqlite3.Connection, sql: str) -> Any:
        """Return the first value, waiting for locks until the timeout."""
        return self._do(connection, sql)[0]

    def _do(self, connection: sqlite3.Connection, sql: str) -> Any:
        deadline = time.monotonic() + self.busy_timeout
        while True:
            if not self.committed:
                self.check()
            try:
                return connection.execute(sql).fetchone()
            except sqlite3.OperationalError as error:
                if error_code(error) & 0xFF not in _WAITING or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _busy(self, to_do: str = "be written") -> RestoreError:
        return RestoreError(
            f"{self.target} stayed locked for {self.busy_timeout:.0f} seconds: it could not {to_do}.",
            rolled_back=True,
            hint="Stop the application for a moment and restore again.",
        )

    def _explained(self, error: Exception) -> RestoreError:
        primary = error_code(error) & 0xFF
        if primary in _WAITING:
            return self._busy()
        if primary in _FULL:
            return RestoreError(
                f"The disk of {self.target.parent} is full: {self.target.name} could not be written.",
                rolled_back=True,
                hint="A restore needs the database's size again for a while; free that much.",
            )
        if primary == sqlite3.SQLITE_READONLY:
            return RestoreError(
                f"{self.target} may not be written by this user.",
                rolled_back=True,
                hint="Restore as the user that the application runs as.",
            )
        said = refusal(self.target, error, waited=self.busy_timeout)
        return RestoreError(said.sentence, rolled_back=True, hint=said.hint)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri_of(path, mode="rw"), uri=True, isolation_level=None, timeout=_ATTEMPT, check_same_thread=False
    )
    # A schema that this SQLite can't read is no hindrance to replace it.
    connection.execute("PRAGMA writable_schema=ON")
    return connection
