"""Fetches documents from the chat into a private folder, several at a time and each within its bounds."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import AbortedError, CourierError, NoSpaceError
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import settled, side_by_side
from bot.services.contracts.chats import Chats, PostedDocument
from bot.services.fetch.fetch import TooLargeToFetchError, fetch_document
from bot.services.fetch.recognition import Kind, archive_meant, recognise
from bot.services.files.names import volume_number
from bot.services.files.private_folder import private_folder
from bot.services.files.space import FREE_SOME, require_space
from bot.services.inbox.reading import stands_alone, why_no_database
from bot.services.inbox.upload_view import LeftOutFile, LeftOutReason, UploadPart

AT_ONCE = 3
"""Downloads side by side."""


@dataclass(eq=False, slots=True)
class UploadFile:
    """A document of an upload, and where its bytes are."""

    posted: PostedDocument
    done: int = 0
    file: Path | None = None
    alone: bool = False  # an archive in one piece, or a database file
    dropped: bool = False
    abort: Abort = field(default_factory=Abort)

    @property
    def number(self) -> int | None:
        """The volume that its name tells."""
        return volume_number(self.posted.name)

    @property
    def meant(self) -> str:
        """The archive of ours that its name means, empty if none."""
        return archive_meant(self.posted.name)

    def drop(self) -> None:
        """Let it go, also in the middle of its download."""
        self.dropped = True
        self.abort.set()

    def view(self) -> UploadPart:
        return UploadPart(
            name=self.posted.name, bytes=self.posted.bytes, number=self.number, here=self.file is not None
        )

    def left_out(self, why: LeftOutReason, detail: str = "") -> LeftOutFile:
        """Return it as one that is no part of the upload."""
        return LeftOutFile(name=self.posted.name, bytes=self.posted.bytes, why=why, detail=detail)


class UploadSpace:
    """A private folder (0700) in the store's work area, made when it is first needed; every file has a folder in it."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._stack = AsyncExitStack()
        self._folder: Path | None = None
        self._numbers = itertools.count(1)
        self._making = asyncio.Lock()

    async def slot(self) -> Path:
        """Return a new empty folder."""
        # To its end also when cancelled: a folder that is made behind our back would be removed by nobody.
        return await settled(self._make())

    async def _make(self) -> Path:
        async with self._making:
            if self._folder is None:
                self._folder = await self._stack.enter_async_context(private_folder(self._work))
        folder = self._folder / f"{next(self._numbers):04}"
        await asyncio.to_thread(folder.mkdir, mode=0o700)
        return folder

    async def require_space(self, needed: int) -> None:
        """See that so many bytes fit, before the first one is fetched. Raises `NoSpaceError`."""
        await self.slot()  # which makes the folder
        what, hint = "on the server for these files", f"{FREE_SOME} Then send it again."
        await asyncio.to_thread(require_space, self._work, needed, what, hint=hint)

    async def keep_only(self, items: Sequence[UploadFile]) -> None:
        """Remove whatever does not belong to these."""
        if self._folder is not None:
            kept = {item.file.parent.name for item in items if item.file is not None}
            await asyncio.to_thread(_keep_only, self._folder, kept)

    async def close(self) -> None:
        """Remove it with everything in it."""
        self._folder = None
        await self._stack.aclose()


def _keep_only(root: Path, names: set[str]) -> None:
    for folder in root.iterdir():
        if folder.name not in names:
            shutil.rmtree(folder, ignore_errors=True)


async def fetch_items(
    items: Sequence[UploadFile], space: UploadSpace, chats: Chats, *, delay: float, arrived: Callable[[], None]
) -> list[LeftOutFile]:
    """Fetch documents side by side; return those that could not be had, each with its reason, and drop them.

    `arrived` is called with each piece that comes. Raises `NoSpaceError`, `AbortedError`.
    """
    await space.require_space(sum(item.posted.bytes for item in items))
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: UploadFile) -> LeftOutFile | None:
        def progress(done: int, _total: int) -> None:
            item.done = done
            arrived()

        async with turns:
            try:
                slot = await space.slot()
                file = await fetch_document(chats, item.posted, slot, delay=delay, progress=progress, abort=item.abort)
                item.alone = await stands_alone(file)
                if not item.alone and recognise(item.posted.name, item.posted.mime) is Kind.DATABASE:
                    item.drop()
                    return item.left_out(LeftOutReason.NO_DATABASE, await why_no_database(file))
                item.file = file
            except AbortedError:
                if not item.dropped:
                    raise
            except NoSpaceError:
                raise
            except CourierError as error:
                item.drop()
                too_large = isinstance(error, TooLargeToFetchError)
                return item.left_out(LeftOutReason.TOO_LARGE if too_large else LeftOutReason.FAILED, error.sentence)
        return None

    return [found for found in await side_by_side(*map(one, items)) if found is not None]
