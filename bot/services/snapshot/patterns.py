"""Parses the lines of DATABASES: a path, or a glob with the files that it takes and passes over."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from bot.services.snapshot.source import SIDECARS

_SUPER_JOURNAL = re.compile(r"-mj[0-9A-F]{9}$", re.IGNORECASE)  # of a transaction over several databases


def absolute(pattern: str) -> Path:
    """Return a pattern with the home folder for `~`, from the working directory on."""
    return Path(os.path.expanduser(pattern)).absolute()  # noqa: PTH111 - Path.expanduser() fails without a home


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern is a glob; a path that exists as it stands is that file, whatever characters it has."""
    return glob.has_magic(pattern) and not os.path.lexists(absolute(pattern))


def expand(pattern: str) -> list[Path]:
    """Return what a glob matches, sorted, without the sidecars of databases. Names that begin with a dot are not."""
    return _matches(pattern, hidden=False)


def passed_over(pattern: str) -> list[Path]:
    """Return what a glob passes over because a name begins with a dot; it goes through hidden folders as well."""
    return sorted({*_matches(pattern, hidden=True)} - {*_matches(pattern, hidden=False)})


def covers(pattern: str, path: Path) -> bool:
    """Tell whether a pattern means a path, be there such a file or not."""
    wanted = absolute(pattern)
    if not is_glob(pattern):
        return os.path.normcase(wanted) == os.path.normcase(path)
    return _covers(wanted.parts, path.parts) and not _belongs_to_another(path)


def _matches(pattern: str, *, hidden: bool) -> list[Path]:
    found = glob.glob(str(absolute(pattern)), recursive=True, include_hidden=hidden)  # noqa: PTH207 - takes absolute ones
    return sorted(path for path in map(Path, found) if not _belongs_to_another(path))


def _belongs_to_another(path: Path) -> bool:
    return path.name.lower().endswith(SIDECARS) or _SUPER_JOURNAL.search(path.name) is not None


def _covers(wanted: Sequence[str], names: Sequence[str]) -> bool:
    """Compare name by name as `glob.glob` does: `*` takes no slash, neither it nor `**` a dot at the beginning."""
    if not wanted:
        return not names
    if not names:
        return False
    first, rest = wanted[0], wanted[1:]
    if first == "**":
        deeper = not names[0].startswith(".") and (_covers(wanted, names[1:]) or (not rest and len(names) == 1))
        return deeper or (bool(rest) and _covers(rest, names))
    if glob.has_magic(first):
        same = fnmatch.fnmatch(names[0], first) and (first.startswith(".") or not names[0].startswith("."))
    else:
        same = os.path.normcase(first) == os.path.normcase(names[0])
    return same and _covers(rest, names[1:])
