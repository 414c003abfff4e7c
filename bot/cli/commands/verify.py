"""The `verify` command: reads archives in full, compares them and test-restores them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.identity import Identity, keys_of, offered
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.cli.sources import sources_on_disk
from bot.errors import CourierError, DamagedArchiveError, NotFoundError
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.drill.drill import Drills
from bot.services.restore.sources import RestoreSource
from bot.services.retention.inventory import record_fault
from bot.services.sealing.header import is_sealed
from bot.services.status.inventory import Inventory
from bot.words.causes import sentence_of
from bot.words.drills import result_words

EXAMPLES = (
    "sqlite-courier verify",
    "sqlite-courier verify latest",
    "sqlite-courier verify database_backup_20260713_050000.zip",
)


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


def command(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="WHICH", help="Backups (latest, id, name) or archive files; all on the disk if none."),
    ] = None,
    identity: Identity = None,
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Read archives in full, compare every byte with what was recorded, and test-restore every database in them.

    Sealed ones are opened where there is a key (--identity, the settings, or asked for); else their bytes are compared.
    """
    settings = read_settings(env_file, reading=True)
    keys = keys_of(settings, identity or ())

    async def work() -> None:
        async with opened(settings, reading=True) as inventory:
            rows = [] if which else await _gone(inventory)
            sources = await sources_on_disk(which or (), inventory.store, inventory.catalogue)
            sealed = [source.files[0] for source in sources if await asyncio.to_thread(is_sealed, source.files[0])]
            drills = Drills(inventory.catalogue, inventory.store, keys=await offered(sealed, keys, ask=not json))
            for source in sources:
                rows.append(await _verify(inventory, drills, source, sealed=source.files[0] in sealed, quiet=json))
        output.print_result([row.as_data() for row in rows], json=json, printed=lambda: _print_verified(rows))
        if failures := [row.error for row in rows if row.error is not None]:
            sys.exit(failures[0].exit_code)

    asyncio.run(work())


async def _gone(inventory: Inventory) -> list[Verified]:
    """Return what the disk should have and does not have any more."""
    gone = [backup for backup in await inventory.catalogue.archives.faulty() if backup.gone]
    return [
        Verified(
            archive=backup.archive_name,
            fault=sentence_of(backup.fault),
            error=NotFoundError(f"{backup.archive_name} is gone from the disk."),
        )
        for backup in gone
    ]


async def _verify(
    inventory: Inventory, drills: Drills, source: RestoreSource, *, sealed: bool, quiet: bool
) -> Verified:
    """Compare and test-restore one archive; what was found damaged is recorded of its backup."""
    archive, changed = source.files[0], ""
    try:
        if not sealed:  # or else the seal proves every byte, when it is opened
            changed = await _compare(source, quiet=quiet)
        restored = " ".join(filter(None, (result_words(await drills.prove(archive, source.backup)), changed)))
    except CourierError as error:
        if source.backup is not None and isinstance(error, DamagedArchiveError):
            await record_fault(inventory.store, inventory.catalogue, source.backup, error)
        return Verified(archive=archive.name, fault=error.sentence, error=error)
    return Verified(archive=archive.name, restored=restored)


async def _compare(source: RestoreSource, *, quiet: bool) -> str:
    """Compare every byte with what was recorded; of an archive that nothing vouches for, say only that it changed."""
    archive, backup = source.files[0], source.backup
    try:
        with output.byte_progress(quiet=quiet, label=archive.name) as report:
            await verify_archive(
                archive, expected_sha256=backup.archive_sha256 if backup else "", abort=Abort(), progress=report
            )
    except DamagedArchiveError:
        if backup is not None:
            raise
        return "The archive itself is not as it was written; its content is judged."
    return ""


def _print_verified(rows: Sequence[Verified]) -> None:
    if not rows:
        output.say("No archives on the disk.")
    for row in rows:
        if row.error is None:
            output.tell(f"✓ {row.archive}: {row.restored}")
        else:
            output.complain("✗", f"{row.archive}: {row.fault}")
