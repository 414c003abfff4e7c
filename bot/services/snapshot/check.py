"""Checks a snapshot: its integrity, its content and its schema."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from bot.errors import AbortedError
from bot.models import NO_REASON, CheckMethod, CheckReport, Snapshot, UncheckedCode, Verdict, because
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import beside
from bot.services.concurrency.threads import require_descriptors, run_to_end
from bot.services.snapshot.check_process import CheckProcess, Limits, StoppedShortError, limits_for
from bot.services.snapshot.integrity import DAMAGED, UNCHECKED, Findings, evaluates, examine
from bot.services.snapshot.source import uri_of
from bot.services.snapshot.sqlite_errors import is_known_format
from bot.services.snapshot.sqlite_faults import proves_damage, said

T = TypeVar("T")

_LOOK_EVERY = 0.05  # seconds between two looks at the abort flag


async def check_snapshot(
    snapshot: Snapshot, method: CheckMethod, *, abort: Abort, foreign: bool = False, limits: Limits | None = None
) -> CheckReport:
    """Return what a check of the private copy found; its bytes stay as they are, and nothing is left beside it.

    FULL compares every index with its table, QUICK does not. DAMAGED is proof: pages that contradict one another, or of
    which SQLite can make no sense. Rows that break a NOT NULL, CHECK or type rule of their own table are no damage, and
    named in the messages of an OK. UNCHECKED is whatever else kept the check from its end, as `unchecked` says, with
    all right that could be checked: a schema that this SQLite can't read, that needs functions of its own application,
    or more time or memory than `limits` (by default `limits_for` its size); a machine without memory, without files to
    open or with a disk that can't be read. Violated foreign keys are counted and change no verdict. Raises
    `AbortedError` only.

    What may have to evaluate what a schema says goes on in a process of its own. `foreign` is a file that anybody may
    have made: all of its check does, and CHECK constraints, which tell nothing of damage, are not evaluated.
    """
    own = Abort(parent=abort)  # a cancellation stops this check, not everything that holds the caller's flag
    checking = _Checking(snapshot, limits or limits_for(snapshot.bytes), own)
    try:
        found = await checking.findings(full=method is CheckMethod.FULL, foreign=foreign)
    except AbortedError:
        raise
    except Exception as error:  # of opening the copy, or of a machine that may not even give us a process
        if proves_damage(error):
            found = Findings(DAMAGED, (said(error),))
        else:
            found = Findings(UNCHECKED, unchecked=(UncheckedCode.COPY_UNREAD, (("said", said(error)),)))
    code, facts = found.unchecked
    unchecked = because(UncheckedCode(code), **dict(facts)) if code else NO_REASON
    return CheckReport(method=method, **found._asdict() | {"verdict": Verdict(found.verdict), "unchecked": unchecked})


class _Checking:
    """One check of one copy, in a thread or in a process, given up once its flag is set."""

    def __init__(self, snapshot: Snapshot, limits: Limits, abort: Abort) -> None:
        self._file = snapshot.file
        self._uri = uri_of(snapshot.file, mode="rw")
        self._limits = limits
        self._abort = abort

    async def findings(self, *, full: bool, foreign: bool) -> Findings:
        self._abort.check()
        if not await run_to_end(lambda: is_known_format(self._file), stop=self._abort.set):
            return Findings(UNCHECKED, unchecked=(UncheckedCode.FORMAT, (("version", sqlite3.sqlite_version),)))
        if not foreign and not await run_to_end(self._evaluates, stop=self._abort.set):
            return await self._plain(full=full)
        try:
            return await self._apart(full=full, rules=not foreign)
        except StoppedShortError as short:
            why, known = short.why, short.found or Findings(UNCHECKED)
        # What evaluates nothing but columns is tried once more: is there damage all the same, and how many rows?
        try:
            rest = await self._apart(full=False, rules=False) if full or not foreign else known
        except StoppedShortError as again:
            rest = again.found or known
        return rest if rest.verdict == DAMAGED else rest._replace(verdict=UNCHECKED, messages=(), unchecked=why)

    def _evaluates(self) -> bool:
        require_descriptors()
        return evaluates(self._uri)

    async def _plain(self, *, full: bool) -> Findings:
        """Check what evaluates nothing: in a process where that can map the copy into memory, else in a thread.

        Of a disk that fails, a mapped page tells by ending its process, which must not be this one. Whatever else keeps
        that from its end, a limit too, is looked at once more by reading.
        """
        if full and self._limits.mapped_bytes:
            with suppress(StoppedShortError):
                found = await self._apart(full=full, rules=True)
                if found.verdict != UNCHECKED:
                    return found
        return await self._in_thread(full=full)

    async def _in_thread(self, *, full: bool) -> Findings:
        connections: list[sqlite3.Connection] = []

        def work() -> Findings:
            require_descriptors()
            return examine(self._uri, full=full, rules=True, check=self._abort.check, opened=connections.append)

        def interrupt() -> None:
            # SQLite calls no progress handler while it walks the pages; it looks for an interrupt at each of them.
            with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                for connection in connections:
                    connection.interrupt()

        return await self._watched(work, stop=interrupt, look=lambda: None)

    async def _apart(self, *, full: bool, rules: bool) -> Findings:
        process = CheckProcess(self._uri, full=full, rules=rules, limits=self._limits)
        return await self._watched(process.run, stop=process.stop, look=process.stop_when_late)

    async def _watched(self, work: Callable[[], T], *, stop: Callable[[], None], look: Callable[[], None]) -> T:
        """Do `work` in a thread; `stop` it, again and again, once it is wanted no longer. Raises `AbortedError`."""

        async def watch() -> None:
            while True:
                await asyncio.sleep(_LOOK_EVERY)
                try:
                    self._abort.check()
                except AbortedError:
                    stop()
                look()

        try:
            async with beside(watch()):
                return await run_to_end(work, stop=self._abort.set)
        except StoppedShortError:
            self._abort.check()  # is that why?
            raise
