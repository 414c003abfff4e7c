"""Buttons of old messages, pressed twice by two admins at once after a restart, when what they name is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from tests.world.databases import write_env
from tests.world.service import Town, history_of, opened, pressed, town_in

GONE = "no longer on the"


async def answers_to(town: Town, screen: Message, data: str) -> set[str]:
    """Press it twice, as both admins, all at once; what they are told at once."""
    presses = [person.press_data(data, screen) for person in (town.ann, town.ben) * 2]
    return {answer.text or "" for answer in await asyncio.gather(*(press.answered(within=20) for press in presses))}


@pytest.mark.parametrize("act", ["send", "pin", "del"])
async def test_an_archive_that_is_gone_is_neither_sent_nor_kept_nor_deleted_again(tmp_path: Path, act: str) -> None:
    """It was deleted meanwhile: each press says so; nothing is said to be on its way, and no question is asked."""
    async with town_in(tmp_path) as town:
        old = await town.made()
        screen = await history_of(town.ann, old.id)
        await town.back_up()
        await town.service.courier.housekeeping.delete(old.id, actor="a test")
        await town.restart()
        told = await answers_to(town, screen, f"bk:{act}:{old.id}:0:{old.mark}")
        assert len(told) == 1
        assert GONE in told.pop()
        shown = await town.ann.wait_for(lambda m: m.id == screen.id and m.revision > screen.revision, since=0)
        assert "Delete backup" not in shown.text


async def test_a_database_that_is_forgotten_and_an_admin_who_is_removed(tmp_path: Path) -> None:
    """Their buttons are answered with what is so; nobody else is removed, and nothing else is forgotten."""
    async with town_in(tmp_path, ADMIN_IDS="11,12,13") as town:
        town.api.add_user(13, "Cem")
        await town.back_up()
        await opened(town.ann, "Database Backup", "Databases", "notes.db")
        admins = await opened(town.ann, "Database Backup", "Settings", "Admins")
        sure = await pressed(town.ann, "adm:ask:13", admins)
        await town.stop()
        more = {"BOT_TOKEN": town.api.bot().token, "TELEGRAM_API": town.api.url, "ADMIN_IDS": "11,12"}
        write_env(tmp_path, [town.users], **more, SCHEDULE="0 0 1 1 *", DRILL_SCHEDULE="off")
        await town.start()
        await answers_to(town, sure, "adm:remove:13")
        assert tuple(town.service.courier.people.admin_ids) == (11, 12)
        status = await opened(town.ann, "Database Backup", "Backup Status")
        (forget,) = [b.callback_data or "" for row in status.buttons for b in row if "Hide" in b.text]
        told = await answers_to(town, status, forget)
        assert told <= {
            "Hidden. Their backups stay; what is found again is backed up as before.",
            "That has changed meanwhile: look again.",
        }
        courier = town.service.courier
        assert [database.name for database in (await courier.status()).databases] == ["users.db"]
        assert len((await courier.catalogue.backups.select())[0].databases) == 2
