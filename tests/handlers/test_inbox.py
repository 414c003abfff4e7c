"""Archives sent and forwarded to the real service in a private chat, seen as the admin sees it."""

from __future__ import annotations

import asyncio
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.services.recovery.document import DOCUMENT_NAME
from tests.world import faults
from tests.world.databases import damage, make_database, rows_in
from tests.world.inbox import House, consented, open_house
from tests.world.service import pressed

# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_an_archive_is_received_checked_and_described(inbox: House) -> None:
    """One message tells what came, then what is in it, and offers to restore it or to forget it."""
    backup = await inbox.made()
    await inbox.ann.send_document(inbox.archive(backup))
    ready = await inbox.shows("A backup, intact")
    assert f"Backup {backup.id} (" in ready.text
    assert "also on the server's disk" in ready.text
    assert "shop.db · " in ready.text
    assert "3,001 rows in 2 tables" in ready.text
    assert "🖥 Made on " in ready.text
    assert ready.button_texts == ["♻️ Restore…", "📋 SHA-256", "✖️ Cancel"]
    assert inbox.ann.copy("SHA-256") == backup.archive_sha256
    folders = [room for room in inbox.left() if room.is_dir()]
    assert folders
    assert all(room.stat().st_mode & 0o777 == 0o700 for room in folders)
    await inbox.press("✖️ Cancel", ready)
    await inbox.shows("Dropped")
    assert inbox.left() == []


@pytest.mark.parametrize("name", ["{archive}.{number:03}", "database_backup (1).zip.{number:03}", "IMG_{number:04}"])
async def test_an_album_of_volumes_in_any_order_under_any_names(inbox: House, name: str) -> None:
    """One update per item, shuffled: they are put together by what is in them, in one message."""
    backup = await inbox.made()
    volumes = inbox.volumes(inbox.archive(backup), 4, name)
    random.Random(3).shuffle(volumes)
    await inbox.ann.send_album(volumes)
    ready = await inbox.shows("A backup, intact", "in 4 volumes")
    assert f"Backup {backup.id} (" in ready.text
    assert len({m.id for m in inbox.ann.messages if m.sender_id != 11 and m.document is None}) == 1


async def test_one_by_one_it_says_which_are_missing(inbox: House) -> None:
    """After each volume the same message tells what is here and what to send."""
    one, two, three = await inbox.made_volumes(3, "{archive} (1).{number:03}")
    await inbox.ann.send_document(one)
    waiting = await inbox.shows("Volumes are missing", "I have 1", ".zip.002 (and any others there are)")
    await inbox.ann.send_document(three)
    again = await inbox.shows("I have 1, 3 of 3. Please send .zip.002.")
    assert again.id == waiting.id
    assert "any names" in again.text
    await inbox.ann.send_document(three)  # twice is no harm
    await inbox.ann.send_document(two)
    ready = await inbox.shows("A backup, intact", "in 3 volumes")
    assert ready.id == waiting.id


async def test_a_later_volume_alone_asks_for_the_first(inbox: House) -> None:
    """Whatever comes first, under a name that says nothing: it can be the middle of an archive."""
    volumes = await inbox.made_volumes(3, "part {number}")
    await inbox.ann.send_document(volumes[1])
    waiting = await inbox.shows("Volumes are missing", "does not begin as an archive")
    assert "started again" not in waiting.text
    await inbox.ann.send_album([volumes[0], volumes[2]])
    assert (await inbox.shows("A backup, intact")).id == waiting.id


async def test_a_foreign_archive_is_taken_with_a_warning(inbox: House, tmp_path: Path) -> None:
    """What another tool made has no manifest: it is shown for what it is."""
    foreign = tmp_path / "database_backup_old.zip"
    with zipfile.ZipFile(foreign, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(make_database(tmp_path / "old" / "app.db", 12, wal=False), "app.db")
    await inbox.ann.send_document(foreign)
    ready = await inbox.shows("An archive with databases", "app.db", "13 rows")
    assert "was not made by SQLite Courier" in ready.text
    assert "does not say when it was made" in ready.text
    assert "A backup, intact" not in ready.text


async def test_an_empty_archive_is_not_the_end_of_another(inbox: House, tmp_path: Path) -> None:
    """It is whole, and there is nothing in it."""
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w"):
        pass
    await inbox.ann.send_document(empty)
    await inbox.shows("This can't be used", "empty.zip is an empty archive", "Send another copy of it")


async def test_of_two_whole_archives_the_last_one_is_taken(inbox: House) -> None:
    """One at a time; the other one is named, and not silently lost."""
    first = inbox.archive(await inbox.made())
    kept = inbox.folder / "phone" / first.name
    kept.parent.mkdir()
    kept.write_bytes(first.read_bytes())
    second = await inbox.made()
    await inbox.ann.send_album([kept, inbox.archive(second)])
    ready = await inbox.shows("A backup, intact", f"Backup {second.id} (")
    assert f"{first.name} belongs to another archive: one at a time" in ready.text
    await inbox.ann.send_document(kept)
    another = await inbox.shows("A backup, intact", f"Backup {second.id - 1} (")
    assert another.id != ready.id


async def test_two_admins_at_once_have_two_collections(inbox: House) -> None:
    """What one sends is not seen by the other, and completes nobody else's archive."""
    one, two = await inbox.made_volumes(2)
    await inbox.ann.send_document(one)
    await inbox.ben.send_document(two)
    await inbox.shows("Volumes are missing", "I have 1")
    await inbox.shows("Volumes are missing", "I have 2", who=inbox.ben)
    await inbox.ann.send_document(two)
    await inbox.shows("A backup, intact")
    assert inbox.said("A backup, intact", who=inbox.ben) == []


# --- the catalogue document ------------------------------------------------------------------------------------------


async def test_the_forwarded_catalogue_lists_restore_points_to_fetch(inbox: House) -> None:
    """From the list to the contents and back; the archive is on no disk any more."""
    backup = await inbox.made()
    await inbox.service.courier.pins.refresh()
    pinned = inbox.ann.newest_pinned()
    inbox.archive(backup).unlink()
    await inbox.ann.forward(pinned)
    listed = await inbox.shows("Catalogue: 1 restore point")
    assert "did not send" not in listed.text
    await inbox.press("2 databases", listed)
    ready = await inbox.shows("A backup, intact", f"Backup {backup.id} (")
    assert ready.id == listed.id
    assert ready.button_texts == ["♻️ Restore…", "📋 SHA-256", "‹ Restore points", "✖️ Cancel"]
    await inbox.press("Restore points", ready)
    again = await inbox.shows("Catalogue: 1 restore point", since=ready.revision)
    await inbox.press("2 databases", again)
    ready = await inbox.shows("A backup, intact", since=again.revision)
    await inbox.press("✖️ Cancel", ready)
    await inbox.shows("Dropped")


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
async def test_a_wrong_catalogue_gets_its_sentence(inbox: House, tmp_path: Path, content: bytes, says: str) -> None:
    """Corrupt, foreign, of a later version or far too large: each is told, and nothing of it is used."""
    document = tmp_path / DOCUMENT_NAME
    document.write_bytes(content)
    await inbox.ann.send_document(document)
    await inbox.shows("This can't be used", says)


# --- a database by itself ---------------------------------------------------------------------------------------------


async def test_a_database_file_is_checked_and_restored(inbox: House, tmp_path: Path) -> None:
    """As a stranger's: it says what nobody can know of it, and its plan that it comes from that file."""
    sent = make_database(tmp_path / "users.db", 12)
    await inbox.ann.send_document(sent)
    ready = await inbox.shows("A database file", "users.db · ", "13 rows in 2 tables")
    assert "It is in no archive: nothing proves" in ready.text
    assert "users.db is in WAL mode, and its users.db-wal is not here" in ready.text
    assert "It does not say when it was made" in ready.text
    plan = await pressed(inbox.ann, "Restore…", ready, "database file users.db", within=15)
    if "Show the plan" in "".join(plan.button_texts):
        plan = await pressed(inbox.ann, "Show the plan", plan, "the plan", within=15)
    await consented(inbox, plan)
    assert rows_in(inbox.folder / "live" / "users.db") == (12, 12)


def garbage(path: Path) -> None:
    path.write_bytes(b"name,age\n" * 2000)


def encrypted(path: Path) -> None:
    path.write_bytes(random.Random(5).randbytes(40_960))


def cut_short(path: Path) -> None:
    make_database(path, wal=False)
    os.truncate(path, path.stat().st_size - 4096)


def corrupt(path: Path) -> None:
    damage(make_database(path, wal=False))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (garbage, "users.db: not an SQLite database, whatever its name says"),
        (encrypted, "users.db: not an SQLite database that can be read; it looks encrypted"),
        (cut_short, "users.db is cut short"),
        (corrupt, "users.db is damaged, and a damaged database is not restored"),
    ],
)
async def test_what_is_wrong_with_a_database_file_is_told(
    inbox: House, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    """One sentence each, and an archive sent after it is taken."""
    sent = tmp_path / "users.db"
    spoil(sent)
    await inbox.ann.send_document(sent)
    said = await inbox.shows(says)
    assert "Restore…" not in "".join(said.button_texts)


# --- what is not taken -----------------------------------------------------------------------------------------------


async def test_other_files_get_one_clear_sentence(inbox: House, tmp_path: Path) -> None:
    """A photo, a sticker, a text, a write-ahead log: told what the bot takes, an album once."""
    papers = [tmp_path / f"{number}.pdf" for number in range(3)]
    for paper in papers:
        paper.write_text("paper")
    await inbox.ann.send_photo()
    await inbox.shows("I don't know what to do with this", "database_backup_….zip")
    await inbox.ann.send_sticker()
    await inbox.api.until(lambda: len(inbox.said("I don't know what to do with this")) == 2)
    log = tmp_path / "users.db-wal"
    log.write_bytes(bytes(4096))
    await inbox.ann.send_document(log)
    await inbox.shows("belongs beside a database", "send the database")
    await inbox.ann.send_album(papers)
    await inbox.api.until(lambda: len(inbox.said("I don't know what to do with this")) == 3)
    await inbox.heard_everything()
    await inbox.stop()  # whatever was being answered is answered when this returns
    assert len(inbox.said("I don't know what to do with this")) == 3
    assert inbox.api.calls_of("getFile") == []
    await inbox.start()


async def test_other_items_of_an_album_are_left_out_by_name(inbox: House, tmp_path: Path) -> None:
    """An archive with something beside it is an archive, and the rest is named."""
    backup = await inbox.made()
    paper = tmp_path / "notes.pdf"
    paper.write_text("paper")
    await inbox.ann.send_album([inbox.archive(backup), paper])
    await inbox.shows("A backup, intact", "notes.pdf is no archive")
    assert inbox.said("I don't know what to do") == []


async def test_strangers_and_groups_get_silence(inbox: House) -> None:
    """Nothing that a stranger sends is fetched, and a group is no place for archives."""
    backup = await inbox.made()
    group = inbox.api.add_group(-1001, members=[inbox.ann, inbox.eve], bot_status="administrator")
    before = len(inbox.api.calls_of("sendMessage"))
    await inbox.eve.send_document(inbox.archive(backup))
    await inbox.ann.send_document(inbox.archive(backup), to=group.chat)
    await inbox.heard_everything()
    assert inbox.api.calls_of("getFile") == []
    assert len(inbox.api.calls_of("sendMessage")) == before + 1


async def test_commands_work_meanwhile(inbox: House) -> None:
    """Start and the menu answer while volumes are missing, and the next volume goes on."""
    one, two = await inbox.made_volumes(2)
    await inbox.ann.send_document(one)
    await inbox.shows("Volumes are missing")
    await inbox.ann.start()
    await inbox.shows("Ann")
    await inbox.ann.send("good morning")
    await inbox.shows("I don't know what to do with this. /admin opens the menu.")
    await inbox.ann.send_document(two)
    await inbox.shows("A backup, intact")


async def test_a_sealed_archive_is_told_how_to_open(inbox: House, tmp_path: Path) -> None:
    """By its name it is not even fetched; by its first bytes it is recognised under any name."""
    sealed = tmp_path / "database_backup_20260713_120000.zip.age"
    sealed.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n" + bytes(3000))
    await inbox.ann.send_document(sealed)
    said = await inbox.shows("sealed (encrypted with age)", "age -d -i KEY")
    assert inbox.api.calls_of("getFile") == []
    await inbox.press("✖️ Cancel", said)
    await inbox.ann.send_document(sealed, name="renamed.zip")
    await inbox.shows("This can't be used", "renamed.zip")


# --- too large -------------------------------------------------------------------------------------------------------


def large(folder: Path, name: str) -> Path:
    path = folder / name
    with path.open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    return path


async def test_a_file_over_the_limit_is_answered_with_what_to_do(inbox: House, tmp_path: Path) -> None:
    """One byte over what a bot may download: volumes, the server's command line, or a server of one's own."""
    await inbox.ann.send_document(large(tmp_path, "some.zip"))
    said = await inbox.shows("Too large for a bot to download")
    for words in ("20,971,520 bytes at most", "split -b 19M", "sqlite-courier restore", "TELEGRAM_LOCAL", "20,971,521"):
        assert words in said.text
    assert inbox.api.calls_of("getFile") == []
    await inbox.ann.send_document(inbox.archive(await inbox.made()))
    assert (await inbox.shows("A backup, intact")).id == said.id
    await inbox.ann.send_document(large(tmp_path, "some.db"))
    assert "Put it into a ZIP and cut that" in (await inbox.shows("some.db", "Too large")).text


async def test_a_large_file_that_the_catalogue_knows_is_had_another_way(inbox: House, tmp_path: Path) -> None:
    """From the disk while it is there; else its volumes are fetched from Telegram by their file_ids."""
    backup = await inbox.made()
    copy = large(tmp_path, backup.archive_name.replace(".zip", " (1).zip"))
    await inbox.ann.send_document(copy)
    said = await inbox.shows("Too large", f"backup {backup.id}", "on the server's disk")
    restore = next(button for row in said.buttons for button in row if "Restore backup" in button.text)
    assert restore.callback_data == f"bk:restore:{backup.id}:0:{backup.mark}"
    await inbox.press("✖️ Cancel", said)
    inbox.archive(backup).unlink()
    await inbox.service.courier.catalogue.backups.mark_deleted(backup.id)
    await inbox.ann.send_document(copy)
    said = await inbox.shows("Too large", "Telegram holds its volumes", since=said.revision)
    await inbox.press("Fetch backup", said)
    assert f"Backup {backup.id} (" in (await inbox.shows("A backup, intact")).text


async def test_too_large_is_answered_while_volumes_are_awaited(inbox: House, tmp_path: Path) -> None:
    """What to do instead is said, and the known backup offered, whatever else was sent before."""
    rubbish = tmp_path / "rubbish.zip"
    rubbish.write_bytes(random.Random(1).randbytes(3000))
    await inbox.ann.send_document(rubbish)
    await inbox.shows("Volumes are missing")
    backup = await inbox.made()
    await inbox.ann.send_document(large(tmp_path, backup.archive_name))
    said = await inbox.shows("Volumes are missing", "What to do instead", f"backup {backup.id}")
    assert [text for text in said.button_texts if f"Restore backup {backup.id}" in text]


async def test_a_local_server_has_no_limit(tmp_path: Path) -> None:
    """With a Bot API server of one's own the file is read from the disk, whatever its size."""
    async with open_house(tmp_path, local=True) as inbox:
        foreign = tmp_path / "large.zip"
        with zipfile.ZipFile(foreign, "w", zipfile.ZIP_STORED) as target:
            target.write(make_database(tmp_path / "old" / "app.db", 12, wal=False), "app.db")
            target.writestr("readme.txt", bytes(21 << 20))
        await inbox.ann.send_document(foreign)
        await inbox.shows("An archive with databases", "app.db", "readme.txt")


# --- trouble ---------------------------------------------------------------------------------------------------------


async def test_a_passing_trouble_of_the_download_is_got_over(inbox: House) -> None:
    """A connection that breaks off is tried again by itself."""
    backup = await inbox.made()
    inbox.api.inject(faults.truncated(100), "download")
    await inbox.ann.send_document(inbox.archive(backup))
    await inbox.shows("A backup, intact")


async def test_a_restart_in_between_is_told(inbox: House) -> None:
    """What was collected is gone: the message says so, its button too, and the next volume asks for the others."""
    one, two = await inbox.made_volumes(2)
    await inbox.ann.send_document(one)
    waiting = await inbox.shows("Volumes are missing")
    await inbox.stop()
    stopped = await inbox.shows("The service was stopped: what you sent here is removed")
    assert stopped.id == waiting.id
    assert inbox.left() == []
    await inbox.start()
    press = await inbox.ann.press("✖️ Cancel", message=waiting, stale=True)
    assert "no longer here" in (await press.answered()).text
    await inbox.ann.send_document(two)
    await inbox.shows("I have 2", ".zip.001", "started again meanwhile")
    await inbox.ann.send_document(one)
    await inbox.shows("A backup, intact")


async def test_a_stop_in_the_middle_of_a_download_leaves_nothing(inbox: House) -> None:
    """Telegram that never answers holds up no shutdown, and what had come is removed."""
    backup = await inbox.made()
    gate = inbox.api.hold("download")
    await inbox.ann.send_document(inbox.archive(backup))
    await gate.reached()
    async with asyncio.timeout(10):
        await inbox.stop()
    gate.open()
    assert inbox.left() == []
    await inbox.shows("The service was stopped")
    await inbox.start()


async def test_a_button_of_something_gone_says_so(inbox: House) -> None:
    """What a former process collected is not here any more."""
    backup = await inbox.made()
    await inbox.ann.send_document(inbox.archive(backup))
    ready = await inbox.shows("A backup, intact")
    for act in ("forget", "page", "point", "known", "back"):
        press = inbox.ann.press_data(f"in:{act}:0123abcd:0", ready)
        assert "no longer here" in (await press.answered()).text
        await inbox.shows("What you sent is no longer here", "Please send it again")
    await inbox.ben.send("/admin")
    menu = await inbox.ben.wait_for(lambda m: "Admin menu" in m.text)
    another = inbox.ben.press_data(ready.buttons[-1][0].callback_data or "", menu)
    assert "no longer here" in (await another.answered()).text
    assert inbox.left()  # Ann's archive is still there
