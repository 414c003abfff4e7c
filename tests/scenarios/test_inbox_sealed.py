"""Sealed archives sent to a bot that has the key: opened for the check and for the restore, and never kept unsealed."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from bot.services.sealing.age import new_identity
from tests.world.databases import rows_in
from tests.world.inbox import House, confirmed, lose_rows, open_house
from tests.world.stock_age import identity_file


def with_key(folder: Path) -> tuple[str, str]:
    secret, public = new_identity()
    return str(identity_file(folder, secret)), public


def sealed(house: House, archive: Path, recipient: str) -> Path:
    path = house.folder / f"{archive.name}.age"
    path.write_bytes(pyrage.encrypt(archive.read_bytes(), [pyrage.x25519.Recipient.from_str(recipient)]))
    return path


async def test_a_sealed_archive_is_checked_and_restored(tmp_path: Path) -> None:
    """From the sealed file to the live database; all that is kept meanwhile is the sealed file."""
    key, recipient = with_key(tmp_path)
    async with open_house(tmp_path, AGE_IDENTITY_FILE=key) as house:
        archive = house.archive(await house.made())
        await house.ann.send_document(sealed(house, archive, recipient))
        ready = await house.shows("A backup, intact", "shop.db")
        kept = [path for room in house.left() for path in room.rglob("*") if path.is_file()]
        assert [path.suffix for path in kept] == [".age"]
        lose_rows(tmp_path / "live" / "shop.db")
        archive.unlink()
        await confirmed(house, ready)
        assert rows_in(tmp_path / "live" / "shop.db") == (3000, 3000)


@pytest.mark.parametrize("count", [2, 3, 5])
async def test_sealed_volumes_in_any_order(tmp_path: Path, count: int) -> None:
    """What is missing is told; also the last one, which shows only when the seal is opened."""
    key, recipient = with_key(tmp_path)
    async with open_house(tmp_path, AGE_IDENTITY_FILE=key) as house:
        first, *rest = house.volumes(sealed(house, house.archive(await house.made()), recipient), count)
        for volume in reversed(rest):
            await house.ann.send_document(volume)
        await house.shows("Volumes are missing", ".zip.001")
        await house.ann.send_document(first)
        ready = await house.shows("A backup, intact", f"in {count} volumes")
        await house.press("✖️ Cancel", ready)
        await house.ann.send_document(first)
        waiting = await house.shows("Volumes are missing", ".zip.002", since=ready.revision)
        for volume in rest:
            await house.ann.send_document(volume)
        assert (await house.shows("A backup, intact", since=waiting.revision)).id == waiting.id


async def test_without_the_right_key_it_says_so(tmp_path: Path) -> None:
    """Another key opens nothing, and the sentence is about that."""
    key, _ = with_key(tmp_path)
    _, another = new_identity()
    async with open_house(tmp_path, AGE_IDENTITY_FILE=key) as house:
        await house.ann.send_document(sealed(house, house.archive(await house.made()), another))
        refused = await house.shows("This can't be used")
        assert "key" in refused.text
