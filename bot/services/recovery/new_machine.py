"""Sets a service up anew from what the chat knows: its `.env`, and its catalogue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bot.config.sources import parse_env
from bot.errors import ArchiveError, RestoreRefusedError
from bot.models import RestorePoint
from bot.services.archive.manifest import read_manifest
from bot.services.archive.unsealing import verify_any
from bot.services.catalogue import CATALOGUE_NAME, Catalogue, open_or_rebuild
from bot.services.files.part_file import faults_of
from bot.services.files.private_file import create_private
from bot.services.files.store import Store, is_archive_name
from bot.services.recovery.document import kept_settings
from bot.services.sealing.keys import NO_KEYS, Keys


def env_text(
    settings: Mapping[str, str],
    paths: Iterable[str] = (),
    *,
    own: Mapping[str, str] = MappingProxyType({}),
    left_out: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the lines of an `.env` with these settings; of secrets that are left out, a line says what to put there.

    `paths` are where the databases were: DATABASES where the settings do not tell, since a sealed backup tells its
    paths to nobody but its key.

    The settings may come from anybody: only names that a catalogue document holds, with values that are read back as
    they are, are taken over. `own` are this machine's: by what settings it has reached Telegram.
    """
    lines = [
        "# Written by `sqlite-courier recover` from the catalogue in the chat. Look through it before you start:",
        "# the paths are those of the machine that was lost.",
        *(f"# {name}=  {what}" for name, what in left_out.items()),
    ]
    kept = kept_settings({"DATABASES": ",".join(map(_quoted, paths)), **settings})
    for name, value in ({**own, **kept}).items():
        line = f"{name}={value}"
        found, faults = parse_env(line)
        if not faults and [(entry.name, entry.value) for entry in found] == [(name, value)]:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _quoted(path: str) -> str:
    """As DATABASES wants a name that holds what divides names."""
    return f"'{path}'" if any(sign in path for sign in ",; ") else path


def refuse_to_replace_env(path: Path) -> None:
    """Raise `RestoreRefusedError` where there is such a file: known before anything is fetched."""
    if os.path.lexists(path):
        raise RestoreRefusedError(
            f"{path} exists already; it is not replaced.",
            hint="Move it away, or name another file with --env-file, and give the token as BOT_TOKEN.",
        )


def write_env(path: Path, text: str) -> None:
    """Create the file, readable by its owner alone. Raises `RestoreRefusedError` where one is there."""
    refuse_to_replace_env(path)
    with faults_of(path), create_private(path) as file:
        file.write(text.encode())


async def rebuild_catalogue(
    backup_dir: Path, archives: Sequence[Path], points: Sequence[RestorePoint], keys: Keys = NO_KEYS
) -> int:
    """Put an archive into the folder of backups and learn the restore points; return how many were learned.

    A catalogue that is there stays and is added to. An archive in one piece and under our own kind of name is moved,
    unless one of its name is there already; anything else stays where it is. Raises `DamagedArchiveError`,
    `ArchiveError`, `CatalogueError`.
    """
    store = Store(backup_dir)
    await store.prepare()
    catalogue, _ = await open_or_rebuild(store.folder / CATALOGUE_NAME, store.folder, read_manifest=read_manifest)
    async with catalogue:
        learned = await catalogue.restore_points.learn(points)
        if len(archives) == 1 and is_archive_name(archives[0].name):
            await _take_in(catalogue, store, archives[0], keys)
    return learned


async def _take_in(catalogue: Catalogue, store: Store, archive: Path, keys: Keys) -> None:
    target = store.folder / archive.name
    if await asyncio.to_thread(os.path.lexists, target):
        return
    proven, manifest = await verify_any(archive, store.work, keys)
    try:
        await asyncio.to_thread(archive.rename, target)
    except OSError as error:  # another disk: it stays where it is, and in the chat
        raise ArchiveError(
            f"{archive.name} could not be moved to {target.parent}: {error.strerror or error}.",
            hint="Copy it there by hand; the service takes it in when it starts.",
        ) from error
    await catalogue.archives.adopt(target, manifest, proven.sha256, sealed=proven.sealed)
