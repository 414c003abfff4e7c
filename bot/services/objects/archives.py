"""Reads and writes the index of a bucket's prefix, and fetches archives back from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from loguru import logger

from bot.errors import NotFoundError
from bot.models import OutcomeCode, Reason, StoredVolume
from bot.services.contracts.destination import ArchiveGone, CountBytes, Parked, StaleFile, nothing
from bot.services.files.slices import write_volume
from bot.services.objects.bucket import Bucket, Changed
from bot.services.objects.index import INDEX_NAME, READABLE_BYTES, Index, IndexUnreadableError, read_index, write_index

DAMAGED_NAME = "courier-index.damaged.json"
WRITERS = 5  # tries at an index that somebody else writes at the same time


class BucketArchives:
    """The archives of one prefix, by its index; also a place that volumes are fetched back from (`Files`)."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket, self.name = bucket, bucket.url

    async def index(self) -> Index:
        """Read the index. Raises `NotFoundError` when there is none, `IndexUnreadableError`, or an `Outcome`."""
        index, _ = await self._read()
        if index is None:
            raise NotFoundError(
                f"{self.bucket.url} holds no {INDEX_NAME}: no archive was put there by us.",
                hint="Check the bucket and the prefix; a service keeps its archives under the URL in OBJECT_STORES.",
            )
        return index

    async def compared_index(self) -> Index:
        """Read the index and compare it with what the store shows; writes nothing. Raises as `index`."""
        index = await self.index()
        return index.compared(await self.bucket.sizes())

    async def record_fault(self, archive: str, why: Reason) -> None:
        """Note what was found of an archive when it was read. Raises an `Outcome`."""
        await self.change(lambda index: index.with_fault(archive, why))

    async def change(self, how: Callable[[Index], Index]) -> Index:
        """Write the index anew as `how` makes it of the present one; again where somebody else was faster.

        One that can't be believed is set aside beside it, and a new one begun: the archives it named are then unknown
        to us, and stay. Raises an `Outcome`.
        """
        for _ in range(WRITERS):
            try:
                found, version = await self._read()
            except IndexUnreadableError as error:
                found, version = None, await self._set_aside(error)
            changed = how(found or Index())
            try:
                await self.bucket.write(INDEX_NAME, write_index(changed), version)
            except Changed:
                continue
            return changed
        raise Changed(OutcomeCode.INDEX_BUSY, object=INDEX_NAME)

    async def fetch(self, volume: StoredVolume, into: Path, *, offset: int = 0, on_bytes: CountBytes = nothing) -> str:
        """Write exactly the volume's bytes into a file that exists, from `offset` on; return their SHA-256."""
        try:
            async with aclosing(self.bucket.pieces(volume.file_id)) as content:
                return await write_volume(content, into, volume.bytes, offset=offset, on_bytes=on_bytes)
        except FileNotFoundError as error:
            if not await asyncio.to_thread(into.is_file):
                raise ArchiveGone(OutcomeCode.TARGET_GONE, file=into.name) from error
            raise StaleFile(OutcomeCode.OBJECT_GONE, object=volume.file_id) from None

    async def _read(self) -> tuple[Index | None, Any]:
        try:
            found = await self.bucket.read(INDEX_NAME, READABLE_BYTES)
        except ValueError as error:
            raise IndexUnreadableError(f"{error}: that is no index of ours.") from None
        if found is None:
            return None, None
        return await asyncio.to_thread(read_index, found[0]), found[1]

    async def _set_aside(self, error: IndexUnreadableError) -> Any:
        logger.error("{}: {} It is kept as {}, and a new one is begun.", self.bucket.url, error.sentence, DAMAGED_NAME)
        try:
            found = await self.bucket.read(INDEX_NAME, READABLE_BYTES)
        except ValueError:
            raise Parked(OutcomeCode.INDEX_TOO_LARGE, object=INDEX_NAME) from None
        if found is None:
            return None
        version = None
        if (aside := await self.bucket.read(DAMAGED_NAME, READABLE_BYTES)) is not None:
            version = aside[1]
        await self.bucket.write(DAMAGED_NAME, found[0], version)
        return found[1]
