"""A BACKUP_DIR that can't be reached for a while: the service lives on, says so, and goes on where it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.errors import CourierError, InstanceError
from bot.services.files.locks import ServiceLock
from tests.world.service import Town, opened, town_in


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody move a folder with open files")
async def test_a_folder_that_refuses_every_look_ends_nothing(tmp_path: Path) -> None:
    """A share that is gone, or rights that were taken away, answer neither yes nor no to whether a file is there."""
    town: Town
    async with town_in(tmp_path) as town:
        await town.made()
        folder, aside = town.settings.backup_dir, tmp_path / "aside"
        folder.rename(aside)
        folder.symlink_to("x" * 300)  # the system refuses to look at what is in it: the name is too long
        for _ in range(2):  # the first one loses the lock
            await town.service.keep_place()
        for screen in ("Backup Status", "System Health", "History"):
            shown = await opened(town.ann, "Database Backup", screen)
            assert "The log has the details" not in shown.text
            assert screen != "System Health" or f"The folder {folder} can't be read" in shown.text
        with pytest.raises(CourierError):
            await town.made()
        folder.unlink()
        aside.rename(folder)
        await town.service.keep_place()
        assert (await town.made()).id == 2
        with pytest.raises(InstanceError):
            await ServiceLock(folder).acquire()
