"""Holds what was brought to be restored: databases in private copies, proven and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import UntrustedArchiveError
from bot.models import BackedUp, Backup, Cause, CheckReport, Reason, Snapshot, because
from bot.services.archive.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A database that is to be restored: its private copy (`snapshot.file`), proven and checked.

    `record` is what the manifest said of it, None in a foreign archive. `fingerprint` is equal for databases with the
    same content page by page, see `private_copy`.
    """

    name: str
    snapshot: Snapshot
    report: CheckReport
    sha256: str
    fingerprint: str
    record: BackedUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What was brought to restore from, unpacked in a private folder. `source` is what it is, a `SourceCode`; `file` is
    the name of what was read, where it has one.

    `missing` are databases that the manifest names and the archive no longer holds, `damaged` those that were left out.
    """

    source: Reason
    databases: tuple[Incoming, ...]
    taken_at: datetime | None
    backup: Backup | None = None
    file: str = ""
    warnings: tuple[str, ...] = ()
    manifest: Manifest | None = None
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def require_claims(archive: str, record: BackedUp, snapshot: Snapshot, report: CheckReport, sha256: str) -> None:
    """Hold a database against every claim of its manifest. Raises `UntrustedArchiveError`, which names the claim."""
    claims = (
        ("SHA-256", record.sha256 == sha256),
        ("size", record.bytes == snapshot.bytes),
        ("page size", record.page_size == snapshot.page_size),
        ("page count", record.page_count == snapshot.page_count),
        ("application_id", record.application_id == snapshot.application_id),
        ("user_version", record.user_version == snapshot.user_version),
        ("number of rows", _same_rows(record.rows, report)),
    )
    for what, true in claims:
        if not true:
            raise UntrustedArchiveError(
                f"The manifest of {archive} is wrong about {record.name}: its {what} is not what it says.",
                hint="It is not the archive that was written: take another backup.",
                cause=because(Cause.MEMBER_DAMAGED, name=record.name),
            )


def _same_rows(claimed: Sequence[tuple[str, int]], report: CheckReport) -> bool:
    """Whether both count the same, where both could count: what could not be checked contradicts nothing.

    Some tables need functions of their own application, and which tables are the inner ones of a module that is missing
    here can't be told.
    """
    if not report.schema_sha256:  # nothing was read of it
        return True
    counts = dict(report.rows)
    uncounted = {name for kind, name, _ in report.schema if kind == "table"} - counts.keys()
    return all(
        table in uncounted or -1 in (count, counts.get(table)) or count == counts.get(table) for table, count in claimed
    )
