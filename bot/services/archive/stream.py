"""Streams a ZIP of members as it is deflated.

The one file that knows aiozipstream. As it comes it deflates one KiB at a time, dates every member to now, gives it no
permissions and knows no ZIP64: members and records are therefore ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from zipstream import AioZipStream

from bot.errors import ArchiveError
from bot.models import Block, Cause, Member, ReportBytes
from bot.services.files.names import folded
from bot.services.zip.deflate import Deflation
from bot.services.zip.deflated import BLOCK, DeflatedMember
from bot.services.zip.records import Records, ZipEntry
from bot.services.zip.source import ChangedFile, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSource:
    """What becomes a member: either a `file` that nobody changes any more, or small `content` in memory.

    Where `deflated` is given, its bytes are those of the file, and the file is not read. Where an `earlier` state of it
    is, blocks that are the same are copied from there.
    """

    name: str
    modified: datetime
    file: Path | None = None
    content: bytes | None = None
    deflated: DeflatedMember | None = None
    earlier: DeflatedMember | None = None

    @property
    def data(self) -> tuple[str, Source]:
        if self.deflated is not None or self.file is None:
            return self.name, self.deflated or self.content or b""
        return self.name, ChangedFile(self.file, self.earlier) if self.earlier is not None else self.file

    def size(self) -> int:
        """Raises `ArchiveError` where the file is not there."""
        if self.file is None:
            return len(self.content or b"")
        try:
            return self.file.stat().st_size
        except OSError as error:
            raise ArchiveError.because(Cause.COPY_GONE, name=self.name, said=error.strerror or str(error)) from error


class MemberStream(AioZipStream):  # type: ignore[misc]  # it has no types
    """aiozipstream with our members and records. Its `stream()` gives the archive's bytes; close both afterwards.

    A member stands in `members` when its last piece comes out; until the next one is asked for, more may be appended.
    """

    def __init__(
        self,
        deflation: Deflation,
        *,
        expect: Callable[[int, DeflatedMember | None], None],
        progress: ReportBytes,
        records: Records,
    ) -> None:
        """`expect` hears, before it comes, where the data of a member begins, and from where it is taken over.

        `progress` counts bytes of files.
        """
        self._sources: list[tuple[MemberSource, int]] = []
        super().__init__(self._sources)  # which iterates over them as they are needed
        self._deflation = deflation
        self._expect = expect
        self._progress = progress
        self._done = self._total = 0
        self._records = records
        self._under_way: AsyncGenerator[bytes, None] | None = None
        self.entries: list[ZipEntry] = []
        self.members: list[Member] = []

    async def append(self, sources: Sequence[tuple[MemberSource, int]]) -> None:
        """Go on with these, each with its size. Raises `ArchiveError` for names that can't be, or are there already."""
        require_good_names([source.name for source, _size in (*self._sources, *sources)])
        self._sources.extend(sources)
        self._total += sum(size for source, size in sources if source.file is not None)
        await self._deflation.feed([source.data for source, _size in sources])

    async def aclose(self) -> None:
        """Close what `stream()`, when closed early, leaves open."""
        if self._under_way is not None:
            await self._under_way.aclose()

    def _create_file_struct(self, data: tuple[MemberSource, int]) -> dict[str, Any]:
        source, size = data
        entry = ZipEntry(name=source.name, modified=int(source.modified.timestamp()), bytes=size)
        return {"entry": entry, "source": source}

    def _stream_single_file(self, file_struct: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        entry = replace(file_struct["entry"], offset=file_struct["offset"])
        self._under_way = self._stream_member(entry, file_struct["source"])
        return self._under_way

    async def _stream_member(self, entry: ZipEntry, source: MemberSource) -> AsyncGenerator[bytes, None]:
        header = self._records.local_header(entry)
        start = entry.offset + len(header)
        self._expect(start, source.deflated)
        yield header
        lengths, left, counts = list[int](), entry.bytes, source.file is not None
        while isinstance(piece := await self._deflation.take(), bytes):
            lengths.append(len(piece))
            yield piece
            left -= self._count(min(left, BLOCK)) if counts else 0
        if counts:
            self._count(left)  # what is handed on as it is comes in larger pieces
        if piece.bytes != entry.bytes:
            raise ArchiveError.because(Cause.COPY_RESIZED, name=entry.name)
        entry = replace(entry, compressed_bytes=sum(lengths), crc32=piece.crc32)
        known = source.deflated.known if source.deflated is not None else None
        blocks = (Block(*crcs, length) for crcs, length in zip(piece.blocks, lengths, strict=False))
        self.entries.append(entry)
        self.members.append(
            Member(
                name=entry.name,
                bytes=entry.bytes,
                compressed_bytes=entry.compressed_bytes,
                crc32=entry.crc32,
                sha256=piece.sha256,
                offset=start,
                blocks=known.blocks if known is not None else tuple(blocks),
            )
        )
        yield self._records.descriptor(entry)

    def _count(self, size: int) -> int:
        self._done += size
        self._progress(self._done, self._total)
        return size

    def _make_end_structures(self) -> Iterator[bytes]:
        offset = self._offset_get()
        directory = b"".join(map(self._records.central_header, self.entries))
        yield directory
        yield self._records.end(count=len(self.entries), size=len(directory), offset=offset)


def require_good_names(names: Sequence[str]) -> None:
    """Raise `ArchiveError` for names that stock tools would refuse, rename or unpack somewhere else; and for none."""
    if not names:
        raise ArchiveError("There is nothing to put into an archive.")
    seen: set[str] = set()
    for name in names:
        try:
            length = len(name.encode())
        except UnicodeEncodeError:
            length = 0
        if not 0 < length <= 255 or name in {".", ".."} or any(sign in name for sign in "/\\\0"):
            raise ArchiveError(f"{name!a} can't be the name of a file in an archive.")
        if folded(name) in seen:
            raise ArchiveError(f"Two files would be called {name} in the archive.")
        seen.add(folded(name))
