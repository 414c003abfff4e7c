"""Replaces a missing or broken file: sets it aside with its sidecars, and puts them back together on a failure.

A new file beside a foreign `-wal` or `-journal` is a silent mix of old and new, so all of them move. Every state that a
killed process can leave is told from the files alone. Blocking, to be called in a thread.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.errors import RestoreError
from bot.services.files.private_file import copy_into, create_private, sync_folder, to_the_disk
from bot.services.files.space import is_full
from bot.services.snapshot.source import SIDECARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The names that one replacement uses, all in the target's folder, fixed before the first of them is made."""

    target: str
    temporary: str
    aside: str
    existed: bool

    @property
    def sidecars(self) -> tuple[tuple[Path, Path], ...]:
        """(where it belongs, where it is set aside) of each sidecar there may be."""
        return tuple((Path(self.target + suffix), Path(self.aside + suffix)) for suffix in SIDECARS)

    def set_aside_files(self) -> tuple[Path, ...]:
        """What is set aside now, the database first."""
        return tuple(path for path in (Path(self.aside), *(aside for _, aside in self.sidecars)) if path.exists())


def name_replacement(target: Path, stamp: str) -> Replacement:
    """Choose names that nothing has yet; `stamp` tells people when."""
    number = 0
    while True:
        aside = target.with_name(f"{target.name}.before-restore-{stamp}{f'-{number}' if number else ''}")
        temporary = target.with_name(f".{aside.name}.part")
        if not any(os.path.lexists(f"{path}{suffix}") for path in (aside, temporary) for suffix in ("", *SIDECARS)):
            break
        number += 1
    return Replacement(target=str(target), temporary=str(temporary), aside=str(aside), existed=os.path.lexists(target))


def copy_beside(
    names: Replacement, source: Path, *, check: Callable[[], None], tell: Callable[[int, int], None]
) -> None:
    """Copy the private file to its temporary name, with owner and mode as before, and bring it to the disk.

    Without a former file it is readable by its owner alone, and belongs to the owner of the folder where this user may
    give it away. Raises `RestoreError`, and what `check` raises; the temporary file is then gone.
    """
    temporary, total = Path(names.temporary), source.stat().st_size
    try:
        with create_private(temporary) as out:
            copy_into(out, source, check=check, tell=lambda done: tell(done, total))
            _take_after(Path(names.target), temporary)
            to_the_disk(out)
    except OSError as error:
        _remove(temporary)
        raise _explained(error, names) from error
    except BaseException:
        _remove(temporary)
        raise


def put_in_place(names: Replacement, *, on_step: Callable[[str], None]) -> None:
    """Set the former files aside and give the copy its name. Raises `RestoreError`; then everything is as before."""
    target, aside = Path(names.target), Path(names.aside)
    try:
        for sidecar, sidecar_aside in names.sidecars:
            if os.path.lexists(sidecar):
                sidecar.rename(sidecar_aside)
                on_step("set a sidecar aside")
        if os.path.lexists(target) and not names.existed:
            raise FileExistsError(errno.EEXIST, "somebody made it meanwhile", names.target)
        if names.existed:
            _set_aside(target, aside)
            on_step("set the file aside")
        Path(names.temporary).replace(target)
        on_step("renamed")
        sync_folder(target.parent)
    except OSError as error:
        bring_back(names, even_if_new=True)
        raise _explained(error, names) from error
    on_step("replaced")


def is_new(names: Replacement) -> bool:
    """Tell from the files alone whether the new database stands under its name."""
    target, aside = Path(names.target), Path(names.aside)
    if os.path.lexists(names.temporary) or not target.exists():
        return False
    return aside.exists() and not target.samefile(aside) if names.existed else True


def bring_back(names: Replacement, *, even_if_new: bool) -> None:
    """Put everything back as it was; called again, it goes on where it was cut off.

    Where the new database is complete, it stays unless `even_if_new`. Raises `OSError`.
    """
    target, aside, temporary = Path(names.target), Path(names.aside), Path(names.temporary)
    if not target.parent.is_dir():
        return  # nothing was ever there
    if is_new(names) and not even_if_new:
        return
    new = is_new(names)
    if aside.exists() and target.exists() and target.samefile(aside):
        aside.unlink()  # the file was about to be replaced, and was not
    elif aside.exists():
        _remove_sidecars(target)
        aside.replace(target)
    elif new and not names.existed:
        _remove_sidecars(target)
        target.unlink()
    for sidecar, sidecar_aside in names.sidecars:
        if sidecar_aside.exists():
            sidecar_aside.replace(sidecar)
    _remove(temporary)
    sync_folder(target.parent)


def swap_back(names: Replacement, keep_as: Replacement, *, on_step: Callable[[str], None]) -> None:
    """Undo a replacement that was done: set the restored database aside as `keep_as`, bring the former files back.

    Called again, it goes on where it was cut off. Raises `RestoreError`.
    """
    target = Path(names.target)
    try:
        if not Path(keep_as.aside).exists() and (Path(names.aside).exists() or not names.existed):
            for sidecar, sidecar_aside in keep_as.sidecars:
                if sidecar.exists():
                    sidecar.rename(sidecar_aside)
                    on_step("set a sidecar aside")
            if target.exists():
                target.rename(keep_as.aside)
                on_step("set the file aside")
        if Path(names.aside).exists():
            Path(names.aside).rename(target)
            on_step("renamed")
        for sidecar, sidecar_aside in names.sidecars:
            if sidecar_aside.exists():
                sidecar_aside.rename(sidecar)
        sync_folder(target.parent)
    except OSError as error:
        raise _explained(error, names) from error


def _set_aside(target: Path, aside: Path) -> None:
    """Give the file a second name, so that its first one is never missing; where that can't be, move it."""
    try:
        os.link(target, aside, follow_symlinks=False)
    except (OSError, NotImplementedError):
        target.rename(aside)


def _take_after(target: Path, temporary: Path) -> None:
    if sys.platform == "win32":
        return  # files take after their folder
    try:
        model = target.stat()
        mode = model.st_mode & 0o7777
    except FileNotFoundError:
        model = target.parent.stat()
        mode = 0o600
    with suppress(PermissionError):
        os.chown(temporary, model.st_uid, model.st_gid)
    temporary.chmod(mode)


def _remove_sidecars(target: Path) -> None:
    for suffix in SIDECARS:
        _remove(target.with_name(target.name + suffix))


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _explained(error: OSError, names: Replacement) -> RestoreError:
    target = Path(names.target)
    if is_full(error):
        free = shutil.disk_usage(target.parent).free
        return RestoreError(
            f"The disk of {target.parent} is full ({free:,} bytes free): {target.name} could not be written.",
            rolled_back=True,
            hint="Free some space and restore again.",
        )
    if error.errno == errno.EBUSY:
        return RestoreError(
            f"{target} can't be replaced: it is a mount point of its own.",
            rolled_back=True,
            hint="Mount its folder into the container instead of the file, or restore with --to and copy it yourself.",
        )
    if isinstance(error, PermissionError):
        return RestoreError(
            f"{target} can't be replaced: a program has it open, or this user may not write its folder.",
            rolled_back=True,
            hint="Stop its application, and restore as the user that it runs as.",
        )
    return RestoreError(f"{target} can't be replaced: {error.strerror or error}.", rolled_back=True)
