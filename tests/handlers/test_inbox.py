"""Archives sent and forwarded to the real service in a private chat, seen as the admin sees it."""

from __future__ import annotations

import asyncio
import random
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.services.recovery.document import DOCUMENT_NAME
from tests.world import faults
from tests.world.databases import make_database
from tests.world.inbox import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as there:
        yield there


# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_an_archive_is_received_checked_and_described(house: House) -> None:
    """One message tells what came, then what is in it, and offers to restore it or to forget it."""
    backup = await house.made()
    await house.ann.send_document(house.archive(backup))
    ready = await house.shows("whole and sound")
    assert f"backup {backup.id}" in ready.text
    assert "also on the server's disk" in ready.text
    assert "shop.db · " in ready.text
    assert "3,001 rows in 2 tables" in ready.text
    assert "Made on" in ready.text
    assert backup.archive_sha256[:16] in ready.text
    assert ready.button_texts == ["♻️ Restore…", "🗑 Forget"]
    folders = [room for room in house.left() if room.is_dir()]
    assert folders
    assert all(room.stat().st_mode & 0o777 == 0o700 for room in folders)
    await house.press("Forget", ready)
    await house.shows("Forgotten")
    assert house.left() == []


@pytest.mark.parametrize("name", ["{archive}.{number:03}", "database_backup (1).zip.{number:03}", "IMG_{number:04}"])
async def test_an_album_of_volumes_in_any_order_under_any_names(house: House, name: str) -> None:
    """One update per item, shuffled: they are put together by what is in them, in one message."""
    backup = await house.made()
    volumes = house.volumes(house.archive(backup), 4, name)
    random.Random(3).shuffle(volumes)
    await house.ann.send_album(volumes)
    ready = await house.shows("whole and sound", "in 4 volumes")
    assert f"backup {backup.id}" in ready.text
    assert len({m.id for m in house.ann.messages if m.sender_id != 11 and m.document is None}) == 1


async def test_one_by_one_it_says_which_are_missing(house: House) -> None:
    """After each volume the same message tells what is here and what to send."""
    one, two, three = await house.made_volumes(3, "{archive} (1).{number:03}")
    await house.ann.send_document(one)
    waiting = await house.shows("Volumes are missing", "I have 1", ".zip.002 (and any others there are)")
    await house.ann.send_document(three)
    again = await house.shows("I have 1, 3 of 3. Please send .zip.002.")
    assert again.id == waiting.id
    assert "any names" in again.text
    await house.ann.send_document(three)  # twice is no harm
    await house.ann.send_document(two)
    ready = await house.shows("whole and sound", "in 3 volumes")
    assert ready.id == waiting.id


async def test_a_later_volume_alone_asks_for_the_first(house: House) -> None:
    """Whatever comes first, under a name that says nothing: it can be the middle of an archive."""
    volumes = await house.made_volumes(3, "part {number}")
    await house.ann.send_document(volumes[1])
    waiting = await house.shows("Volumes are missing", "does not begin as an archive")
    assert "started again" not in waiting.text
    await house.ann.send_album([volumes[0], volumes[2]])
    assert (await house.shows("whole and sound")).id == waiting.id


async def test_a_foreign_archive_is_taken_with_a_warning(house: House, tmp_path: Path) -> None:
    """What another tool made has no manifest: it is shown for what it is."""
    foreign = tmp_path / "database_backup_old.zip"
    with zipfile.ZipFile(foreign, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(make_database(tmp_path / "old" / "app.db", 12, wal=False), "app.db")
    await house.ann.send_document(foreign)
    ready = await house.shows("An archive with databases", "app.db", "13 rows")
    assert "was not made by SQLite Courier" in ready.text
    assert "does not say when it was made" in ready.text
    assert "whole and sound" not in ready.text


async def test_an_empty_archive_is_not_the_end_of_another(house: House, tmp_path: Path) -> None:
    """It is whole, and there is nothing in it."""
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w"):
        pass
    await house.ann.send_document(empty)
    await house.shows("This can't be used", "empty.zip is an empty archive", "Send another copy of it")


async def test_of_two_whole_archives_the_last_one_is_taken(house: House) -> None:
    """One at a time; the other one is named, and not silently lost."""
    first = house.archive(await house.made())
    kept = house.folder / "phone" / first.name
    kept.parent.mkdir()
    kept.write_bytes(first.read_bytes())
    second = await house.made()
    await house.ann.send_album([kept, house.archive(second)])
    ready = await house.shows("whole and sound", f"backup {second.id}")
    assert f"{first.name} belongs to another archive: one at a time" in ready.text
    await house.ann.send_document(kept)
    another = await house.shows("whole and sound", f"backup {second.id - 1}")
    assert another.id != ready.id


async def test_two_admins_at_once_have_two_collections(house: House) -> None:
    """What one sends is not seen by the other, and completes nobody else's archive."""
    one, two = await house.made_volumes(2)
    await house.ann.send_document(one)
    await house.ben.send_document(two)
    await house.shows("Volumes are missing", "I have 1")
    await house.shows("Volumes are missing", "I have 2", who=house.ben)
    await house.ann.send_document(two)
    await house.shows("whole and sound")
    assert house.said("whole and sound", who=house.ben) == []


# --- the catalogue document ------------------------------------------------------------------------------------------


async def test_the_forwarded_catalogue_lists_restore_points_to_fetch(house: House) -> None:
    """From the list to the contents and back; the archive is on no disk any more."""
    backup = await house.made()
    await house.service.courier.pins.refresh()
    pinned = house.ann.newest_pinned()
    house.archive(backup).unlink()
    await house.ann.forward(pinned)
    listed = await house.shows("Catalogue: 1 restore point")
    assert "did not send" not in listed.text
    await house.press("2 db", listed)
    ready = await house.shows("whole and sound", f"backup {backup.id}")
    assert ready.id == listed.id
    assert ready.button_texts == ["♻️ Restore…", "‹ Restore points", "🗑 Forget"]
    await house.press("Restore points", ready)
    again = await house.shows("Catalogue: 1 restore point", since=ready.revision)
    await house.press("2 db", again)
    ready = await house.shows("whole and sound", since=again.revision)
    await house.press("Forget", ready)
    await house.shows("Forgotten")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{}", "not a catalogue of restore points"),
        (b"\xff\xfe not json", "not a catalogue of restore points"),
        (b'{"format": "sqlite-courier restore points", "version": 99}', "version 99"),
        (
            b'{"format":"sqlite-courier restore points","version":1,"bot_id":7,"written_at":"2026-07-13T12:00:00Z",'
            b'"settings":{},"points":[]}',
            "written by bot 7",
        ),
        (b"[" * 2_000_000, "no catalogue of restore points has"),
    ],
)
async def test_a_wrong_catalogue_gets_its_sentence(house: House, tmp_path: Path, content: bytes, says: str) -> None:
    """Corrupt, foreign, of a later version or far too large: each is told, and nothing of it is used."""
    document = tmp_path / DOCUMENT_NAME
    document.write_bytes(content)
    await house.ann.send_document(document)
    await house.shows("This can't be used", says)


# --- what is not taken -----------------------------------------------------------------------------------------------


async def test_other_files_get_one_clear_sentence(house: House, tmp_path: Path) -> None:
    """A photo, a sticker, a text, a bare database: told what the bot takes, an album once."""
    papers = [tmp_path / f"{number}.pdf" for number in range(3)]
    for paper in papers:
        paper.write_text("paper")
    await house.ann.send_photo()
    await house.shows("I don't know what to do with this", "database_backup_….zip")
    await house.ann.send_sticker()
    await house.api.until(lambda: len(house.said("I don't know what to do with this")) == 2)
    await house.ann.send_document(make_database(tmp_path / "bare.db", wal=False))
    await house.shows("a bare database file: put it into a ZIP")
    await house.ann.send_album(papers)
    await house.api.until(lambda: len(house.said("I don't know what to do with this")) == 3)
    await house.heard_everything()
    await house.stop()  # whatever was being answered is answered when this returns
    assert len(house.said("I don't know what to do with this")) == 3
    assert house.api.calls_of("getFile") == []
    await house.start()


async def test_other_items_of_an_album_are_left_out_by_name(house: House, tmp_path: Path) -> None:
    """An archive with something beside it is an archive, and the rest is named."""
    backup = await house.made()
    paper = tmp_path / "notes.pdf"
    paper.write_text("paper")
    await house.ann.send_album([house.archive(backup), paper])
    await house.shows("whole and sound", "notes.pdf is no archive")
    assert house.said("I don't know what to do") == []


async def test_strangers_and_groups_get_silence(house: House) -> None:
    """Nothing that a stranger sends is fetched, and a group is no place for archives."""
    backup = await house.made()
    group = house.api.add_group(-1001, members=[house.ann, house.eve], bot_status="administrator")
    before = len(house.api.calls_of("sendMessage"))
    await house.eve.send_document(house.archive(backup))
    await house.ann.send_document(house.archive(backup), to=group.chat)
    await house.heard_everything()
    assert house.api.calls_of("getFile") == []
    assert len(house.api.calls_of("sendMessage")) == before + 1


async def test_commands_work_meanwhile(house: House) -> None:
    """Start and the menu answer while volumes are missing, and the next volume goes on."""
    one, two = await house.made_volumes(2)
    await house.ann.send_document(one)
    await house.shows("Volumes are missing")
    await house.ann.start()
    await house.shows("Ann")
    await house.ann.send("good morning")
    await house.shows("I don't know what to do with this. /admin opens the menu.")
    await house.ann.send_document(two)
    await house.shows("whole and sound")


async def test_a_sealed_archive_is_told_how_to_open(house: House, tmp_path: Path) -> None:
    """By its name it is not even fetched; by its first bytes it is recognised under any name."""
    sealed = tmp_path / "database_backup_20260713_120000.zip.age"
    sealed.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n" + bytes(3000))
    await house.ann.send_document(sealed)
    said = await house.shows("sealed (encrypted with age)", "age -d -i KEY")
    assert house.api.calls_of("getFile") == []
    await house.press("Forget", said)
    await house.ann.send_document(sealed, name="renamed.zip")
    await house.shows("This can't be used", "renamed.zip")


# --- too large -------------------------------------------------------------------------------------------------------


def large(folder: Path, name: str) -> Path:
    path = folder / name
    with path.open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    return path


async def test_a_file_over_the_limit_is_answered_with_what_to_do(house: House, tmp_path: Path) -> None:
    """One byte over what a bot may download: volumes, the server's command line, or a server of one's own."""
    await house.ann.send_document(large(tmp_path, "some.zip"))
    said = await house.shows("Too large for a bot to download")
    for words in ("20,971,520 bytes at most", "split -b 19M", "sqlite-courier restore", "TELEGRAM_LOCAL", "20,971,521"):
        assert words in said.text
    assert house.api.calls_of("getFile") == []
    await house.ann.send_document(house.archive(await house.made()))
    assert (await house.shows("whole and sound")).id == said.id


async def test_a_large_file_that_the_catalogue_knows_is_had_another_way(house: House, tmp_path: Path) -> None:
    """From the disk while it is there; else its volumes are fetched from Telegram by their file_ids."""
    backup = await house.made()
    copy = large(tmp_path, backup.archive_name.replace(".zip", " (1).zip"))
    await house.ann.send_document(copy)
    said = await house.shows("Too large", f"backup {backup.id}", "on the server's disk")
    restore = next(button for row in said.buttons for button in row if "Restore backup" in button.text)
    assert restore.callback_data.startswith(f"rst:choose:b{backup.id}")
    await house.press("Forget", said)
    house.archive(backup).unlink()
    await house.service.courier.catalogue.backups.mark_deleted(backup.id)
    await house.ann.send_document(copy)
    said = await house.shows("Too large", "Telegram holds its volumes", since=said.revision)
    await house.press("Fetch backup", said)
    assert f"backup {backup.id}" in (await house.shows("whole and sound")).text


async def test_too_large_is_answered_while_volumes_are_awaited(house: House, tmp_path: Path) -> None:
    """What to do instead is said, and the known backup offered, whatever else was sent before."""
    rubbish = tmp_path / "rubbish.zip"
    rubbish.write_bytes(random.Random(1).randbytes(3000))
    await house.ann.send_document(rubbish)
    await house.shows("Volumes are missing")
    backup = await house.made()
    await house.ann.send_document(large(tmp_path, backup.archive_name))
    said = await house.shows("Volumes are missing", "What to do instead", f"backup {backup.id}")
    assert [text for text in said.button_texts if f"Restore backup {backup.id}" in text]


async def test_a_local_server_has_no_limit(tmp_path: Path) -> None:
    """With a Bot API server of one's own the file is read from the disk, whatever its size."""
    async with open_house(tmp_path, local=True) as house:
        foreign = tmp_path / "large.zip"
        with zipfile.ZipFile(foreign, "w", zipfile.ZIP_STORED) as target:
            target.write(make_database(tmp_path / "old" / "app.db", 12, wal=False), "app.db")
            target.writestr("readme.txt", bytes(21 << 20))
        await house.ann.send_document(foreign)
        await house.shows("An archive with databases", "app.db", "readme.txt")


# --- trouble ---------------------------------------------------------------------------------------------------------


async def test_a_passing_trouble_of_the_download_is_got_over(house: House) -> None:
    """A connection that breaks off is tried again by itself."""
    backup = await house.made()
    house.api.inject(faults.truncated(100), "download")
    await house.ann.send_document(house.archive(backup))
    await house.shows("whole and sound")


async def test_a_restart_in_between_is_told(house: House) -> None:
    """What was collected is gone: the message says so, its button too, and the next volume asks for the others."""
    one, two = await house.made_volumes(2)
    await house.ann.send_document(one)
    waiting = await house.shows("Volumes are missing")
    await house.stop()
    stopped = await house.shows("The service was stopped: what you sent here is removed")
    assert stopped.id == waiting.id
    assert house.left() == []
    await house.start()
    press = await house.ann.press("Forget", message=waiting, stale=True)
    assert "no longer here" in (await press.answered()).text
    await house.ann.send_document(two)
    await house.shows("I have 2", ".zip.001", "started again meanwhile")
    await house.ann.send_document(one)
    await house.shows("whole and sound")


async def test_a_stop_in_the_middle_of_a_download_leaves_nothing(house: House) -> None:
    """Telegram that never answers holds up no shutdown, and what had come is removed."""
    backup = await house.made()
    gate = house.api.hold("download")
    await house.ann.send_document(house.archive(backup))
    await gate.reached()
    async with asyncio.timeout(10):
        await house.stop()
    gate.open()
    assert house.left() == []
    await house.shows("The service was stopped")
    await house.start()


async def test_a_button_of_something_gone_says_so(house: House) -> None:
    """What a former process collected is not here any more."""
    backup = await house.made()
    await house.ann.send_document(house.archive(backup))
    ready = await house.shows("whole and sound")
    for act in ("forget", "page", "point", "known", "back"):
        press = house.ann.press_data(f"in:{act}:0123abcd:0", ready)
        assert "no longer here" in (await press.answered()).text
        await house.shows("What you sent is no longer here", "Please send it again")
    await house.ben.send("/admin")
    menu = await house.ben.wait_for(lambda m: "Admin menu" in m.text)
    another = house.ben.press_data(ready.buttons[-1][0].callback_data or "", menu)
    assert "no longer here" in (await another.answered()).text
    assert house.left()  # Ann's archive is still there
