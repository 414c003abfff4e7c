"""Joins what programs have open and what lies in the usual places to a list of databases to choose from."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.services.catalogue import APPLICATION_ID, CATALOGUE_NAME
from bot.services.files.own_folders import NOTHING_OWN, OwnFolders
from bot.services.finding.header import read_header
from bot.services.finding.noise import lies_in_noise
from bot.services.finding.open_files import OpenFiles, look_at_programs
from bot.services.finding.walking import usual_places, walk
from bot.services.host import accounts
from bot.services.snapshot.patterns import expand
from bot.services.snapshot.source import SIDECARS, WAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A database of this machine. `bytes` holds its write-ahead log, `programs` who has it open, as far as it is shown.

    `owner` is the name of its user; one that is not `readable` can't be backed up by this
    user, and `wal` is not known of it.
    """

    path: Path
    bytes: int
    wal: bool
    programs: tuple[str, ...]
    owner: str
    readable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found: databases in use first. `remarks` are sentences about what could not be looked at."""

    databases: tuple[Candidate, ...]
    remarks: tuple[str, ...] = ()


def find_candidates(
    places: Sequence[Path] | None = None, *, own: OwnFolders = NOTHING_OWN, seconds: float = 10.0
) -> Search:
    """Look for databases, in use and in the `places` (the usual ones), without opening any by SQLite.

    Nothing is written, created or locked. What is the product's `own` is left out, by its catalogue also that of
    another instance. Blocking: for `seconds`, and one more for the programs. To be called before this process opens a
    database.
    """
    programs = look_at_programs()
    walked = walk(usual_places() if places is None else places, passes_over=_holds_our_catalogue, seconds=seconds)
    named = sorted(path for path in programs.paths if not lies_in_noise(path) and not _is_in_an_own_folder(path))
    found: dict[tuple[int, int], Candidate] = {}
    for path in (*named, *walked.files):
        candidate = _examine(path, programs, in_use_only=path in programs.paths)
        if candidate is not None and candidate[0] not in found and not own.why(path):
            found[candidate[0]] = candidate[1]
    ordered = sorted(found.values(), key=lambda each: (not each.programs, not each.readable, str(each.path)))
    remarks = []
    if programs.unseen:
        who = "program of another user is" if programs.unseen == 1 else "programs of other users are"
        remarks.append(f"{programs.unseen} {who} not shown to this user: which files they have open is not known.")
    if walked.forbidden:
        remarks.append(_told("This user may not look into", walked.forbidden))
    if walked.shares:
        remarks.append(_told("Not looked into, as they lie on a network share:", walked.shares))
    if walked.unfinished:
        remarks.append(_told(f"Not looked into in {seconds:g} s:", walked.unfinished))
    return Search(databases=tuple(ordered), remarks=tuple(remarks))


def glob_over(chosen: Sequence[Path], found: Collection[Path]) -> str:
    """Return a pattern for the chosen databases of one folder that takes new files of their kind too; empty for none.

    There is none where it would take one of the `found` that was not chosen, or where the names have no common suffix.
    """
    folders, suffixes = {path.parent for path in chosen}, {path.suffix for path in chosen}
    if len(folders) != 1 or len(suffixes) != 1 or not (suffix := suffixes.pop()):
        return ""
    folder = folders.pop()
    pattern = str(folder / f"*{suffix}")
    if glob.has_magic(str(folder)) or glob.has_magic(suffix):
        return ""
    taken = set(expand(pattern))
    return pattern if taken >= set(chosen) and not taken & (set(found) - set(chosen)) else ""


def _examine(path: Path, programs: OpenFiles, *, in_use_only: bool) -> tuple[tuple[int, int], Candidate] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    identity = (found.st_dev, found.st_ino)
    if in_use_only and identity not in programs.programs:
        return None  # a container's name for another file
    wal = False
    try:
        header = read_header(path)
    except OSError:
        # Whose header can't be read counts as a database where a log lies beside it.
        header, readable = None, False
        if not any(path.with_name(path.name + suffix).exists() for suffix in SIDECARS):
            return None
    else:
        readable = True
        if header is None or header.application_id == APPLICATION_ID:
            return None
        wal = header.wal
    log = path.with_name(path.name + WAL)
    try:
        log_bytes = log.stat().st_size
        readable = readable and os.access(log, os.R_OK)
    except OSError:
        log_bytes = 0
    return identity, Candidate(
        path=path,
        bytes=found.st_size + log_bytes,
        wal=wal,
        programs=tuple(programs.programs.get(identity, ())),
        owner=accounts.owner_of(path),
        readable=readable,
    )


def _holds_our_catalogue(folder: Path) -> bool:
    """Tell whether a folder is the BACKUP_DIR of this program, whoever runs it."""
    try:
        header = read_header(folder / CATALOGUE_NAME)
    except OSError:
        return False
    return header is not None and header.application_id == APPLICATION_ID


def _is_in_an_own_folder(path: Path) -> bool:
    return any(_holds_our_catalogue(folder) for folder in path.parents[:3])


def _told(what: str, folders: Sequence[Path], most: int = 3) -> str:
    more = f" and {len(folders) - most} more" if len(folders) > most else ""
    return f"{what} {', '.join(map(str, folders[:most]))}{more}."
