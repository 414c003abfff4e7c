"""Stores in the catalogue what became of archives: found on the disk, missing from it, cut short or damaged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from bot.models import SAFETY_KEPT, Actor, Backup, BackupState, Cause, DeliveryReason, LostArchive, Reason, Trigger
from bot.services.archive.manifest import Manifest
from bot.services.catalogue.backup_rows import BY_TIME, BackupRows
from bot.services.catalogue.connection import reading, writing
from bot.services.catalogue.databases import learn_names
from bot.services.catalogue.elsewhere import RECEIVED, TELEGRAM, TWIN
from bot.services.catalogue.values import as_reason, as_recipient, as_time, reason_of
from bot.services.files.store import archive_time

_STORES = "store faults"
_DELETING = "deleting"
_EXPECTED = "(on_disk = 1 OR fault <> '')"  # not deleted by its owner
_GRACE = timedelta(days=7)  # that a safety copy has at least, when it is found


class StoredArchive(NamedTuple):
    """What is compared with the disk of a backup's archive; `faulty_file` is the state of its file that was bad."""

    id: int
    archive_name: str
    archive_bytes: int
    archive_sha256: str
    sealed: str
    fault: Reason
    faulty_file: str

    @property
    def unopened(self) -> bool:
        """Whether it is sealed, and no key here has opened it yet."""
        return bool(self.sealed) and not self.archive_sha256


class StoreFault(NamedTuple):
    """An archive that an object store has lost, or has otherwise than it was put there."""

    store: str
    archive: str
    why: Reason


class ArchiveTable(BackupRows):
    """What the disk and reading have shown of archives, in the rows of backups; what stores lost, in one of meta."""

    @reading
    async def backup_of(self, backup_id: int, mark: str) -> Backup | None:
        """Return the backup that had a `Backup.mark`: the one of that id, else any; None where there is none.

        One that was named while it was running is found when it has an archive, too.
        """
        return await self._first(
            "SELECT id FROM backups WHERE ? <> '' AND ? IN (substr(archive_sha256, 1, 8),"
            " strftime('%Y%m%d%H%M%S', substr(started_at, 1, 19))) ORDER BY id <> ?, id DESC LIMIT 1",
            mark,
            mark,
            backup_id,
        )

    @writing
    async def adopt(self, archive: Path, manifest: Manifest, sha256: str, *, sealed: str = "") -> Backup:
        """Record an archive found on disk from its manifest; return its backup, the known one if it is known already.

        Of one that was learned from the chat the manifest tells what the chat did not. An interrupted run whose archive
        this is gets it. The names of its databases are remembered where none is. Raises FileNotFoundError when it is
        gone.
        """
        name, size = archive.name, (await asyncio.to_thread(archive.stat)).st_size
        known = await self._known(name, sha256)
        if known is not None and known.requested_by != Actor.CHAT:
            return known
        learned = {} if known is None else {"trigger": manifest.trigger, "requested_by": Actor.DISK}
        backup_id = (
            (known and known.id)
            or await self._unopened(name)
            or await self._run_that_wrote(name)
            or await self._begin(manifest.trigger, Actor.DISK, manifest.created_at)
        )
        await self._finish(
            backup_id,
            manifest.databases,
            manifest.skipped,
            on_disk=True,
            state=known.state if known else BackupState.PARTIAL if manifest.skipped else BackupState.STORED,
            finished_at=manifest.created_at,
            archive_name=name,
            archive_bytes=size,
            archive_sha256=sha256,
            sealed=sealed,
            **learned,
        )
        await learn_names(self._db, manifest)
        if manifest.trigger is Trigger.SAFETY:  # an old one doesn't go before anybody has seen that it is there
            until = max(manifest.created_at + SAFETY_KEPT, self._db.clock() + _GRACE)
            await self._change(backup_id, keep_until=until)
        return await self._backup(backup_id)

    @writing
    async def adopt_unopened(self, archive: Path, sha256: str, sealed: str) -> Backup:
        """Record a sealed archive found on disk that no key here opens; return its backup.

        One that the catalogue knows by its checksum (it was learned from the chat) is that backup again. Any other is
        kept as a backup that is not proven: retention leaves it alone, and it counts as nothing until it is opened.
        """
        name, size = archive.name, (await asyncio.to_thread(archive.stat)).st_size
        known = await self._known(name, sha256)
        unopened = await self._unopened(name)
        if known is not None or unopened is not None:
            return known or await self._backup(unopened or 0)
        at = archive_time(name) or self._db.clock()
        backup_id = await self._run_that_wrote(name) or await self._begin(Trigger.COMMAND, Actor.DISK, at)
        await self._finish(
            backup_id,
            (),
            (),
            on_disk=True,
            state=BackupState.STORED,
            finished_at=at,
            archive_name=name,
            archive_bytes=size,
            sealed=sealed,
        )
        return await self._backup(backup_id)

    @reading
    async def is_told_of(self, name: str) -> bool:
        """Tell whether a proven backup of that name is known whose archive is not on the disk, as the chat tells."""
        told = "SELECT count(*) FROM backups WHERE archive_name = ? AND archive_sha256 <> '' AND NOT on_disk"
        return bool(await self._db.value(int, told, name))

    @writing
    async def set_fault(self, backup_id: int, fault: Reason, faulty_file: str) -> None:
        """Record why an archive on the disk is not good any more, and which state of its file was found so.

        One that was gone is there again; one that was deleted is let be.
        """
        await self._db.execute(
            f"UPDATE backups SET on_disk = 1, fault = ?, faulty_file = ? WHERE id = ? AND {_EXPECTED}",
            fault,
            faulty_file,
            backup_id,
        )

    @writing
    async def clear_fault(self, backup_id: int, size: int) -> None:
        """Record that an archive of so many bytes is on the disk, and nothing speaks against it any more.

        It was read in full and is what was written, or nothing but its name is known; it may have been gone.
        """
        await self._db.execute(
            "UPDATE backups SET on_disk = 1, fault = '', faulty_file = '', archive_bytes = ?"
            f" WHERE id = ? AND {_EXPECTED}",
            size,
            backup_id,
        )

    @writing
    async def mark_deleting(self, backup_id: int) -> None:
        """Record that we are about to delete an archive: where we don't live to record that it is gone, it is by us."""
        await self._db.set_meta(_DELETING, backup_id)

    @writing
    async def mark_gone(self, backup_id: int, fault: Reason) -> bool:
        """Record that an archive is gone from the disk; tell whether somebody else took it, and it was believed there.

        What is owed of it can't be sent any more.
        """
        ours = await self._db.meta(int, _DELETING) == backup_id
        gone, why = ("", DeliveryReason.ARCHIVE_DELETED) if ours else (fault, DeliveryReason.ARCHIVE_GONE)
        if not await self._db.execute(
            "UPDATE backups SET on_disk = 0, fault = ?, faulty_file = '' WHERE id = ? AND on_disk = 1", gone, backup_id
        ):
            return False  # deleted meanwhile, by whom it was recorded
        await self._supersede(backup_id, why)
        return not ours

    @writing
    async def set_missed(self, backup_id: int, fault: Reason) -> bool:
        """Record otherwise why an archive is missed, unless it was let go; tell whether that is news."""
        return bool(
            await self._db.execute(
                "UPDATE backups SET fault = ? WHERE id = ? AND fault NOT IN ('', ?, ?)",
                fault,
                backup_id,
                fault,
                Reason(Cause.ARCHIVE_LET_GO),
            )
        )

    @reading
    async def on_disk(self) -> tuple[StoredArchive, ...]:
        """Return what is believed to lie on the disk, newest first."""
        return await self._stored("on_disk")

    @reading
    async def missed(self) -> tuple[StoredArchive, ...]:
        """Return what is known to be gone from the disk and would be known if it were back, newest first."""
        return await self._stored("NOT on_disk AND fault <> ''")

    async def _stored(self, where: str) -> tuple[StoredArchive, ...]:
        rows = await self._db.rows(f"SELECT {', '.join(StoredArchive._fields)} FROM backups WHERE {where} {BY_TIME}")
        return tuple(StoredArchive(*row)._replace(fault=as_reason(row["fault"])) for row in rows)

    @reading
    async def faulty(self) -> tuple[Backup, ...]:
        """Return the backups whose archive is known to be gone or damaged, newest first."""
        return await self._select("SELECT id FROM backups WHERE fault <> ''")

    @reading
    async def lost(self) -> tuple[LostArchive, ...]:
        """Return the same with who has them all the same, those too that were let go."""
        holders = await self._db.rows(
            f"SELECT id, address FROM backups JOIN deliveries ON {RECEIVED} WHERE fault <> '' ORDER BY deliveries.rowid"
        )
        return tuple(
            LostArchive(
                backup_id=row["id"],
                started_at=as_time(row["started_at"]),
                gone=not row["on_disk"],
                let_go=as_reason(row["fault"]).code == Cause.ARCHIVE_LET_GO,
                unread=as_reason(row["fault"]).code == Cause.ARCHIVE_UNREAD and not row["on_disk"],
                in_telegram=bool(row["in_telegram"]),
                twin=bool(row["twin"]),
                holders=tuple(as_recipient(one["address"]) for one in holders if one["id"] == row["id"]),
            )
            for row in await self._db.rows(
                f"SELECT id, started_at, on_disk, fault, {TELEGRAM} AS in_telegram, {TWIN} AS twin FROM backups"
                f" WHERE fault <> '' {BY_TIME}"
            )
        )

    @writing
    async def let_go(self, backup_id: int) -> None:
        """Record that it is fine for an archive to be gone; nothing happens to one that is not."""
        await self._db.execute(
            "UPDATE backups SET fault = ? WHERE id = ? AND on_disk = 0 AND fault <> ''",
            Reason(Cause.ARCHIVE_LET_GO),
            backup_id,
        )

    @writing
    async def set_store_faults(self, url: str, faults: Mapping[str, Reason]) -> None:
        """Remember what an object store was last seen to have lost: its archives, each with what became of it."""
        others = [fault for fault in await self._store_faults() if fault.store != url]
        lost = (*others, *(StoreFault(url, archive, why) for archive, why in faults.items()))
        told = [(one.store, one.archive, (one.why.code, *one.why.facts)) for one in lost]
        await self._db.set_meta(_STORES, json.dumps(told, ensure_ascii=False))

    @reading
    async def store_faults(self) -> tuple[StoreFault, ...]:
        """Return what object stores were last seen to have lost."""
        return await self._store_faults()

    async def _store_faults(self) -> tuple[StoreFault, ...]:
        known = await self._db.meta(json.loads, _STORES) or ()
        return tuple(StoreFault(store, archive, reason_of(why)) for store, archive, why in known)

    async def _unopened(self, name: str) -> int | None:
        return await self._db.value(
            int,
            "SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = '' AND sealed <> ''"
            f" AND {_EXPECTED} {BY_TIME}",
            name,
        )

    async def _known(self, name: str, sha256: str) -> Backup | None:
        known = await self._first(
            f"SELECT id FROM backups WHERE archive_name = ? AND archive_sha256 = ? {BY_TIME}", name, sha256
        )
        if known is None or known.on_disk:
            return known
        # What stood for it while nothing was known of it but its name.
        await self._db.execute("DELETE FROM backups WHERE id = ?", await self._unopened(name))
        await self._own_name(known.id, name)
        await self._change(known.id, on_disk=True, fault="")
        return await self._backup(known.id)

    async def _run_that_wrote(self, name: str) -> int | None:
        # Killed between the archive's rename and this catalogue's row: the run is there, and its second is the name's.
        at = archive_time(name)
        if at is None:
            return None
        return await self._db.value(
            int,
            "SELECT id FROM backups WHERE state = 'interrupted' AND archive_name = ''"
            " AND started_at >= ? AND started_at < ? ORDER BY id DESC",
            at,
            at + timedelta(seconds=1),
        )
