"""Leads every restore through `prepare`, a plan, and `restore`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.errors import DamagedArchiveError, RestoreRefusedError, UntrustedArchiveError
from bot.models import DatabaseChange, PendingRestore, RestoreProgress, RestoreResult, RestoreStage
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_folder import private_folder
from bot.services.restore.context import Prepared, Report, RestoreContext
from bot.services.restore.execute import restore
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.intake import SPARE_BYTES, take_in
from bot.services.restore.pending import pending_restore
from bot.services.restore.plan import make_plan, plan_change
from bot.services.restore.sources import RestoreSource, found_damaged
from bot.services.restore.targets import Configured, Target, known_active, look_at_target
from bot.services.restore.undo import prepare_undo


class Restorer:
    """Plans restores and does them. One instance serves any number of them, one after the other.

    `configured` are the live files that a restore in place may write.
    """

    def __init__(self, house: RestoreContext, configured: Configured) -> None:
        self.house = house
        self._configured = configured

    async def pending(self) -> PendingRestore | None:
        """Put in order, and tell, what a restore that was cut off has left; see `pending_restore`."""
        return await pending_restore(self.house)

    @asynccontextmanager
    async def prepare(
        self,
        origin: RestoreSource,
        *,
        only: Sequence[str] = (),
        folder: Path | None = None,
        force: bool = False,
        abort: Abort,
        report: Report = lambda _: None,
    ) -> AsyncIterator[Prepared]:
        """Take in what was brought, compare it with what is there, and give the plan; nothing is changed.

        Without `folder` the configured live files are the targets. The private copies live as long as the context.
        Raises what `take_in` raises, and `RestoreRefusedError` where there is no target at all.
        """
        own = Abort(parent=abort)
        if folder is not None:
            await asyncio.to_thread(self._require_not_own, [folder])
        async with private_folder(self.house.store.work) as room, _LooksAhead(self.house, room, own) as looks:

            def expect(origins: Mapping[str, Path | None], size: int) -> None:
                if folder is None:
                    looks.expect([self._configured.find(*database) for database in origins.items()], beside=size)
                else:
                    looks.expect([folder / name for name in origins], beside=size)

            try:
                intake = await take_in(
                    replace(origin, only=tuple(only) or origin.only),
                    room,
                    keys=self.house.keys,
                    abort=abort,
                    report=report,
                    expect=expect,
                )
            except (DamagedArchiveError, UntrustedArchiveError) as error:
                raise await found_damaged(self.house.store, self.house.catalogue, origin, error) from error
            targets, left_out = self._targets(intake, folder, only)
            yield await self._compare(
                intake, targets, left_out, looks, room=room, folder=folder, force=force, report=report
            )

    @asynccontextmanager
    async def prepare_undo(self, *, abort: Abort, report: Report = lambda _: None) -> AsyncIterator[Prepared]:
        """Plan to bring back what the last restore in place replaced. Raises `NotFoundError` where there is none."""
        async with private_folder(self.house.store.work) as room:
            yield await prepare_undo(self.house, room, abort=abort, report=report)

    async def restore(
        self, prepared: Prepared, *, requested_by: str, abort: Abort, report: Report = lambda _: None
    ) -> RestoreResult:
        """Act on the plan; see `act.restore`."""
        await self.pending()
        await asyncio.to_thread(self._require_not_own, [change.target for change in prepared.plan.changes])
        return await restore(prepared, self.house, requested_by=requested_by, abort=abort, report=report)

    def _require_not_own(self, targets: Iterable[Path]) -> None:
        """Raise `RestoreRefusedError` where a target is the product's own. Blocking."""
        for target in targets:
            if why := self.house.own.why(target):
                raise RestoreRefusedError(
                    f"{target} {why}: nothing is restored there.", hint="Restore into another folder with --to DIR."
                )

    def _targets(
        self, intake: Intake, folder: Path | None, only: Sequence[str]
    ) -> tuple[list[tuple[Incoming, Path]], list[str]]:
        if folder is not None:
            return [(one, folder / one.name) for one in intake.databases], []
        found, left_out = [], []
        for one in intake.databases:
            path = self._configured.find(one.name, one.snapshot.database.path if one.record is not None else None)
            if path is None:
                left_out.append(f"{one.name} is no configured database (DATABASES), and is left out.")
            elif why := self.house.own.why(path):  # a catalogue that an earlier version took for a database
                left_out.append(f"{path} {why}, and is left out.")
            else:
                found.append((one, path))
        taken: dict[str, str] = {}
        for one, path in found:
            other = taken.setdefault(os.path.realpath(path), one.name)
            if other != one.name:
                raise RestoreRefusedError(
                    f"{other} and {one.name} would both go to {path}.", hint="Choose one of them with --only."
                )
        if not found or (only and left_out):
            names = ", ".join(one.name for one in intake.databases)
            raise RestoreRefusedError(
                left_out[0].replace(", and is left out", "")
                if only and left_out
                else f"None of the configured databases (DATABASES) is meant by {names}.",
                hint="Restore into a folder with --to DIR, and copy it from there.",
            )
        return found, left_out

    async def _compare(
        self,
        intake: Intake,
        targets: Sequence[tuple[Incoming, Path]],
        left_out: Sequence[str],
        looks: _LooksAhead,
        *,
        room: Path,
        folder: Path | None,
        force: bool,
        report: Report,
    ) -> Prepared:
        changes: list[DatabaseChange] = []
        for one, path in targets:
            report(RestoreProgress(stage=RestoreStage.COMPARE, done=len(changes), total=len(targets), detail=one.name))
            target = await looks.at(path)
            compare = partial(plan_change, one, target, folder=folder, force=force, check=looks.abort.check)
            changes.append(await run_to_end(compare, stop=looks.abort.set))
            if target.snapshot is not None:
                await asyncio.to_thread(target.snapshot.file.unlink)
        wanted = {change.name for change in changes}
        intake = replace(
            intake,
            source=intake.dated(ZoneInfo(self.house.timezone)),
            databases=tuple(one for one in intake.databases if one.name in wanted),
        )
        plan = await asyncio.to_thread(
            partial(
                make_plan,
                intake,
                changes,
                folder=folder,
                work=room,
                store=self.house.store.folder,
                created_at=self.house.clock(),
                warnings=left_out,
            )
        )
        return Prepared(plan=plan, intake=intake, room=room, force=force)


class _LooksAhead:
    """Looks at the targets, one after the other, beside the unpacking of what they are to be compared with.

    Ended with its context: whoever leaves it early waits for the look under way, which `abort` ends soon.
    """

    def __init__(self, house: RestoreContext, room: Path, abort: Abort) -> None:
        self._house, self._room, self.abort = house, room, abort
        self._looks: dict[Path, asyncio.Task[Target]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> _LooksAhead:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._looks:
            self.abort.set()
            await asyncio.wait(self._looks.values())
            for task in self._looks.values():
                if not task.cancelled():
                    task.exception()  # seen: nobody asks for it any more

    def expect(self, paths: Iterable[Path | None], *, beside: int) -> None:
        """Begin to look at targets, if the private folder has space for their copies beside so many bytes."""
        found = [path for path in paths if path is not None]
        with suppress(OSError):
            if beside + sum(_bytes(path) for path in found) + SPARE_BYTES <= shutil.disk_usage(self._room).free:
                for path in found:
                    self._begin(path)

    async def at(self, path: Path) -> Target:
        """Return what was, or is now, seen there. Raises `AbortedError`."""
        task = self._begin(path)
        await asyncio.wait([task])
        del self._looks[path]
        return task.result()

    def _begin(self, path: Path) -> asyncio.Task[Target]:
        if path not in self._looks:
            self._looks[path] = asyncio.create_task(self._look(path), name=f"look at {path}")
        return self._looks[path]

    async def _look(self, path: Path) -> Target:
        async with self._one_at_a_time:
            target = await look_at_target(
                path, self._room, busy_timeout=self._house.busy_timeout, abort=self.abort, clock=self._house.clock
            )
            return known_active(target, self._house.active)


def _bytes(path: Path) -> int:
    """The size of a database with what its log still holds."""
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())
