"""Opens sealed archives for reading: decrypts the ZIP into a private folder, which is deleted afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import CourierError, DamagedArchiveError, MissingVolumesError, NoSpaceError
from bot.models import Archive, Cause
from bot.services.archive.manifest import Manifest
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.threads import run_to_end
from bot.services.files.names import bare_name
from bot.services.files.private_file import create_private, removed_on_failure
from bot.services.files.private_folder import private_folder
from bot.services.files.space import require_space
from bot.services.files.store import SEALED_SUFFIX, is_archive_name
from bot.services.sealing.age import fingerprints_of, open_sealed
from bot.services.sealing.header import is_sealed, read_header
from bot.services.sealing.keys import BY_PASSPHRASE, UNKNOWN, Keys


def unseal(
    files: Sequence[Path],
    temp: Path,
    keys: Keys,
    *,
    expected_sha256: str = "",
    check: Callable[[], object] = bool,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> tuple[Path, str]:
    """Open a sealed archive, its volumes in order, into a new private file (0600) in `temp`; blocking.

    Return that file, which is a ZIP, and the SHA-256 of the sealed form. Nothing is left behind on failure. `progress`
    counts sealed bytes. Raises `SealError` where no key opens it, `DamagedArchiveError` (of one of several volumes
    `MissingVolumesError`) where it was changed or is cut off or is not the one of `expected_sha256`, `NoSpaceError`,
    and what `check` raises.
    """
    total = sum(file.stat().st_size for file in files)
    require_space(temp.parent, total, f"to open {files[0].name}")
    name = bare_name(files[0].name)
    plain = name.removesuffix(SEALED_SUFFIX)
    target = temp / (plain if is_archive_name(plain) else "opened.zip")
    out = create_private(target)
    with removed_on_failure(target):
        try:
            with out:
                opened = open_sealed(
                    files, keys, out.write, name=name, check=check, progress=lambda done: progress(done, total)
                )
        except DamagedArchiveError as error:
            if len(files) > 1 and len({file.stat().st_size for file in files}) == 1:
                raise MissingVolumesError(
                    f"{name} ends too early: after these {len(files)} volumes of equal size there must be another one.",
                    missing=(len(files) + 1,),
                    hint="Bring all volumes of the archive together.",
                ) from error
            raise
        except OSError as error:
            raise NoSpaceError(f"{name} could not be opened in {temp.parent}: {error.strerror or error}.") from error
        if expected_sha256 and opened.sha256 != expected_sha256.lower():
            raise DamagedArchiveError.because(Cause.OTHER_ARCHIVE, archive=name)
    return target, opened.sha256


async def verify_any(path: Path, work: Path, keys: Keys) -> tuple[Archive, Manifest]:
    """Prove an archive as `verify_archive` does, a sealed one by opening it; its name and SHA-256 are the file's own.

    Raises what `unseal` and `verify_archive` raise.
    """
    if not await asyncio.to_thread(is_sealed, path):
        return await verify_archive(path, abort=Abort())
    own = Abort()
    async with private_folder(work) as temp:
        opened, sha256 = await run_to_end(lambda: unseal([path], temp, keys, check=own.check), stop=own.set)
        archive, manifest = await verify_archive(opened, abort=Abort())
    size = (await asyncio.to_thread(path.stat)).st_size
    sealed = await asyncio.to_thread(sealed_for, path, keys)
    return replace(archive, path=path, bytes=size, sha256=sha256, sealed=sealed), manifest


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
