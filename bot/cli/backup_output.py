"""Prints backups: the list, one in detail, a run, what was verified or pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.markup import escape

from bot.cli.output import complain, out, print_table, say, warn
from bot.clock import utc_now
from bot.errors import CourierError
from bot.models import (
    BackedUp,
    Backup,
    BackupDetails,
    BackupState,
    Delivery,
    DeliveryState,
    RestorePoint,
    RunResult,
    Status,
    Verdict,
)
from bot.services.catalogue.newest import is_ahead
from bot.services.retention.plan import Decision
from bot.texts import status as status_texts
from bot.texts.markup import plain
from bot.texts.measures import count, human_size

_STATE_STYLE = {
    BackupState.DELIVERED: "green",
    BackupState.STORED: "cyan",
    BackupState.PARTIAL: "yellow",
    BackupState.FAILED: "red",
    BackupState.INTERRUPTED: "red",
    BackupState.RUNNING: "blue",
}


def _time(moment: datetime | None, timezone: ZoneInfo) -> str:
    return f"{moment.astimezone(timezone):%Y-%m-%d %H:%M:%S}" if moment else "—"


def print_backups(backups: Sequence[Backup], timezone: ZoneInfo, why: Mapping[int, str]) -> None:
    """Print one row per backup; under its archive its note, and with `why` it stays where keep rules say so.

    The columns before that one keep their width, so that a terminal of 80 columns breaks nothing but names.
    """
    if not backups:
        say("No backups yet. `sqlite-courier backup` makes one.")
        return
    now = utc_now()

    def row(backup: Backup) -> tuple[str, ...]:
        where = "damaged" if backup.damaged else "gone" if backup.gone else "" if backup.on_disk else "not on disk"
        name = f"{backup.archive_name} ({where})".strip() if where else backup.archive_name
        name += " (dated in the future)" * is_ahead(backup.started_at, now)
        name = (name if backup.proven or backup.sealed else backup.error) + (" 📌" if backup.pinned else "")
        return (
            str(backup.id),
            _time(backup.started_at, timezone),
            f"[{_STATE_STYLE[backup.state]}]{backup.state}[/]",
            _counts(backup) if backup.proven or not backup.sealed else "?",
            human_size(backup.archive_bytes) if backup.archive_name else "—",
            escape("\n".join(line for line in (name, backup.note, why.get(backup.id, "")) if line)),
        )

    print_table((">id", f"time ({timezone.key})", "state", ">dbs", ">size", "archive"), map(row, backups), fixed=5)


def _counts(one: Backup | RestorePoint) -> str:
    """Say how many databases are in it, and how many were skipped."""
    return f"{len(one.databases)}" + (f" (-{len(one.skipped)})" if one.skipped else "")


def print_restore_points(points: Sequence[RestorePoint], timezone: ZoneInfo) -> None:
    if not points:
        say("The chat holds no restore point.")
        return
    titles = (f"time ({timezone.key})", ">count", ">size", ">volumes", "sha256", "archive", "databases")
    rows = (
        (
            _time(point.at, timezone),
            _counts(point),
            human_size(point.bytes),
            str(len(point.volumes)),
            point.sha256[:12],
            point.archive,
            escape(", ".join(held.name for held in point.databases)),
        )
        for point in points
    )
    print_table(titles, rows)


def print_details(details: BackupDetails, timezone: ZoneInfo) -> None:
    backup = details.backup
    style = _STATE_STYLE[backup.state]
    out.print(f"[bold]Backup {backup.id}[/]  [{style}]{backup.state}[/]  {_time(backup.started_at, timezone)} "
              f"({backup.trigger}, {escape(backup.requested_by)})")  # fmt: skip
    if backup.proven:
        where = "on the disk" if backup.on_disk else "gone from the disk" if backup.gone else "no longer on the disk"
        say(f"{backup.archive_name}  {human_size(backup.archive_bytes)}  {where}")
        say(f"sha256 {backup.archive_sha256}")
        if backup.sealed:
            say(f"sealed for {backup.sealed}")
        if backup.same_as is not None:
            say(f"unchanged: every database is byte for byte as in backup {backup.same_as}")
    elif backup.sealed:
        say(f"{backup.archive_name}  {backup.note}")
    if is_ahead(backup.started_at, utc_now()):
        warn("it is dated in the future: a wrong clock made it, and it counts as the oldest")
    if backup.fault:
        complain("damaged:" if backup.damaged else "gone:", backup.fault)
    for what, said in (("error", backup.error), ("note", backup.note), ("retention", details.retention)):
        if said:
            say(f"{what}: {said}")
    if backup.databases:
        rows = (
            (
                escape(entry.name),
                human_size(entry.bytes),
                human_size(entry.compressed_bytes),
                str(entry.verdict),
                _rows(entry),
                escape(entry.path),
            )
            for entry in backup.databases
        )
        print_table(("database", ">size", ">compressed", "check", ">rows", "path"), rows)
    _print_remarks(backup)
    for delivery in details.deliveries:
        _print_delivery(delivery, f" {_time(delivery.sent_at, timezone)}" if delivery.sent_at else "")


def _rows(entry: BackedUp) -> str:
    """Return how many rows were counted, with `?` for what could not be."""
    counted = [number for _, number in entry.rows if number >= 0]
    if len(counted) < len(entry.rows) or (not entry.rows and entry.verdict is not Verdict.OK):
        return f"{sum(counted):,} + ?" if counted else "?"
    return f"{sum(counted):,}"


def _print_remarks(backup: Backup) -> None:
    """Print what backup_info.txt warns of, what could not be checked or breaks rules; and what was skipped."""
    for entry in backup.databases:
        if entry.verdict is not Verdict.OK:
            why = f": {entry.messages[0]}" if entry.messages else ""
            warn(f"{entry.name} could not be checked{why}")
        for remark in entry.remarks:
            warn(f"{entry.name}: {remark}")
    for record in backup.skipped:
        complain("skipped", f"{record.name}: {record.detail}")


_MARKS = {DeliveryState.SENT: "✓", DeliveryState.NOT_DUE: "-"}


def _print_delivery(delivery: Delivery, when: str = "") -> None:
    mark = "-" if delivery.told_only else _MARKS.get(delivery.state, "…")
    state = "told" if delivery.told_only else str(delivery.state)
    reason = f": {delivery.reason}" if delivery.reason else ""
    say(f"{mark} {delivery.recipient.address} {state}{when}{reason}")


def print_run(result: RunResult, *, left_to_service: bool) -> None:
    backup = result.backup
    say(
        f"✓ backup {backup.id} proven: {backup.archive_name}, {count(len(backup.databases), 'database')}, "
        f"{human_size(backup.source_bytes)} → {human_size(backup.archive_bytes)}, "
        f"sha256 {backup.archive_sha256[:16]}" + (f", sealed for {backup.sealed}" if backup.sealed else "")
    )
    _print_remarks(backup)
    owed = sum(not delivery.state.settled for delivery in result.deliveries)
    if left_to_service and owed:
        say(f"… {owed} recipients are owed; the running service delivers.")
        return
    for delivery in result.deliveries:
        _print_delivery(delivery)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of verifying one archive: what was restored from it, or its fault and the error."""

    archive: str
    restored: str = ""
    fault: str = ""
    error: CourierError | None = None

    def as_data(self) -> dict[str, str | bool]:
        """Return what scripts are told."""
        return {
            "archive": self.archive, "ok": self.error is None, "fault": self.fault, "restored": self.restored,
        }  # fmt: skip


def print_verified(rows: Sequence[Verified]) -> None:
    if not rows:
        say("No archives on the disk.")
    for row in rows:
        if row.error is None:
            out.print(f"[green]✓[/] {escape(row.archive)}: {escape(row.restored)}", soft_wrap=True)
        else:
            complain("✗", f"{row.archive}: {row.fault}")


def print_decisions(decisions: Sequence[Decision], *, dry_run: bool) -> None:
    if not decisions:
        say("Nothing to delete." if not dry_run else "No archives on the disk.")
        return

    def row(decision: Decision) -> tuple[str, ...]:
        verb = "keep" if decision.keep else "would delete" if dry_run else "deleted"
        style = "green" if decision.keep else "yellow"
        return f"[{style}]{verb}[/]", escape(decision.backup.archive_name), escape(decision.why)

    print_table(("", "archive", "why"), map(row, decisions))


def print_status(status: Status, timezone: ZoneInfo) -> None:
    """Print the same screen as the chat's Backup Status."""
    say(plain(status_texts.status(status, timezone)))
