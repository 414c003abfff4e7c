"""The whole way: an archive that is on no disk any more is sent to the bot, and the databases come back in the chat."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world.databases import rows_in
from tests.world.inbox import House, confirmed, consented, lose_rows, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as there:
        yield there


async def test_an_archive_from_the_chat_alone_is_restored(house: House) -> None:
    """Deleted from the disk, forwarded to the bot, confirmed: the rows are back, and nothing of it is left lying."""
    live = house.folder / "live"
    backup = await house.made()
    delivered = await house.ann.wait_for(lambda m: m.document is not None, since=0)
    lose_rows(live / "shop.db")
    house.archive(backup).unlink()
    await house.ann.forward(delivered)
    await confirmed(house, await house.shows("whole and sound", f"backup {backup.id}"))
    assert rows_in(live / "shop.db") == (3000, 3000)
    await house.api.until(lambda: house.left() == [], within=10)


async def test_volumes_of_an_unknown_archive_are_restored(house: House) -> None:
    """The catalogue knows nothing of it (another machine made it): the volumes are all there is."""
    live = house.folder / "live"
    volumes = await house.made_volumes(3, "from the old server ({number})")
    lose_rows(live / "shop.db")
    lose_rows(live / "users.db")
    await house.stop()
    for path in house.settings.backup_dir.iterdir():
        if path.is_file():
            path.unlink()
    await house.start()
    await house.ann.send_album(reversed(volumes))
    ready = await house.shows("whole and sound", "not in this bot's catalogue")
    await confirmed(house, ready)
    assert rows_in(live / "shop.db") == (3000, 3000)
    assert rows_in(live / "users.db") == (7, 7)


async def test_an_archive_that_a_mac_packed_anew_is_restored(house: House) -> None:
    """Unpacked and zipped again, in a folder and amid litter: its content proves it, and it comes back in the chat."""
    backup = await house.made()
    brought = house.folder / "Archive.zip"
    with zipfile.ZipFile(house.archive(backup)) as ours, zipfile.ZipFile(brought, "w", zipfile.ZIP_DEFLATED) as theirs:
        theirs.writestr("backup/.DS_Store", b"\0\0\0\1Bud1")
        for name in ours.namelist():
            theirs.writestr(f"backup/{name}", ours.read(name))
            theirs.writestr(f"__MACOSX/backup/._{name}", b"\0\5\x16\7litter")
    lose_rows(house.folder / "live" / "shop.db")
    await house.ann.send_document(brought)
    await confirmed(house, await house.shows("whole and sound", "not in this bot's catalogue"))
    assert rows_in(house.folder / "live" / "shop.db") == (3000, 3000)


@pytest.mark.parametrize("manifest", [True, False], ids=["ours", "foreign"])
async def test_of_an_archive_with_a_damaged_database_the_others_are_restored(house: House, manifest: bool) -> None:
    """What is damaged is named and not offered; the sound one comes back."""
    backup = await house.made()
    brought = house.folder / "half.zip"
    with zipfile.ZipFile(house.archive(backup)) as ours, zipfile.ZipFile(brought, "w") as theirs:
        for name in ours.namelist():
            content = bytearray(ours.read(name))
            if name == "users.db":
                content[4096:8192] = b"\xff" * 4096
            if manifest or name.endswith(".db"):
                theirs.writestr(name, bytes(content))
    lose_rows(house.folder / "live" / "shop.db")
    lose_rows(house.folder / "live" / "users.db")
    await house.ann.send_document(brought)
    ready = await house.shows("It is left out", "users.db")
    await house.press("Restore…", ready)
    await consented(house, ready)  # the only one that is left needs no choice
    assert rows_in(house.folder / "live" / "shop.db") == (3000, 3000)
    assert rows_in(house.folder / "live" / "users.db") == (0, 0)


@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "restarted"])
async def test_the_button_of_what_is_gone_is_answered(house: House, forgotten: bool) -> None:
    """What was offered before it was forgotten, or before a restart, changes nothing, and the press says so."""
    backup = await house.made()
    await house.ann.send_document(house.archive(backup))
    ready = await house.shows("whole and sound")
    if forgotten:
        await house.press("Forget", ready)
        await house.shows("Forgotten")
    else:
        await house.restart()
    await (await house.ann.press("Restore…", message=ready, stale=True)).answered()
    await house.shows("no longer kept here")
    assert house.left() == []
