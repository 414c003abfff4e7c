"""Plans a restore: the changes in each database, what would be lost, and what stands in the way."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.models import DatabaseChange, DatabaseFacts, DiskNeed, InUse, LossCode, RestoreMethod, RestorePlan, TargetState
from bot.services.files.space import SPARE_BYTES
from bot.services.restore.context import RestoreContext
from bot.services.restore.facts import compare_rows, compare_schemas, facts_of, newer_rows
from bot.services.restore.in_use import named
from bot.services.restore.incoming import Incoming, Intake
from bot.services.restore.losses import Losses, loss, losses_of
from bot.services.restore.private_copy import same_content
from bot.services.restore.targets import Target


def plan_change(
    incoming: Incoming,
    target: Target,
    *,
    folder: Path | None,
    force: bool,
    brought: Path | None = None,
    told_apart: bool = True,
    check: Callable[[], None] = lambda: None,
) -> DatabaseChange:
    """Say what restoring one database does to its target. Blocking: rows of private copies are compared.

    What `brought` holds, a private copy of what the restore before brought, is not called lost. Nothing is where the
    two can't be `told_apart`. Raises what `check` raises.
    """
    then = facts_of(incoming.snapshot, incoming.report)
    now = target.facts
    if folder is not None:
        there = target.state is not TargetState.MISSING or target.left_sidecars
        method = RestoreMethod.REPLACE if there else RestoreMethod.NEW_FILE
    else:
        method = RestoreMethod.INTO_LIVE if target.state is TargetState.READABLE else RestoreMethod.REPLACE
    tables = compare_rows(now.rows if now else (), then.rows)
    same = target.snapshot is not None and same_content(target.snapshot.file, incoming.snapshot.file)
    losses = Losses() if same or not told_apart else _losses(incoming, target, brought, check)
    return DatabaseChange(
        name=incoming.name,
        path=target.path,
        target=target.file,
        method=method,
        state=target.state,
        now=now,
        then=then,
        taken_at=incoming.snapshot.taken_at if incoming.record else None,
        same=same,
        tables=tables,
        schema=compare_schemas(now.schema, then.schema) if now else (),
        in_use=target.in_use,
        used_by=target.used_by,
        in_use_means=_in_use_means(target, method, now),
        lost=losses.lost,
        warnings=(*_warnings(incoming, target, method, now, then), *_uncounted(incoming.name, losses.uncounted)),
        obstacles=_obstacles(target, method, now, then, folder=folder, force=force),
    )


def make_plan(
    intake: Intake, changes: Sequence[DatabaseChange], context: RestoreContext, *, folder: Path | None
) -> RestorePlan:
    """Join the changes to a plan, with the disk space that it takes. Blocking."""
    disks = _disks(changes, work=context.store.work, store=context.store.folder)
    short = [
        f"There is not enough space in {disk.folder}: {disk.needed:,} bytes are needed for a while, {disk.free:,} are"
        " free. Free some."
        for disk in disks
        if disk.needed > disk.free
    ]
    consent = [str(folder), *(incoming.sha256 for incoming in intake.databases)]
    consent += [f"{c.name}\0{c.target}\0{c.method}\0{c.state}\0{c.in_use}" for c in changes]
    return RestorePlan(
        id=hashlib.sha256("\n".join(consent).encode("utf-8", "surrogateescape")).hexdigest()[:12],
        source=intake.source,
        backup_id=intake.backup.id if intake.backup else None,
        created_at=context.clock(),
        taken_at=intake.taken_at,
        folder=folder,
        changes=tuple(changes),
        disks=disks,
        warnings=(*intake.warnings, *_whose(intake, context.host)),
        obstacles=tuple(short),
    )


def _whose(intake: Intake, here: str) -> tuple[str, ...]:
    """Say whose backup it is, where this server's catalogue does not know it and its manifest names another one."""
    manifest = intake.manifest
    if intake.backup is not None or manifest is None or not manifest.host or manifest.host == here:
        return ()
    return (f"This is a backup of {manifest.host}, and this server is {here}.",)


def _in_use_means(target: Target, method: RestoreMethod, now: DatabaseFacts | None) -> str:
    by = named(target.used_by)
    if target.in_use is InUse.CLOSED:
        return "No program has it open."
    if target.in_use is InUse.UNKNOWN:
        if method is RestoreMethod.INTO_LIVE:
            return "Whether a program has it open can't be told here; it may, and sees the restored data at once."
        return "Whether a program has it open can't be told here: stop its application first."
    if method is not RestoreMethod.INTO_LIVE:
        return f"It is open{by}: a file in use can't be replaced."
    waits = "its readers go on, and its writers wait" if now and now.journal_mode == "wal" else "it waits"
    if target.written:
        kept = "What is written until the last moment is kept in the safety copy."
        return f"{target.written} {kept} While the data is copied, {waits}; restart it afterwards if in doubt."
    return (
        f"It is open{by}: {waits} while the data is copied; it sees the restored data at its next statement. What it"
        " keeps in memory it does not know to be old: restart it afterwards if in doubt."
    )


def _losses(incoming: Incoming, target: Target, brought: Path | None, check: Callable[[], None]) -> Losses:
    """Compare what is there with what comes; where rows can't be compared, those with a newer id are counted."""
    if target.snapshot is None or target.facts is None:
        return Losses()
    now, then, rows = target.snapshot.file, incoming.snapshot.file, dict(target.facts.rows)
    losses = losses_of(now, then, rows, kept=brought, check=check)
    lost = list(losses.lost)
    last = {} if brought else {name: at for name, at in incoming.report.last_rowids if name in losses.uncounted}
    newer = newer_rows(now, last)
    before = dict(incoming.report.rows)
    for table in losses.uncounted:
        count = newer.get(table, 0)
        if brought is None and -1 not in (rows[table], before.get(table, 0)):
            count = max(count, rows[table] - before.get(table, 0))
        if count > 0:
            lost.append(loss(LossCode.MORE_ROWS, table, newer=count))
    return Losses(lost=tuple(lost), uncounted=losses.uncounted)


def _uncounted(name: str, tables: Sequence[str]) -> tuple[str, ...]:
    if not tables:
        return ()
    shown = ", ".join(f"“{table}”" for table in tables[:5]) + (
        f" and {len(tables) - 5} more" if len(tables) > 5 else ""
    )
    return (
        f"{name}: edits were not counted in {shown} (too large, or not comparable): rows that were changed there since"
        " will be gone too.",
    )


def _warnings(
    incoming: Incoming, target: Target, method: RestoreMethod, now: DatabaseFacts | None, then: DatabaseFacts
) -> tuple[str, ...]:
    name, found = incoming.name, []
    if target.warning:
        aside = " It is set aside, not deleted." if target.state is TargetState.BROKEN else ""
        found.append(target.warning + aside)
    if target.damage:
        found.append(f"{name} is damaged now ({target.damage}); a copy of it as it is will be kept.")
    if now is not None:
        if now.application_id != then.application_id:
            found.append(
                f"{name} has another application_id ({now.application_id} now, {then.application_id} in the backup): it"
                " may be another application's database."
            )
        if now.user_version != then.user_version:
            found.append(
                f"{name} has another user_version ({now.user_version} now, {then.user_version} in the backup): the"
                " application's schema has changed since; see that it can migrate."
            )
        if now.schema and not {entry[:2] for entry in now.schema} & {entry[:2] for entry in then.schema}:
            found.append(f"{name} has no table in common with the backup: it may be another database of that name.")
        if now.page_size != then.page_size and now.journal_mode == "wal" and method is RestoreMethod.INTO_LIVE:
            found.append(f"{name} leaves WAL mode for the time of the restore, since its page size changes.")
    if target.left_sidecars:
        found.append(f"Files of a former {target.file.name} (-wal, -shm or -journal) lie there; they are set aside.")
    if method is RestoreMethod.REPLACE and target.state is TargetState.MISSING:
        found.append(f"{target.file} is made anew: readable by its owner alone, who is the owner of the folder.")
    return tuple(found)


def _obstacles(
    target: Target,
    method: RestoreMethod,
    now: DatabaseFacts | None,
    then: DatabaseFacts,
    *,
    folder: Path | None,
    force: bool,
) -> tuple[str, ...]:
    found = [target.obstacle] if target.obstacle else []
    if folder is not None and method is RestoreMethod.REPLACE and not force:
        found.append(f"{target.file} exists already, and is not overwritten. Choose an empty folder.")
    elif method is RestoreMethod.REPLACE and target.in_use is InUse.OPEN:
        by = named(target.used_by)
        found.append(f"{target.file} is broken or missing, and yet open{by}. Stop the application, then restore.")
    elif method is RestoreMethod.REPLACE and target.in_use is InUse.UNKNOWN and not force:
        found.append(
            f"That nobody has {target.file} open can't be proven here. Stop its application, then"
            " restore at the command line with --force."
        )
    if folder is None and not target.file.parent.is_dir():
        found.append(f"The folder {target.file.parent} does not exist. Make it, with the owner that it had.")
    if (
        method is RestoreMethod.INTO_LIVE
        and target.in_use is InUse.OPEN
        and now is not None
        and now.journal_mode == "wal"
        and now.page_size != then.page_size
    ):
        found.append(
            f"{target.file} is open, and its page size ({now.page_size}) is not that of the backup ({then.page_size}):"
            " in WAL mode it can't change while a program has it open. Stop the application, then restore."
        )
    return tuple(found)


def _disks(changes: Sequence[DatabaseChange], *, work: Path, store: Path) -> tuple[DiskNeed, ...]:
    """Sum up, disk by disk, what a restore writes: the new content, the safety copy, and its archive."""
    needs: dict[int, tuple[Path, int]] = {}

    def need(folder: Path, size: int) -> None:
        while not folder.exists():
            folder = folder.parent
        device = folder.stat().st_dev
        first, before = needs.get(device, (folder, SPARE_BYTES))
        needs[device] = (first, before + size)

    for change in changes:
        need(change.target.parent, change.then.bytes)  # in the write-ahead log, the rollback journal or the new file
        if change.now is not None and change.method is RestoreMethod.INTO_LIVE:
            need(change.target.parent, max(0, change.then.bytes - change.now.bytes))
            need(work, change.now.bytes)
            need(store, change.now.bytes * (1 if change.in_use is InUse.CLOSED else 2))  # written to meanwhile: twice
        need(work, change.then.bytes)  # the copy that the result is checked on
    return tuple(DiskNeed(folder=f, needed=n, free=shutil.disk_usage(f).free) for f, n in needs.values())
