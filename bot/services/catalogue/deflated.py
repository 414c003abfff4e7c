"""Stores what is known of the deflated bytes of each database in the newest archive that holds it."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from bot.models import Block, Deflated
from bot.services.catalogue.backup_rows import AMONG
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.zip.deflated import BLOCK

_BLOCK = struct.Struct("<3L")


class DeflatedTable(CatalogueTable):
    """The rows of deflated, one for each path.

    They name no archive: a row is true of any in which a database has that SHA-256 and deflated bytes of that CRC-32.
    """

    @writing
    async def remember(self, deflated: Mapping[str, Deflated]) -> None:
        """Remember by path what a proof has found, in place of what was known; forget what no archive holds."""
        for path, found in deflated.items():
            await self._db.upsert(
                "deflated",
                "path",
                path=path,
                sha256=found.sha256,
                crc32=found.crc32,
                deflated_crc32=found.deflated_crc32,
                block_bytes=BLOCK,
                blocks=b"".join(_BLOCK.pack(*block) for block in found.blocks),
            )
        await self._db.execute(
            "DELETE FROM deflated WHERE path NOT IN"
            " (SELECT path FROM backups JOIN backed_up ON backup_id = id WHERE on_disk = 1)"
        )

    @reading
    async def of(self, paths: set[str]) -> dict[str, Deflated]:
        """Return, by path, what is known; of blocks of another size than ours nothing."""
        rows = await self._db.rows(f"SELECT * FROM deflated WHERE path {AMONG}", paths)
        return {
            row["path"]: Deflated(
                sha256=row["sha256"],
                crc32=row["crc32"],
                deflated_crc32=row["deflated_crc32"],
                blocks=tuple(map(Block._make, _BLOCK.iter_unpack(row["blocks"])))
                if row["block_bytes"] == BLOCK
                else (),
            )
            for row in rows
        }
