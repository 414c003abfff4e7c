"""The whole way: an archive that is on no disk any more is sent to the bot, and the databases come back in the chat."""

from __future__ import annotations

import zipfile

import pytest

from bot.clock import date_time
from tests.world.databases import rows_in
from tests.world.inbox import House, confirmed, consented, lose_rows
from tests.world.service import pressed


async def test_an_archive_from_the_chat_alone_is_restored(inbox: House) -> None:
    """Deleted from the disk, forwarded to the bot, confirmed: the rows are back, and nothing of it is left lying."""
    live = inbox.folder / "live"
    backup = await inbox.made()
    delivered = await inbox.ann.wait_for(lambda m: m.document is not None, since=0)
    lose_rows(live / "shop.db")
    inbox.archive(backup).unlink()
    await inbox.ann.forward(delivered)
    ready = await inbox.shows("A backup, intact", f"Backup {backup.id} (")
    when = date_time(backup.started_at, inbox.settings.timezone)
    choice = await pressed(inbox.ann, "Restore…", ready, f"From backup {backup.id} of {when}", within=15)
    await consented(inbox, await pressed(inbox.ann, "Show the plan", choice, "the plan", within=15))
    assert rows_in(live / "shop.db") == (3000, 3000)
    await inbox.api.until(lambda: inbox.left() == [], within=10)


async def test_volumes_of_an_unknown_archive_are_restored(inbox: House) -> None:
    """The catalogue knows nothing of it (another machine made it): the volumes are all there is."""
    live = inbox.folder / "live"
    volumes = await inbox.made_volumes(3, "from the old server ({number})")
    lose_rows(live / "shop.db")
    lose_rows(live / "users.db")
    await inbox.stop()
    for path in inbox.settings.backup_dir.iterdir():
        if path.is_file():
            path.unlink()
    await inbox.start()
    await inbox.ann.send_album(reversed(volumes))
    ready = await inbox.shows("A backup, intact", "no record of it")
    await confirmed(inbox, ready)
    assert rows_in(live / "shop.db") == (3000, 3000)
    assert rows_in(live / "users.db") == (7, 7)


async def test_an_archive_that_a_mac_packed_anew_is_restored(inbox: House) -> None:
    """Unpacked and zipped again, in a folder and amid litter: its content proves it, and it comes back in the chat."""
    backup = await inbox.made()
    brought = inbox.folder / "Archive.zip"
    with zipfile.ZipFile(inbox.archive(backup)) as ours, zipfile.ZipFile(brought, "w", zipfile.ZIP_DEFLATED) as theirs:
        theirs.writestr("backup/.DS_Store", b"\0\0\0\1Bud1")
        for name in ours.namelist():
            theirs.writestr(f"backup/{name}", ours.read(name))
            theirs.writestr(f"__MACOSX/backup/._{name}", b"\0\5\x16\7litter")
    lose_rows(inbox.folder / "live" / "shop.db")
    await inbox.ann.send_document(brought)
    await confirmed(inbox, await inbox.shows("A backup, intact", "no record of it"))
    assert rows_in(inbox.folder / "live" / "shop.db") == (3000, 3000)


@pytest.mark.parametrize("manifest", [True, False], ids=["ours", "foreign"])
async def test_of_an_archive_with_a_damaged_database_the_others_are_restored(inbox: House, manifest: bool) -> None:
    """What is damaged is named and not offered; the sound one comes back."""
    backup = await inbox.made()
    brought = inbox.folder / "half.zip"
    with zipfile.ZipFile(inbox.archive(backup)) as ours, zipfile.ZipFile(brought, "w") as theirs:
        for name in ours.namelist():
            content = bytearray(ours.read(name))
            if name == "users.db":
                content[4096:8192] = b"\xff" * 4096
            if manifest or name.endswith(".db"):
                theirs.writestr(name, bytes(content))
    lose_rows(inbox.folder / "live" / "shop.db")
    lose_rows(inbox.folder / "live" / "users.db")
    await inbox.ann.send_document(brought)
    ready = await inbox.shows("It is left out", "users.db")
    await inbox.press("Restore…", ready)
    await consented(inbox, ready)  # the only one that is left needs no choice
    assert rows_in(inbox.folder / "live" / "shop.db") == (3000, 3000)
    assert rows_in(inbox.folder / "live" / "users.db") == (0, 0)


@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "restarted"])
async def test_the_button_of_what_is_gone_is_answered(inbox: House, forgotten: bool) -> None:
    """What was offered before it was forgotten, or before a restart, changes nothing, and the press says so."""
    backup = await inbox.made()
    await inbox.ann.send_document(inbox.archive(backup))
    ready = await inbox.shows("A backup, intact")
    if forgotten:
        await inbox.press("✖️ Cancel", ready)
        await inbox.shows("Dropped")
    else:
        await inbox.restart()
    await (await inbox.ann.press("Restore…", message=ready, stale=True)).answered()
    await inbox.shows("no longer kept here")
    assert inbox.left() == []
