"""Which databases there are: from paths and patterns to files, each with a name that it keeps in every archive."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.models import INFO_NAME, MANIFEST_NAME, Database, Skipped, SkipReason
from bot.services.source import SIDECARS

# What Windows refuses in a file name, and what turns the direction of the text around.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_SUPER_JOURNAL = re.compile(r"-mj[0-9A-F]{9}$", re.IGNORECASE)  # of a transaction over several databases
_MAX_NAME_BYTES = 200  # file systems take 255, and extraction tools add suffixes of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The databases to back up and those that are named but not there, each once and in the order of the patterns."""

    databases: tuple[Database, ...]
    missing: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    identity: object  # equal for the same file under whatever path
    reason: SkipReason | None = None
    detail: str = ""


def find_databases(patterns: Sequence[str], known: Mapping[str, str]) -> Discovery:
    """Return the databases that `patterns` name now; sources are looked at by `os.stat` and never opened.

    A pattern is a path or a glob (`**` for any folders), absolute or relative to the working directory, `~` for the
    home folder; a path that exists as it stands is that file, whatever characters it has. Links to the same file are
    one database. `known` holds the member names given before, by path: a name once given stays with its path, and no
    other path gets it. Blocking: call it in a thread.
    """
    first: dict[object, _Candidate] = {}
    for pattern in patterns:
        for candidate in _expand(pattern):
            kept = first.setdefault(candidate.identity, candidate)
            if str(candidate.path) in known and str(kept.path) not in known:
                first[candidate.identity] = candidate  # the path under which it was backed up before
    candidates = tuple(first.values())
    names = _give_names([candidate.path for candidate in candidates], known)
    named = [(Database(path=each.path, name=names[each.path]), each) for each in candidates]
    return Discovery(
        databases=tuple(database for database, each in named if each.reason is None),
        missing=tuple(
            Skipped(database=database, reason=each.reason, detail=each.detail)
            for database, each in named
            if each.reason is not None
        ),
    )


def _expand(pattern: str) -> Iterator[_Candidate]:
    path = Path(os.path.expanduser(pattern)).absolute()  # noqa: PTH111 - Path.expanduser() fails without a home
    if os.path.lexists(path) or not glob.has_magic(pattern):
        yield _look(path)
        return
    found = False
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob() takes no absolute pattern
    for match in sorted(map(Path, matches)):
        if match.name.lower().endswith(SIDECARS) or _SUPER_JOURNAL.search(match.name):
            continue
        candidate = _look(match)
        if candidate.reason is not SkipReason.NOT_A_DATABASE:
            found = True
            yield candidate
    if not found:
        yield _Candidate(path, path, SkipReason.MISSING, f"No file matches {pattern}.")


def _look(path: Path) -> _Candidate:
    try:
        found = path.stat()
    except PermissionError:
        return _Candidate(path, path, SkipReason.NO_PERMISSION, f"{path} may not be looked at by this user.")
    except (OSError, ValueError):
        link = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
        return _Candidate(path, path, SkipReason.MISSING, f"{path}{link} does not exist.")
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        return _Candidate(path, path, SkipReason.NOT_A_DATABASE, f"{path} is {kind}, not a database.")
    return _Candidate(path, (found.st_dev, found.st_ino) if found.st_ino else path.resolve())


def _give_names(paths: Sequence[Path], known: Mapping[str, str]) -> dict[Path, str]:
    """Return a name for each path: the known one, else its own, else one with its folder, else one with a hash."""
    names: dict[Path, str] = {}
    taken = {_folded(MANIFEST_NAME), _folded(INFO_NAME)}
    for path_text, name in known.items():
        if _folded(name) not in taken and safe_name(name) == name:
            taken.add(_folded(name))
            names[Path(path_text)] = name
    for path in paths:
        if path in names:
            continue
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()
        plain, suffix = Path(path.name).stem, path.suffix
        for wish in (path.name, f"{path.parent.name or 'root'}_{path.name}", f"{plain}-{digest[:8]}{suffix}", digest):
            name = safe_name(wish)
            if _folded(name) not in taken:
                taken.add(_folded(name))
                names[path] = name
                break
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(name: str) -> str:
    """Return `name` as every system can extract it; a name that is safe already stays as it is."""
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" ").rstrip(". ") or "database"
    if _DEVICE.match(name):
        name = f"_{name}"
    if name.lower().endswith(SIDECARS):
        name += ".db"  # extracted beside another database it would be taken for a part of it
    while len(name.encode()) > _MAX_NAME_BYTES:
        stem, dot, suffix = name.rpartition(".")
        name = (stem[:-1] + dot + suffix if len(stem) > 1 and len(suffix) < 20 else name[:-1]).rstrip(". ")
    return name
