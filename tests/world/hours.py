"""A house that is backed up hour by hour, and what its archives hold."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.models import BackedUp, Backup
from bot.services.archive import proof
from bot.services.archive.verify import verify_archive
from bot.services.backup import checks
from bot.services.concurrency.abort import Abort
from bot.services.sealing.age import new_identity
from bot.services.snapshot.check import check_snapshot
from bot.services.zip.deflated import EarlierBlocks
from bot.services.zip.inflate import Inflater
from tests.world.catalogue import House


class Hours(House):
    """The house, in which is told which databases were really checked, and how much each proof has inflated."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.checked: list[str] = []
        self.inflated: list[Inflater] = []
        self.copied: list[int] = []  # the numbers of blocks

        async def counted(snapshot: Any, *arguments: Any, **more: Any) -> Any:
            self.checked.append(snapshot.database.name)
            return await check_snapshot(snapshot, *arguments, **more)

        def inflater() -> Inflater:
            self.inflated.append(Inflater())
            return self.inflated[-1]

        find = EarlierBlocks.find

        def found(earlier: EarlierBlocks, number: int, *block: int) -> bytes | None:
            deflated = find(earlier, number, *block)
            if deflated is not None:
                self.copied.append(number)
            return deflated

        monkeypatch.setattr(EarlierBlocks, "find", found)
        monkeypatch.setattr(checks, "check_snapshot", counted)
        monkeypatch.setattr(proof, "Inflater", inflater)

    def seal(self, *, held: bool = True) -> str:
        """Seal from now on, with the secret key here or not; return it."""
        secret, public = new_identity()
        key = self.env.with_name("key.txt")
        key.write_text(secret)
        key.chmod(0o600)
        with self.env.open("a") as env:
            env.write(f"AGE_RECIPIENTS={public}\n" + f"AGE_IDENTITY_FILE='{key}'\n" * held)
        return secret

    async def hour(self) -> tuple[Backup, list[str]]:
        """Make a backup an hour later; return it, and which databases it has checked anew, in order."""
        self.checked.clear()
        self.inflated.clear()
        self.copied.clear()
        backup = await self.back_up()
        assert not backup.skipped
        await verify_archive(self.archive(backup), expected_sha256=backup.archive_sha256, abort=Abort())
        with zipfile.ZipFile(self.archive(backup)) as archive:
            assert archive.testzip() is None
            told = json.loads(archive.read("manifest.json"))["databases"]
        assert [one["checked_at"] is None for one in told] == [one.checked_at is None for one in backup.databases]
        return backup, sorted(self.checked)

    def was_inflated(self, database: BackedUp) -> bool:
        """Tell whether the proof of the last hour has inflated this content."""
        return database.sha256 in {one.sha256 for one in self.inflated}

    def spoil(self, backup: Backup, at: int) -> None:
        """Let the disk change a byte of an archive."""
        content = bytearray(self.archive(backup).read_bytes())
        content[at] ^= 0x10
        self.archive(backup).write_bytes(content)


def of(backup: Backup, name: str = "x.db") -> BackedUp:
    return next(one for one in backup.databases if one.name == name)


def deflated(house: House, backup: Backup, name: str = "x.db") -> bytes:
    content = house.archive(backup).read_bytes()
    with zipfile.ZipFile(house.archive(backup)) as archive:
        entry = archive.getinfo(name)
        start = entry.header_offset + 30 + int.from_bytes(content[entry.header_offset + 26 :][:2], "little")
        start += int.from_bytes(content[entry.header_offset + 28 :][:2], "little")
        return content[start : start + entry.compress_size]


def content_in(house: House, backup: Backup, name: str = "x.db") -> bytes:
    """What an archive holds of a database."""
    with zipfile.ZipFile(house.archive(backup)) as archive:
        return archive.read(name)
