"""From a token and an admin's id to a restored folder: what is left to do when the server is gone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.clock import utc_now
from bot.errors import CourierError, DamagedArchiveError, NotFoundError, TelegramError
from bot.models import RestorePoint, StoredVolume
from bot.services.abort import Abort
from bot.services.delivery.destination import Outcome, Refused
from bot.services.manifest import read_manifest
from bot.services.restore_points.chat import Chats, PostedDocument
from bot.services.restore_points.document import (
    DOCUMENT_NAME,
    READABLE_BYTES,
    Document,
    choose,
    merge,
)
from bot.services.restore_points.fetch import fetch_archive
from bot.services.restore_points.reading import read_posted
from bot.services.verify import verify_archive

Tell = Callable[[str], None]

_ARCHIVE = re.compile(r"(database_backup_\d{8}_\d{6}\.zip)(?:\.(\d{3,6}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the pinned messages say, all chats together; `settings` are those of the newest one."""

    points: tuple[RestorePoint, ...]
    settings: dict[str, str]
    troubles: tuple[str, ...] = ()


async def find_points(chats: Chats, chat_ids: Sequence[int]) -> Found:
    """Read the pinned messages of these chats and join what they say.

    One chat that can't be read or holds something else is no harm while another has the document. Raises
    `NotFoundError` with a sentence for every chat when none has it, `TelegramError` when the token is refused.
    """
    documents: list[Document] = []
    troubles: list[str] = []
    for chat_id in dict.fromkeys(chat_ids):
        try:
            documents.append(await _document_of(chats, chat_id))
        except Refused as outcome:
            raise TelegramError(
                f"{outcome.sentence}.", hint="Copy BOT_TOKEN again from @BotFather; a revoked token never works again."
            ) from None
        except Outcome as outcome:
            troubles.append(f"Chat {chat_id}: {outcome.sentence}.")
        except CourierError as error:
            troubles.append(f"Chat {chat_id}: {error.sentence}")
    if not documents:
        raise NotFoundError(
            "\n".join(["No pinned catalogue of restore points was found.", *troubles]),
            hint=(
                f"Run this with --wait, and forward to the bot either the document {DOCUMENT_NAME} or an archive "
                "(database_backup_….zip, all its volumes) from any chat that has it. --admin can be given more than "
                "once, a group's id too."
            ),
        )
    documents.sort(key=lambda document: document.written_at, reverse=True)
    return Found(
        points=merge(*(document.points for document in documents)),
        settings=documents[0].settings,
        troubles=tuple(troubles),
    )


def choose_point(
    points: Sequence[RestorePoint], *, at: datetime | None = None, only: Sequence[str] = ()
) -> RestorePoint:
    """Return the newest restore point, not after `at`, that holds the databases `only`. Raises `NotFoundError`."""
    holding = [point for point in points if set(only) <= {held.name for held in point.databases}]
    point = choose(holding, at=at)
    if point is None:
        asked = (f" of {', '.join(only)}" if only else "") + (f" before {at:%Y-%m-%d %H:%M:%S} UTC" if at else "")
        raise NotFoundError(f"The chat holds no restore point{asked}.", hint="--list shows those there are.")
    return point


async def _document_of(chats: Chats, chat_id: int) -> Document:
    pinned = await chats.pinned(chat_id)
    if pinned is None:
        raise NotFoundError("nothing is pinned there.")
    document = pinned.document
    if document is None or document.name != DOCUMENT_NAME:
        raise NotFoundError("something else is pinned on top; unpin it, and ours shows again if it is below.")
    if not document.ours:
        raise NotFoundError("the pinned catalogue was not sent by this bot, so it is not believed.")
    return await read_posted(chats, document)


async def wait_for_forwarded(
    chats: Chats, senders: Collection[int], folder: Path, *, seconds: float, tell: Tell
) -> Found | Path:
    """Wait until one of these people forwards the catalogue document or a whole archive to the bot.

    Returns what the document says, or the archive, fetched into `folder`: its volumes may come in any order. `tell` is
    told what arrived and what is wrong with it. Raises `NotFoundError` when the time is over, `TelegramError`.
    """
    archives: dict[str, dict[int, PostedDocument]] = {}
    try:
        async with aclosing(chats.forwarded(frozenset(senders), seconds=seconds)) as documents:
            async for posted in documents:
                match = _ARCHIVE.fullmatch(posted.name)
                if match is None and not (posted.name.endswith(".json") and posted.bytes <= READABLE_BYTES):
                    tell(f"{posted.name or 'a file'} is neither an archive nor the catalogue document; passed over.")
                    continue
                try:
                    if match is None:
                        document = await read_posted(chats, posted)
                        return Found(points=document.points, settings=document.settings)
                    volumes = archives.setdefault(match[1], {})
                    volumes[int(match[2] or 0)] = posted
                    if archive := await _whole(chats, match[1], volumes, folder, tell):
                        return archive
                except CourierError as error:
                    tell(error.sentence)
    except Outcome as outcome:
        raise TelegramError(
            f"{outcome.sentence}.", hint="If the old server still runs somewhere, stop it: two can't listen at once."
        ) from None
    raise NotFoundError("Nothing that helps was forwarded in time.", hint="Give more time: --wait 30 (minutes).")


async def _whole(chats: Chats, name: str, volumes: dict[int, PostedDocument], folder: Path, tell: Tell) -> Path | None:
    """Fetch an archive once all of it may be there; None while volumes are missing."""
    numbers = [0] if 0 in volumes else sorted(volumes)
    if numbers != [0] and numbers != list(range(1, len(numbers) + 1)):
        missing = next(number for number in range(1, numbers[-1]) if number not in volumes)
        tell(f"{name}: {len(numbers)} volumes are here; .{missing:03} is missing.")
        return None
    parts = tuple(StoredVolume(file_id=volumes[n].file_id, bytes=volumes[n].bytes) for n in numbers)
    size = sum(part.bytes for part in parts)
    point = RestorePoint(at=utc_now(), archive=name, bytes=size, sha256="", databases=(), volumes=parts)
    path = await fetch_archive(chats, point, folder)
    try:
        # Only the last volume holds the directory of a ZIP: it opens when all of them are here.
        await asyncio.to_thread(read_manifest, path)
    except DamagedArchiveError:
        await asyncio.to_thread(path.unlink)
        if numbers == [0]:
            raise
        tell(f"{name}: volume {numbers[-1]} is here, and it is not the last one; forward the next.")
        return None
    await verify_archive(path, abort=Abort())
    return path
