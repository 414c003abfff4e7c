"""Rebuilds a missing or broken catalogue from the archives on disk; sets the broken file aside, never deletes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from bot.clock import Clock, utc_now
from bot.errors import CatalogueError
from bot.models import Backup
from bot.services.archive.manifest import Manifest
from bot.services.catalogue.catalogue import Catalogue
from bot.services.catalogue.faults import BrokenCatalogueError
from bot.services.catalogue.place import put_aside
from bot.services.files.private_file import sha256_of
from bot.services.files.store import create_private_folder, list_archives
from bot.services.snapshot.source import SIDECARS

_UNFINISHED = ".rebuilding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild found: the backups adopted (oldest first), the archives left alone because no manifest could be
    read in them, and the files of the old catalogue where they are now."""

    adopted: tuple[Backup, ...] = ()
    unreadable: tuple[Path, ...] = ()
    set_aside: tuple[Path, ...] = ()


async def open_or_rebuild(
    path: Path, store_folder: Path, *, read_manifest: Callable[[Path], Manifest], clock: Clock = utc_now
) -> tuple[Catalogue, Rebuilt | None]:
    """Open the catalogue, or make it anew from the manifests of the archives in a folder; None when nothing was lost.

    A broken file is renamed with its sidecars to `<name>.broken-YYYYMMDD_HHMMSS`. Deliveries and settings made in chat
    are in no manifest: they begin anew. An archive whose manifest can't be read is left alone and named. Every archive
    is read once, for its sha256. A crash on the way leaves the catalogue missing, so that the next start begins again.
    Raises CatalogueError when the file is whole but can't be used (a newer version, locked, no permission).

    `read_manifest` runs in a thread; whatever it raises means "no readable manifest".
    """
    set_aside: tuple[Path, ...] = ()
    try:
        if await asyncio.to_thread(_has_content, path):
            return await Catalogue.open(path, clock=clock), None
    except BrokenCatalogueError:
        pass
    await asyncio.to_thread(create_private_folder, path.parent)
    set_aside = await asyncio.to_thread(put_aside, path, "broken", clock())
    archives = await asyncio.to_thread(list_archives, store_folder)
    adopted, unreadable = await _rebuild(path, archives, read_manifest, clock)
    catalogue = await Catalogue.open(path, clock=clock)
    if not (archives or set_aside):
        return catalogue, None  # the first start of all
    return catalogue, Rebuilt(adopted=adopted, unreadable=unreadable, set_aside=set_aside)


async def _rebuild(
    path: Path, archives: tuple[Path, ...], read_manifest: Callable[[Path], Manifest], clock: Clock
) -> tuple[tuple[Backup, ...], tuple[Path, ...]]:
    # Made under another name and renamed when whole: a half-made catalogue would look like one that forgot archives.
    unfinished = path.with_name(path.name + _UNFINISHED)
    await asyncio.to_thread(_remove_with_sidecars, unfinished)
    readable: list[tuple[Path, Manifest, str]] = []
    unreadable: list[Path] = []
    for archive in archives:
        try:
            readable.append((archive, *await asyncio.to_thread(_read, archive, read_manifest)))
        except Exception:  # foreign bytes may fail in any way; they are named in the result
            unreadable.append(archive)
    readable.sort(key=lambda found: found[1].created_at)
    adopted = []
    async with await Catalogue.open(unfinished, clock=clock) as catalogue:
        # Newest first: the names that databases have today are the ones to keep.
        for _, manifest, _ in reversed(readable):
            with suppress(ValueError, OverflowError):  # what it says can't be written down
                await catalogue.databases.learn(manifest)
        for archive, manifest, sha256 in readable:
            try:
                adopted.append(await catalogue.archives.adopt(archive, manifest, sha256))
            except (OSError, ValueError, OverflowError):
                unreadable.append(archive)
    await asyncio.to_thread(_put_in_place, unfinished, path)
    return tuple(adopted), tuple(unreadable)


def _read(archive: Path, read_manifest: Callable[[Path], Manifest]) -> tuple[Manifest, str]:
    manifest = read_manifest(archive)
    manifest.created_at.astimezone(UTC)  # a manifest without a usable time is not readable
    return manifest, sha256_of(archive)


def _has_content(path: Path) -> bool:
    # No bytes: cut to nothing, or created and never written. Its log may still hold something, so it is set aside too.
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)


def _put_in_place(unfinished: Path, path: Path) -> None:
    try:
        unfinished.rename(path)
    except OSError as error:
        message = f"The rebuilt catalogue can't be put in place: {error.strerror or error}."
        raise CatalogueError(message, hint=f"See that nothing else uses {path}.") from error


def _remove_with_sidecars(path: Path) -> None:
    for name in (path.name, *(path.name + sidecar for sidecar in SIDECARS)):
        with suppress(FileNotFoundError):
            path.with_name(name).unlink()
