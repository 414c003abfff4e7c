"""Opens sealed archives for reading: decrypts the ZIP into a private folder, which is deleted afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.errors import (
    CourierError,
    DamagedArchiveError,
    MissingVolumesError,
    NoSpaceError,
)
from bot.models import Archive
from bot.services.archive.manifest import Manifest
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.private_file import create_private
from bot.services.files.private_folder import private_folder
from bot.services.files.space import require_space
from bot.services.files.store import SEALED_SUFFIX, is_archive_name
from bot.services.sealing.age import fingerprints_of, open_sealed
from bot.services.sealing.header import is_sealed, read_header
from bot.services.sealing.keys import BY_PASSPHRASE, UNKNOWN, Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """The ZIP that was in a sealed archive, private, and the SHA-256 of the sealed form."""

    file: Path
    sealed_sha256: str


def unseal(
    files: Sequence[Path],
    temp: Path,
    keys: Keys,
    *,
    expected_sha256: str = "",
    check: Callable[[], object] = bool,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> Unsealed:
    """Open a sealed archive, its volumes in order, into a new private file (0600) in `temp`; blocking.

    Nothing is left behind on failure. `progress` counts sealed bytes. Raises `SealError` where no key opens it,
    `DamagedArchiveError` (of one of several volumes `MissingVolumesError`) where it was changed or is cut off or is not
    the one of `expected_sha256`, `NoSpaceError`, and what `check` raises.
    """
    total = sum(file.stat().st_size for file in files)
    require_space(temp.parent, total, f"to open {files[0].name}")
    name = archive_called(files)
    plain = name.removesuffix(SEALED_SUFFIX)
    target = temp / (plain if is_archive_name(plain) else "opened.zip")
    out = create_private(target)
    try:
        with out:
            opened = open_sealed(
                files, keys, out.write, name=name, check=check, progress=lambda done: progress(done, total)
            )
    except DamagedArchiveError as error:
        target.unlink()
        if len(files) > 1 and len({file.stat().st_size for file in files}) == 1:
            raise MissingVolumesError(
                f"{name} ends too early: after these {len(files)} volumes of equal size there must be another one.",
                missing=(len(files) + 1,),
                hint="Bring all volumes of the archive together.",
            ) from error
        raise
    except OSError as error:
        target.unlink()
        raise NoSpaceError(f"{name} could not be opened in {temp.parent}: {error.strerror or error}.") from error
    except BaseException:
        target.unlink()
        raise
    if expected_sha256 and opened.sha256 != expected_sha256.lower():
        target.unlink()
        raise DamagedArchiveError(
            f"{name} is not the archive that was written under its name (SHA-256).",
            hint="Take another backup; `sqlite-courier verify` tells which ones are whole.",
        )
    return Unsealed(file=target, sealed_sha256=opened.sha256)


def archive_called(files: Sequence[Path]) -> str:
    """Return what an archive is called by the name of its only file or its first volume."""
    name = files[0].name
    stem, _, number = name.rpartition(".")
    return stem if number.isdecimal() and len(number) >= 3 and stem else name


@asynccontextmanager
async def readable(path: Path, work: Path, keys: Keys) -> AsyncIterator[tuple[Path, str]]:
    """Give an archive as a ZIP, and the SHA-256 of its sealed form; one that is not sealed as it is, with "".

    Raises what `unseal` raises.
    """
    if not await asyncio.to_thread(is_sealed, path):
        yield path, ""
        return
    own = Abort()
    async with private_folder(work) as temp:
        opened = await run_to_end(lambda: unseal([path], temp, keys, check=own.check), stop=own.set)
        yield opened.file, opened.sealed_sha256


async def verify_any(path: Path, work: Path, keys: Keys) -> tuple[Archive, Manifest]:
    """Prove an archive as `verify_archive` does, a sealed one by opening it; its name and SHA-256 are the file's own.

    Raises `SealError` where no key opens it, and what `verify_archive` raises.
    """
    async with readable(path, work, keys) as (file, sealed_sha256):
        archive, manifest = await verify_archive(file, abort=Abort())
    if not sealed_sha256:
        return archive, manifest
    size = (await asyncio.to_thread(path.stat)).st_size
    return (
        Archive(
            path=path, bytes=size, sha256=sealed_sha256, members=archive.members, created_at=archive.created_at,
            sealed=await asyncio.to_thread(sealed_for, path, keys),
        ),
        manifest,
    )  # fmt: skip


def sealed_for(path: Path, keys: Keys) -> str:
    """Say for whom a file is sealed, "" where it is not; its header names nobody, so `keys` known to open it tell."""
    if not is_sealed(path):
        return ""
    try:
        with path.open("rb") as file:
            if read_header(file, path.name).by_passphrase:
                return BY_PASSPHRASE
    except (CourierError, OSError):
        return UNKNOWN
    return " or ".join(fingerprints_of(keys)) or UNKNOWN
