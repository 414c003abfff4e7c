"""Prints backups: the list, one in detail, a run, what was verified or pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.markup import escape

from bot import texts
from bot.cli.output import err, make_table, out, say, warn
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
from bot.texts.measures import count

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
    table = make_table(">id", f"time ({timezone.key})", "state", ">dbs", ">size", "archive")
    for column in table.columns[:-1]:
        column.no_wrap = True
    now = utc_now()
    for backup in backups:
        style = _STATE_STYLE[backup.state]
        where = "damaged" if backup.damaged else "gone" if backup.gone else "" if backup.on_disk else "not on disk"
        name = f"{backup.archive_name} ({where})".strip() if where else backup.archive_name
        name += " (dated in the future)" * is_ahead(backup.started_at, now)
        name = (name if backup.proven or backup.sealed else backup.error) + (" 📌" if backup.pinned else "")
        table.add_row(
            str(backup.id),
            _time(backup.started_at, timezone),
            f"[{style}]{backup.state}[/]",
            f"{len(backup.databases)}" + (f" (-{len(backup.skipped)})" if backup.skipped else "")
            if backup.proven or not backup.sealed
            else "?",
            texts.human_size(backup.archive_bytes) if backup.archive_name else "—",
            escape("\n".join(line for line in (name, backup.note, why.get(backup.id, "")) if line)),
        )
    out.print(table)


def print_restore_points(points: Sequence[RestorePoint], timezone: ZoneInfo) -> None:
    if not points:
        say("The chat holds no restore point.")
        return
    table = make_table(f"time ({timezone.key})", ">count", ">size", ">volumes", "sha256", "archive", "databases")
    for point in points:
        table.add_row(
            _time(point.at, timezone),
            f"{len(point.databases)}" + (f" (-{len(point.skipped)})" if point.skipped else ""),
            texts.human_size(point.bytes),
            str(len(point.volumes)),
            point.sha256[:12],
            point.archive,
            escape(", ".join(held.name for held in point.databases)),
        )
    out.print(table)


def print_details(details: BackupDetails, timezone: ZoneInfo) -> None:
    backup = details.backup
    style = _STATE_STYLE[backup.state]
    out.print(f"[bold]Backup {backup.id}[/]  [{style}]{backup.state}[/]  {_time(backup.started_at, timezone)} "
              f"({backup.trigger}, {escape(backup.requested_by)})")  # fmt: skip
    if backup.proven:
        where = "on the disk" if backup.on_disk else "gone from the disk" if backup.gone else "no longer on the disk"
        say(f"{backup.archive_name}  {texts.human_size(backup.archive_bytes)}  {where}")
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
        err.print(f"[red]{'damaged' if backup.damaged else 'gone'}[/]: {escape(backup.fault)}", soft_wrap=True)
    if backup.error:
        say(f"error: {backup.error}")
    if backup.note:
        say(f"note: {backup.note}")
    if details.retention:
        say(f"retention: {details.retention}")
    if backup.databases:
        table = make_table("database", ">size", ">compressed", "check", ">rows", "path")
        for entry in backup.databases:
            table.add_row(
                escape(entry.name),
                texts.human_size(entry.bytes),
                texts.human_size(entry.compressed_bytes),
                str(entry.verdict),
                _rows(entry),
                escape(entry.path),
            )
        out.print(table)
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
        err.print(f"[red]skipped[/] {escape(record.name)}: {escape(record.detail)}", soft_wrap=True)


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
        f"{texts.human_size(backup.source_bytes)} → {texts.human_size(backup.archive_bytes)}, "
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
            err.print(f"[red]✗[/] {escape(row.archive)}: {escape(row.fault)}", soft_wrap=True)


def print_decisions(decisions: Sequence[Decision], *, dry_run: bool) -> None:
    if not decisions:
        say("Nothing to delete." if not dry_run else "No archives on the disk.")
        return
    table = make_table("", "archive", "why")
    for decision in decisions:
        verb = "keep" if decision.keep else "would delete" if dry_run else "deleted"
        table.add_row(f"[{'green' if decision.keep else 'yellow'}]{verb}[/]", escape(decision.backup.archive_name),
                      escape(decision.why))  # fmt: skip
    out.print(table)


def print_status(status: Status, timezone: ZoneInfo) -> None:
    """Print the same screen as the chat's Backup Status."""
    say(texts.plain(texts.Texts(timezone=timezone).status(status)))
