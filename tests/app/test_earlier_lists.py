"""Buttons of a former life, where a new catalogue has given their backups' numbers to others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.models import Backup
from bot.services.catalogue import CATALOGUE_NAME
from tests.world.service import Town, history_of, opened, pressed, restores_of, town_in

NEWER = "an earlier list of backups"


async def old_screens(town: Town, backup_id: int) -> list[Message]:
    """What stands in Ann's chat for ever: a page of the history, a backup, its deletion, a database, a run's result."""
    kept = [await history_of(town.ann, backup_id)]
    kept.append(await pressed(town.ann, "Delete", await history_of(town.ann, backup_id), "Delete backup"))
    kept.append(await pressed(town.ann, "Note", await history_of(town.ann, backup_id), "Type"))
    kept.append(await opened(town.ann, "Database Backup", "Databases", "users.db"))
    kept.append(await opened(town.ann, "Database Backup", "History"))
    kept.append(await pressed(town.ann, "Restore", await history_of(town.ann, backup_id), "which databases"))
    return [replace(screen) for screen in kept]


def naming(screens: list[Message]) -> set[str]:
    """The data of the buttons that name a backup by a number."""
    data = {b.callback_data or "" for m in screens for row in m.buttons for b in row}
    return {each for each in data if each.split(":")[0] in ("bk", "erase", "dbback")}


def archives_in(town: Town) -> list[int]:
    """The messages that brought an archive to Ann; the pinned list may come at any time."""
    return [m.id for m in town.ann.messages if m.document and ".zip" in m.document.name]


async def backups_of(town: Town) -> tuple[Backup, ...]:
    return await town.service.courier.catalogue.backups.select()


async def test_no_old_button_opens_or_does_anything_in_a_new_folder(tmp_path: Path) -> None:
    """BACKUP_DIR was deleted, and backup 1 is another one now: it is not opened, pinned, deleted, sent or restored."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        old = naming(await old_screens(town, await town.back_up()))
        acts = {tuple(each.split(":")[:2]) for each in old}
        assert acts >= {("bk", act) for act in ("open", "send", "pin", "del", "note", "restore")}
        assert {each.split(":")[0] for each in old} == {"bk", "erase", "dbback"}
        await town.stop()
        shutil.rmtree(town.settings.backup_dir)
        for person in (town.ann, town.ben):  # or the pinned list would let the new folder know them all
            for pinned in [m for m in person.messages if m.document and "restore_points" in m.document.name]:
                await person.delete(pinned)
        await town.start()
        for _ in range(2):
            await town.back_up()
        before = await backups_of(town)
        assert [backup.id for backup in before] == [2, 1]
        archives = archives_in(town)
        menu = await opened(town.ann)
        for data in sorted(old):
            assert NEWER in ((await town.ann.press_data(data, menu).answered()).text or ""), data
        answer = await town.ann.wait_for(lambda m: m.id == menu.id and NEWER in m.text, since=0)
        assert answer.button_texts == ["📊 Backup Status", "🗂 History", "‹ Back"]
        assert await backups_of(town) == before
        assert archives_in(town) == archives
        assert await restores_of(town) == []


async def test_a_rebuilt_catalogue_finds_the_backup_under_its_new_number(tmp_path: Path) -> None:
    """The catalogue was lost, and the oldest archive with it: every button opens, and restores, what it always did."""
    async with town_in(tmp_path) as town:
        first, *_ = [await town.made() for _ in range(3)]
        third = (await backups_of(town))[0]
        screen = await history_of(town.ann, third.id)
        await town.stop()
        folder = town.settings.backup_dir
        (folder / first.archive_name).unlink()
        for file in folder.glob(f"{CATALOGUE_NAME}*"):
            file.unlink()
        await town.start()
        newest = (await backups_of(town))[0]
        assert (newest.archive_name, newest.id) == (third.archive_name, 2)
        await (await town.ann.press("📌 Pin", message=screen, stale=True)).answered()
        details = await town.ann.wait_for(lambda m: m.id == screen.id and "Unpin" in m.button_texts)
        assert f"<b>Backup {newest.id}</b>" in details.html
        assert third.archive_name in details.text
        assert [backup.id for backup in await backups_of(town) if backup.pinned] == [2]
        await town.ann.press_data(f"bk:restore:{third.id}:0:{third.mark}", screen).answered()
        choice = await town.ann.wait_for(lambda m: "which databases" in m.text)
        assert "backup 2" in choice.text


@pytest.mark.parametrize(
    "data", ["bk:open:1:0", "bk:pin:1:0", "bk:del:1:3", "erase:1:0:1800000000", "rst:choose:b1:0", "dbback:0badcafe:1"]
)
async def test_a_bare_number_is_never_believed(tmp_path: Path, data: str) -> None:
    """A button of an earlier version bears a number alone: it is answered with where to look instead."""
    async with town_in(tmp_path) as town:
        await town.back_up()
        before = await backups_of(town)
        menu = await opened(town.ann, "Database Backup")
        assert NEWER in ((await town.ann.press_data(data, menu).answered()).text or "")
        shown = await town.ann.wait_for(lambda m: m.id == menu.id and NEWER in m.text)
        await pressed(town.ann, "Backup Status", shown, "Last backup")
        assert await backups_of(town) == before


async def test_a_run_that_was_named_while_it_was_running_is_found_when_it_is_done(tmp_path: Path) -> None:
    """It had no archive when its button was drawn; its name is when it began."""
    async with town_in(tmp_path) as town:
        done = await town.made()
        while_running = replace(done, archive_sha256="").mark
        assert while_running != done.mark
        manager = town.service.courier
        assert await manager.id_of_backup(done.id, while_running) == done.id
        assert await manager.id_of_backup(done.id, done.mark) == done.id
        assert await manager.id_of_backup(77, done.mark) == done.id
        assert await manager.id_of_backup(done.id, "") is None
        assert await manager.id_of_backup(done.id, "20200101000000") is None
