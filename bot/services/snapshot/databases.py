"""Finds the databases of paths and patterns, and gives each the name that it keeps in every archive."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import SnapshotError
from bot.models import (
    INFO_NAME,
    MANIFEST_NAME,
    NO_REASON,
    Cause,
    Database,
    Reason,
    Skipped,
    SkipReason,
    because,
    skip_reason,
)
from bot.services.files.names import folded
from bot.services.files.own_folders import NOTHING_OWN, OwnFolders
from bot.services.snapshot.patterns import absolute, covers, expand, is_glob, passed_over
from bot.services.snapshot.source import JOURNAL, SIDECARS, WAL, link_of, read_state
from bot.words.causes import sentence_of

# What Windows refuses in a file name, and what turns the direction of the text around.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_NOT_TAKEN = (SkipReason.NOT_A_DATABASE, SkipReason.OWN_FOLDER)  # of what a glob matches
_MAX_NAME_BYTES = 200  # file systems take 255, and extraction tools add suffixes of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file that a glob of DATABASES saw, or passed over, and that is not backed up under this path; `why` not."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The databases to back up and those that are named but not there, each once and in the order of the patterns.

    `left_out` is for people who wonder what their patterns take.
    """

    databases: tuple[Database, ...]
    missing: tuple[Skipped, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    identity: object  # equal for the same file under whatever path
    why: Reason = NO_REASON

    @property
    def reason(self) -> SkipReason | None:
        return skip_reason(self.why) if self.why else None

    def left_out(self, cause: Cause, **facts: str | int | Path) -> _Candidate:
        return replace(self, why=because(cause, path=self.path, **facts))


def find_databases(
    patterns: Sequence[str],
    known: Mapping[str, str],
    *,
    own: OwnFolders = NOTHING_OWN,
    expected: Collection[Path] = (),
    let_go: Collection[Path] = (),
    let_go_named: Collection[Path] = (),
    include_hidden: bool = False,
) -> Discovery:
    """Return the databases that `patterns` name now; sources are looked at by `os.stat` and never opened.

    A pattern is a path or a glob (`**` for any folders), absolute or relative to the working directory, `~` for the
    home folder; a path that exists as it stands is that file, whatever characters it has. Links to the same file are
    one database: the one that a log lies beside, else the one that was backed up before, else the first. `known` holds
    the member names given before, by path: a name once given stays with its path, and no other path gets it.

    What is the product's `own` is no database. Of the `expected` paths, those that a glob covers and does not find are
    missing (GONE); a glob that finds nothing, but covers a path that was `let_go`, misses nothing, and neither does a
    path that was `let_go_named`. `left_out` names hidden files only to whoever wants to `include_hidden`: that walks
    hidden folders.
    Blocking: call it in a thread.
    """
    seen: dict[object, list[_Candidate]] = {}
    left_out: dict[Path, str] = {}
    for pattern in patterns:
        for each in _expand(pattern, own, left_out, include_hidden=include_hidden):
            seen.setdefault(each.identity, []).append(each)
    chosen = {identity: _choose(same, known) for identity, same in seen.items()}
    for identity, same in seen.items():
        name = chosen[identity].path
        left_out |= {each.path: f"{each.path} is the same file as {name}." for each in same if each.path != name}
    away = {*expected} - {each.path for same in seen.values() for each in same}
    for pattern, gone in _gone(sorted(away), [each for each in patterns if is_glob(each)]):
        if not own.why(gone.path):
            chosen[gone.identity] = gone
            chosen.pop(absolute(pattern), None)  # that nothing matches it is said by what is gone
    for pattern in filter(is_glob, patterns):
        if any(covers(pattern, path) for path in let_go):
            chosen.pop(absolute(pattern), None)
    rightly_gone = {path for path in let_go_named if path in chosen and chosen[path].reason is SkipReason.MISSING}
    candidates = tuple(each for identity, each in chosen.items() if identity not in rightly_gone)
    names = _give_names([candidate.path for candidate in candidates], known)
    taken = {candidate.path for candidate in candidates}
    named = [(Database(path=each.path, name=names[each.path]), each) for each in candidates]
    return Discovery(
        databases=tuple(database for database, each in named if not each.why),
        missing=tuple(Skipped(database=database, why=each.why) for database, each in named if each.why),
        left_out=tuple(LeftOut(path=path, why=left_out[path]) for path in sorted(left_out) if path not in taken),
    )


def _expand(pattern: str, own: OwnFolders, left_out: dict[Path, str], *, include_hidden: bool) -> list[_Candidate]:
    """Return what a pattern names, one at least; what a glob sees and does not take is added to `left_out`."""
    if not is_glob(pattern):
        return [_refuse_own(_locate(absolute(pattern)), own)]
    found = []
    for each in (_refuse_own(_locate(path), own) for path in expand(pattern)):
        if each.reason in _NOT_TAKEN:
            left_out[each.path] = sentence_of(each.why)
        else:
            found.append(each)
    for path in passed_over(pattern) if include_hidden else ():
        if path.is_file() and not own.why(path):
            hidden = _readable(path)
            left_out.setdefault(hidden, f"{hidden} is hidden: its name, or a folder's, begins with a dot.")
    if not found:
        wanted = absolute(pattern)
        others = any(covers(pattern, path) for path in left_out)
        cause = Cause.NO_MATCH_TAKEN if others else Cause.NO_MATCH
        found = [_Candidate(wanted, wanted).left_out(cause, pattern=pattern)]
    return found


def _gone(paths: Iterable[Path], globs: Sequence[str]) -> Iterator[tuple[str, _Candidate]]:
    """Yield which of the paths a glob covers and is without, each with that glob."""
    for path in paths:
        pattern = next((each for each in globs if covers(each, path)), None)
        found = _locate(path)
        if pattern is None or found.reason is None:
            continue
        if found.reason is SkipReason.MISSING:
            found = found.left_out(Cause.GONE, pattern=pattern)
        yield pattern, found


def _refuse_own(candidate: _Candidate, own: OwnFolders) -> _Candidate:
    if candidate.why or not (found := own.facts(candidate.path)):
        return candidate
    cause = Cause.OWN_FOLDER if "folder" in found else Cause.OWN_FILE
    return replace(candidate.left_out(cause, **found), identity=candidate.path)


def _choose(same: Sequence[_Candidate], known: Mapping[str, str]) -> _Candidate:
    """Return the path under which a file with several is read: a log belongs to a name, not to the file."""
    return max(same, key=lambda each: (len(same) > 1 and _has_log(each.path), str(each.path) in known))


def _has_log(path: Path) -> bool:
    try:
        state = read_state(path)
    except SnapshotError:
        return False
    return any(state.sidecar_bytes(suffix) for suffix in (WAL, JOURNAL))


def _locate(path: Path) -> _Candidate:
    if (named := _readable(path)) != path:
        return _Candidate(named, path).left_out(Cause.NO_UTF8)
    here = _Candidate(path, path)
    try:
        found = path.stat()
    except PermissionError:
        return here.left_out(Cause.NO_LOOK)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return here.left_out(Cause.MISSING, **link_of(path))
    except OSError as error:  # of its disk or its share
        return here.left_out(Cause.NOT_LOOKED_AT, said=str(error.strerror))
    if not stat.S_ISREG(found.st_mode):
        return here.left_out(Cause.FOLDER if stat.S_ISDIR(found.st_mode) else Cause.NO_FILE)
    return _Candidate(path, (found.st_dev, found.st_ino) if found.st_ino else path.resolve())


def _readable(path: Path) -> Path:
    """Return a path as text that can be written anywhere, whatever bytes its name has."""
    return Path(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _give_names(paths: Sequence[Path], known: Mapping[str, str]) -> dict[Path, str]:
    """Return a name for each path: the known one, else its own, else one with its folder, else one with a hash."""
    names: dict[Path, str] = {}
    taken = {folded(MANIFEST_NAME), folded(INFO_NAME)}
    for path_text, name in known.items():
        if folded(name) not in taken and safe_name(name) == name:
            taken.add(folded(name))
            names[Path(path_text)] = name
    for path in paths:
        if path in names:
            continue
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()
        plain, suffix = Path(path.name).stem, path.suffix
        for option in (path.name, f"{path.parent.name or 'root'}_{path.name}", f"{plain}-{digest[:8]}{suffix}", digest):
            name = safe_name(option)
            if folded(name) not in taken:
                taken.add(folded(name))
                names[path] = name
                break
    return names


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
