"""Takes a database file that comes by itself: it goes into an archive of one member, and the way of any stranger's."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from bot.services.files.names import volume_number
from bot.services.files.private_file import PIECE, create_private
from bot.services.files.space import require_space
from bot.services.snapshot.sqlite_errors import MAGIC

_WAL = b"\x02\x02"
_WAL_AT = slice(18, 20)  # what the file is written and read with: https://www.sqlite.org/fileformat2.html, 1.3.3


def is_bare_database(file: Path) -> bool:
    """Tell by its first bytes whether a file is a database and no archive; the first piece of one is none. Blocking."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC and volume_number(file.name) is None


def wrapped(file: Path, folder: Path, *, check: Callable[[], None]) -> Path:
    """Put a database into an archive of one member, of its own name, in the private folder `folder`. Blocking.

    Raises `NoSpaceError`.
    """
    require_space(folder.parent, file.stat().st_size, "for a copy of the database")
    room = folder / "bare"
    room.mkdir(mode=0o700)
    member = zipfile.ZipInfo(file.name)
    member.file_size = file.stat().st_size  # beyond 4 GiB it is written in another form, which has to be known before
    archive = room / file.name
    with (
        file.open("rb") as source,
        create_private(archive) as out,
        zipfile.ZipFile(out, "w") as zipped,
        zipped.open(member, "w") as packed,
    ):
        while piece := source.read(PIECE):
            check()
            packed.write(piece)
    return archive


def warnings_of(file: Path) -> tuple[str, ...]:
    """Say what nobody can know of a database that came by itself. Blocking."""
    name = file.name
    unproven = "It is in no archive: nothing proves that it is a backup."
    with file.open("rb") as opened:
        wal = opened.read(_WAL_AT.stop)[_WAL_AT] == _WAL
    if not wal:
        return (unproven,)
    return (
        unproven,
        f"{name} is in WAL mode, and its {name}-wal is not here: if its program was running when the file was copied, "
        "the newest rows may be missing. If the program had been closed, none are.",
    )
