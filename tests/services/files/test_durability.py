"""What brings files to the disk, where the file system can and where it can't."""

import errno
import os
from pathlib import Path

import pytest

from bot.services.files.private_file import sync_file, sync_folder


def test_a_file_system_that_cannot_sync_is_no_reason_to_go_without(tmp_path: Path) -> None:
    """The kernel answers EINVAL for what can't be brought to a disk, as some shares do: here, for a pipe."""
    reader, writer = os.pipe()
    try:
        assert sync_file(writer) is False
    finally:
        os.close(reader)
        os.close(writer)
    with (tmp_path / "file").open("wb") as file:
        assert sync_file(file.fileno()) is True
    sync_folder(tmp_path / "missing")


def test_a_disk_that_fails_is_one() -> None:
    """EBADF, and so EIO, are raised: what they say is not that the file system has no way to sync."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - by its number below
        sync_file(writer)
    assert caught.value.errno == errno.EBADF
