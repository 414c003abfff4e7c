"""Detects databases whose log may lie out of sight, beside another name of the same file.

SQLite looks for `-wal` and `-journal` beside the name that it is given. Whoever opens the same file by another name (a
second hard link, a single file mounted into a container) reads it without the log: every check holds, and rows are
missing (https://www.sqlite.org/howtocorrupt.html, 2.4 and 2.5). What is known here comes from `os.stat`, from the
system's list of mounts and from the locks on the file; the file itself is opened by a child process alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.errors import SnapshotError
from bot.models import NO_REASON, Cause, Reason, SkipReason, because
from bot.services.snapshot import posix_locks
from bot.services.snapshot.source import WAL, FileState, read_state, uri_of, uses_wal
from bot.services.snapshot.sqlite_errors import refusal
from bot.services.snapshot.sqlite_faults import FAULTS
from bot.words.causes import in_full

_WITHIN = 10.0  # seconds
_A_LOOK = 1.0  # seconds that `outlook` waits for a lock
_SEEN_AT_ONCE = (*(SkipReason.NOT_A_DATABASE, SkipReason.NO_PERMISSION, SkipReason.HOT_JOURNAL), SkipReason.EXCLUSIVE)
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(rb"\\([0-7]{3})")

# File systems behind which another kernel may have the database open: its locks and its -shm are not this machine's.
_SHARES = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2"),
    *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "osxfs", "grpcfuse", "davfs", "sshfs", "rclone", "s3fs"),
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the log of a file may lie elsewhere: MOUNTED_ALONE or HARD_LINKED."""

    why: Reason

    @property
    def hard_links(self) -> bool:
        return self.why.code == Cause.HARD_LINKED

    @property
    def warning(self) -> Reason:
        """What is to be known of it in a journal mode that needs no log to read."""
        cause = Cause.JOURNAL_BESIDE_OTHER if self.hard_links else Cause.JOURNAL_OUTSIDE
        return Reason(cause, self.why.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    point: Path
    kind: str
    options: str


def doubt_about(state: FileState) -> Doubt | None:
    """Return why the log of a source may lie elsewhere, None where nothing tells so. Blocking.

    Raises `SnapshotError` LOG_ELSEWHERE for a file in the upper layer of a mounted overlay: its locks are not seen
    there, so that it can't even be read safely.
    """
    mounts = _mounts()
    _require_no_layer(state, mounts)
    if any(mount.point == state.path for mount in mounts):
        return Doubt(because(Cause.MOUNTED_ALONE, path=state.path, folder=state.path.parent))
    if state.links > 1:
        others = ", ".join(map(str, _other_names(state)))
        named = {"others": others} if others else {}
        return Doubt(because(Cause.HARD_LINKED, path=state.path, links=state.links, **named))
    return None


def require_visible_log(state: FileState, doubt: Doubt | None) -> None:
    """Refuse a database in WAL mode whose write-ahead log may lie elsewhere. Blocking.

    Raises `SnapshotError` LOG_ELSEWHERE. A program that is just opening or closing the database may look, for an
    instant, as if its log lay elsewhere: what lasts is true.
    """
    empty = not state.sidecar_bytes(WAL)
    if doubt is not None and not doubt.hard_links:
        raise SnapshotError.of(doubt.why)
    if doubt is None and (not empty or _surely_closed(state)):
        return
    locks = ask_for_locks(state.path)
    main, shm = locks.get("main"), locks.get("shm")
    if doubt is not None:
        logs = [other for other in _other_names(state) if _bytes(other.with_name(other.name + WAL))]
        if logs or (empty and not shm) or (main and not shm):
            if len(logs) == 1:
                raise SnapshotError.because(Cause.LOG_BESIDE_OTHER, path=state.path, links=state.links, other=logs[0])
            raise SnapshotError.of(doubt.why)
    elif main and not shm and read_state(state.path).sidecars == state.sidecars:
        raise SnapshotError.because(Cause.LOG_NOT_BESIDE, path=state.path)


def warning_about(state: FileState, doubt: Doubt | None, *, wal: bool) -> Reason:
    """Return what a reader of the copy must know of a log that can't be seen; empty where nothing tells so. Blocking.

    For a database in WAL mode it is to be called after `require_visible_log`.
    """
    if not wal and doubt is not None:
        return doubt.warning
    if wal and (kind := share_of(state.path)):
        return because(Cause.ON_A_SHARE, path=state.path, kind=kind)
    return NO_REASON


async def outlook(path: Path) -> tuple[str, str]:
    """Return why a database would be refused now, wherever that can be told at once, and what would be warned of.

    Sentences, empty where there is nothing to say. What takes more than a look (a lock, damage) is not told.
    """
    try:
        state = await asyncio.to_thread(read_state, path)
        doubt = await asyncio.to_thread(doubt_about, state)
        wal = await uses_wal(state.path, deadline=time.monotonic() + _A_LOOK, check=lambda: None)
        if wal:
            await asyncio.to_thread(require_visible_log, state, doubt)
        return "", in_full(await asyncio.to_thread(partial(warning_about, state, doubt, wal=wal)))
    except SnapshotError as error:
        refused = error
    except FAULTS as error:
        refused = await asyncio.to_thread(partial(refusal, path, error, waited=_A_LOOK))
        if refused.reason not in _SEEN_AT_ONCE:
            return "", ""
    except OSError:  # of this machine: who copies the database finds out
        return "", ""
    return f"{refused.sentence} {refused.hint}".strip(), ""


def share_of(path: Path) -> str:
    """Return the kind of network share that a file lies on (such as nfs4), empty for none or where it can't be told."""
    kind = file_system_of(path)
    return kind if kind in _SHARES else ""


def file_system_of(path: Path) -> str:
    """Return the kind of file system that a file lies on (such as ext4), empty where the system does not tell."""
    around = [mount for mount in _mounts() if path.is_relative_to(mount.point)]
    kind = max(around, key=lambda mount: len(mount.point.parts), default=None)  # the later one of two at one point
    return kind.kind.removeprefix("fuse.") if kind is not None else ""


def _require_no_layer(state: FileState, mounts: Iterable[_Mount]) -> None:
    for mount in mounts:
        upper = re.search(r"(?:^|,)upperdir=([^,]+)", mount.options) if mount.kind == "overlay" else None
        if upper is not None and state.path.is_relative_to(upper[1]):
            other = mount.point / state.path.relative_to(upper[1])
            raise SnapshotError.because(Cause.UPPER_LAYER, path=state.path, point=mount.point, other=other)


def _mounts() -> list[_Mount]:
    """Return the mounts of this process, in the order they were made; none where the system does not tell."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:  # proc(5): id, parent, device, root, point, options, optional fields, -, type, source, options
        fields, _, rest = line.partition(b" - ")
        kind, _, options = (*rest.split(b" ", 2), b"", b"")[:3]
        point = os.fsdecode(_ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), fields.split(b" ")[4]))
        found.append(_Mount(point=Path(point), kind=os.fsdecode(kind), options=os.fsdecode(options)))
    return found


def _other_names(state: FileState) -> list[Path]:
    """Return the other hard links to a file that lie in its folder."""
    try:
        with os.scandir(state.path.parent) as entries:
            same = [Path(each.path) for each in entries if each.inode() == state.inode and each.name != state.path.name]
        return sorted(each for each in same if each.stat().st_dev == state.device and not each.is_symlink())
    except OSError:
        return []


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _surely_closed(state: FileState) -> bool:
    """Tell whether no other process holds a lock on the database; False where only a child process can tell.

    SQLite opens the file, reads nothing and closes it, which it does with regard to the locks that this process has.
    Its descriptor, known by the file that it leads to, is asked whose locks would be in the way of a write.
    """
    if sys.platform not in ("linux", "darwin"):
        return False
    with suppress(OSError, sqlite3.Error), closing(sqlite3.connect(uri_of(state.path, mode="ro"), uri=True)):
        for descriptor in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - numbers, not paths
            with suppress(OSError):  # another thread's, and closed meanwhile
                found = os.fstat(descriptor)
                if (found.st_dev, found.st_ino) == (state.device, state.inode):
                    return not posix_locks.is_main_locked(descriptor)
    return False


def ask_for_locks(database: Path, *questions: str) -> dict[str, object]:
    """Return whether anybody has a lock on a database ("main") and on its `-shm` ("shm"); {} where it can't be told.

    A child process looks, since opening the file here would drop our own locks. Asked for the "lease", it tells also
    whether nobody has the database open ("granted") or somebody has ("refused"). Blocking.
    """
    if sys.platform == "win32" or not sys.executable:
        return {}
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter, our own file
            [sys.executable, "-I", "-S", posix_locks.__file__, os.fspath(database), *questions],
            capture_output=True,
            timeout=_WITHIN,
            check=True,
            text=True,
        )
        told: dict[str, object] = json.loads(child.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return told
