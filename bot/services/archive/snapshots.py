"""Makes an archive of snapshots: writes it, describes what is in it, and reads it back as a restore would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from bot.errors import ArchiveError, DamagedArchiveError, UntrustedArchiveError
from bot.models import (
    INFO_NAME,
    MANIFEST_NAME,
    Archive,
    Cause,
    CheckReport,
    Compression,
    Member,
    ReportBytes,
    SkippedRecord,
    Snapshot,
    Trigger,
    because,
)
from bot.services.archive.backup_info import build_info
from bot.services.archive.manifest import Manifest, backed_up, build_manifest, manifest_in
from bot.services.archive.screening import screened
from bot.services.archive.stream import MemberSource
from bot.services.archive.write import ArchiveWriter, unseen
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.sealing.keys import Seal
from bot.services.zip.deflated import DeflatedMember

NOTHING: Mapping[str, DeflatedMember] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """What an archive is called, what it says of how it was made, and how it is written."""

    target: Path
    created_at: datetime
    trigger: Trigger
    host: str
    timezone: str
    compression: Compression
    seal: Seal | None = None


class SnapshotArchive(ArchiveWriter):
    """An archive of snapshots on its way: `take_in` them, have them checked meanwhile, and `complete` it."""

    def __init__(self, plan: ArchivePlan, *, abort: Abort) -> None:
        super().__init__(plan.target, compression=plan.compression, abort=abort, seal=plan.seal)
        self._plan = plan
        self._snapshots: Sequence[Snapshot] = ()
        self._members: Sequence[Member] = ()

    async def take_in(
        self,
        snapshots: Sequence[Snapshot],
        *,
        deflated: Mapping[str, DeflatedMember] = NOTHING,
        earlier: Mapping[str, DeflatedMember] = NOTHING,
        progress: ReportBytes,
    ) -> None:
        """Write them into the archive; `progress` counts their bytes.

        By the name of its database, what is `deflated` already is taken over as it is; of what has an `earlier` state,
        the blocks that are the same. All is read back and proven.
        """
        self._snapshots = snapshots
        sources = [
            MemberSource(
                name=one.database.name,
                file=one.file,
                modified=one.taken_at,
                deflated=deflated.get(one.database.name),
                earlier=earlier.get(one.database.name),
            )
            for one in snapshots
        ]
        self._members = await self.write(sources, progress=progress)

    async def complete(
        self, reports: Sequence[CheckReport], skipped: Sequence[SkippedRecord] = (), *, proving: ReportBytes = unseen
    ) -> tuple[Archive, Manifest]:
        """Describe it, by a report for each snapshot, prove it and bring it to the disk; `proving` counts its bytes.

        At last it is read as whoever restores it will read it, unless it is sealed, since nothing here may be able to
        open that.
        """
        plan = self._plan
        manifest = build_manifest(
            created_at=plan.created_at,
            trigger=plan.trigger,
            host=plan.host,
            timezone=plan.timezone,
            databases=[
                backed_up(*one, plan.compression) for one in zip(self._snapshots, reports, self._members, strict=True)
            ],
            skipped=skipped,
        )
        archive = await self.finish(_description(manifest, plan), progress=proving)
        if plan.seal is None:
            await run_to_end(partial(_read_as_a_restore_would, plan.target, manifest), stop=bool)
        return archive, manifest


def _description(manifest: Manifest, plan: ArchivePlan) -> tuple[MemberSource, MemberSource]:
    """Return the closing members: for people and for programs. Raises `ArchiveError` where it could not be read."""
    info = build_info(manifest, plan.target.name, sealed=plan.seal.label if plan.seal else "")
    content = manifest.to_json()
    _require_same(Manifest.from_json(content), manifest)
    return (
        MemberSource(name=INFO_NAME, content=info, modified=plan.created_at),
        MemberSource(name=MANIFEST_NAME, content=content, modified=plan.created_at),
    )


def _read_as_a_restore_would(path: Path, manifest: Manifest) -> None:
    try:
        with screened(path, trusted=True) as archive:
            _require_same(manifest_in(archive), manifest)
    except (UntrustedArchiveError, DamagedArchiveError) as error:
        cause = because(Cause.UNPROVEN_MANIFEST, manifest=MANIFEST_NAME)
        raise ArchiveError(
            f"The archive could not be proven: {error.sentence}", hint=error.hint, cause=cause
        ) from error


def _require_same(read: Manifest, written: Manifest) -> None:
    if read != written:
        raise ArchiveError.because(Cause.UNPROVEN_MANIFEST, manifest=MANIFEST_NAME)
