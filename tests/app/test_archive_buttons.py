"""The buttons under delivered archives, through the whole service: restore from one, look at one, and one unknown."""

from __future__ import annotations

from pathlib import Path

from bot.app.service import Service
from bot.demo.stand_in.state import Message
from bot.models import Trigger
from tests.world.service import Town, confirmed, overtaken, town_in


async def archive_in(town: Town, backup_id: int) -> Message:
    """The message that brought a backup to Ann."""
    return await town.ann.wait_for(lambda m: m.document is not None and f"arc:r:{backup_id}" in str(m.buttons), since=0)


async def test_a_restore_begins_under_the_archive(tmp_path: Path) -> None:
    """From the button to the restored rows; the archive's own message stays as it came, and can be pressed again."""
    async with town_in(tmp_path) as town:
        archive = await archive_in(town, await overtaken(town))
        assert archive.button_texts == ["♻️ Restore", "🔍 Details"]
        assert archive.text.splitlines()[2] == "users.db and notes.db"
        await (await town.ann.press("♻️ Restore", message=archive)).answered()
        choice = await town.ann.wait_for(lambda m: "which databases" in m.text)
        await (await town.ann.press("notes.db", message=choice)).answered()
        await (await town.ann.press("Show the plan", message=choice)).answered()
        plan = await town.ann.wait_for(lambda m: "♻️ Restore…" in m.button_texts and ": the plan" in m.text, since=0)
        await confirmed(town.ann, plan)
        await (await town.ann.press("🔍 Details", message=archive)).answered()
        details = await town.ann.wait_for(lambda m: m.text.startswith("✅ Backup 1\n"))
        assert details.id != archive.id
        assert next(m for m in town.ann.messages if m.id == archive.id).revision == archive.revision


async def test_an_archive_that_is_known_no_more_is_answered_kindly(tmp_path: Path) -> None:
    """Of another BACKUP_DIR: both buttons say that the file itself can be sent; a stranger's press does nothing."""
    async with town_in(tmp_path) as town:
        archive = await archive_in(town, await town.back_up())
        for act in ("r", "d"):
            another = "1:" if act == "r" else "1:00000000"  # of a catalogue, or a server, that counts from 1 too
            await town.ann.press_data(f"arc:{act}:{another}", archive).answered()
            told = await town.ann.wait_for(lambda m: "no longer know this backup" in m.text)
            assert "forward it to me" in told.text
        stranger = town.api.add_user(66, "Eve")
        await stranger.start()
        before = len(town.ann.messages)
        stranger.press_data(archive.buttons[0][0].callback_data or "", archive)
        await (await town.ann.press("🔍 Details", message=archive)).answered()
        await town.ann.wait_for(lambda m: "Backup 1" in m.text and m.document is None, since=0)
        assert len(town.ann.messages) == before + 1
        assert not [m for m in stranger.messages if m.sender_id != 66]


async def test_buttons_of_a_former_life_find_their_backup(tmp_path: Path) -> None:
    """A new BACKUP_DIR learns the pinned restore points and counts them anew: a button leads to its own archive."""
    async with town_in(tmp_path) as town:
        number = await overtaken(town)
        archive = await archive_in(town, number)
        assert archive.document is not None
        name = archive.document.name
        await town.service.courier.pins.refresh()
        await town.stop()
        settings = town.settings.model_copy(update={"backup_dir": tmp_path / "anew"})
        async with Service.started(settings, clock=town.clock) as anew:
            await anew.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
            await anew.courier.pins.refresh()
            known = {b.archive_name: b.id for b in await anew.courier.catalogue.backups.select()}
            assert known[name] != number
            await (await town.ann.press("🔍 Details", message=archive)).answered()
            details = await town.ann.wait_for(lambda m: name in m.text and m.document is None)
            assert f"<b>Backup {known[name]}</b>" in details.html


async def test_only_the_first_volume_has_words_and_buttons_and_a_group_has_neither_quote_nor_buttons(
    tmp_path: Path,
) -> None:
    """Three lines for the group; in the private chat the rest is folded up below, and later volumes are numbers."""
    async with town_in(tmp_path, DELIVER_TO="11,-1001", VOLUME_SIZE_MB="1", rows=(30_000, 50)) as town:
        group = town.api.add_group(-1001, members=[town.ann])
        await town.back_up()
        mine = [m for m in town.ann.messages if m.document and ".zip" in m.document.name]
        theirs = [m for m in group.messages if m.document]
        assert len(mine) == len(theirs) > 1 or len(mine) == len(theirs) == 1
        first, *later = mine
        assert "<blockquote expandable>" in first.html
        assert "SHA-256" in first.text
        assert "<blockquote" not in theirs[0].html
        assert theirs[0].text.splitlines() == first.text.splitlines()[: len(theirs[0].text.splitlines())]
        assert not any(m.buttons for m in theirs)
        volumes = [f"🧩 Volume {number} of {len(mine)} of backup 1 · " for number in range(2, len(mine) + 1)]
        assert [m.text.partition("· ")[0] + "· " for m in later] == volumes
        assert not any(m.buttons for m in later)
