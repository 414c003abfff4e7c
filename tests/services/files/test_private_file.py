"""Private files are their owner's alone, whole or not there, and hashed as they lie on the disk."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from bot.errors import AbortedError, NoSpaceError
from bot.services.concurrency.abort import Abort
from bot.services.files.private_file import copy_into, create_private, replace_whole, sha256_of
from bot.services.files.space import is_full, require_space


def test_a_private_file_is_its_owners_and_replaces_nothing(tmp_path: Path) -> None:
    """Its mode does not hang on the umask, and neither a file nor a link that leads nowhere is taken over."""
    create_private(tmp_path / "new").close()
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(FileExistsError):
            create_private(tmp_path / "link")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "new")


def test_files_are_joined_hashed_and_given_up_on_demand(tmp_path: Path) -> None:
    """The sum of the parts is that of the whole; progress counts bytes, and whoever asks to stop is heard."""
    parts = [tmp_path / "a", tmp_path / "b"]
    for part in parts:
        part.write_bytes(os.urandom((1 << 20) + 7))
    told: list[int] = []
    with create_private(tmp_path / "joined") as out:
        copy_into(out, *parts, tell=told.append)
    whole = b"".join(part.read_bytes() for part in parts)
    assert (tmp_path / "joined").read_bytes() == whole
    assert told == sorted(told)
    assert told[-1] == len(whole)
    assert sha256_of(*parts) == sha256_of(tmp_path / "joined") == hashlib.sha256(whole).hexdigest()
    abort = Abort()
    abort.set()
    with pytest.raises(AbortedError):
        sha256_of(*parts, check=abort.check)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_in_one_step(tmp_path: Path, durable: bool) -> None:
    """What a killed process left half-written is in nobody's way, and no other file stays."""
    (tmp_path / "note.part").write_bytes(b"half")
    for content in (b"one", b"two"):
        replace_whole(tmp_path / "note", content, durable=durable)
        assert (tmp_path / "note").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_room_is_looked_for_before_it_is_needed(tmp_path: Path) -> None:
    """What does not fit is refused with both numbers; a full disk is told from one that fails."""
    require_space(tmp_path, 1, "for a byte")
    with pytest.raises(NoSpaceError, match=r"no space for it all in .*: 4,611,686,018,427,387,904 bytes are needed"):
        require_space(tmp_path, 1 << 62, "for it all")
    assert is_full(OSError(28, "No space left on device"))
    assert not is_full(OSError(5, "Input/output error"))
