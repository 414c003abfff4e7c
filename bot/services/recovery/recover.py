"""Recovers databases into a folder from nothing but the bot's token and an admin's id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.clock import Clock, utc_now
from bot.errors import CourierError, MissingVolumesError, NoSpaceError, NotFoundError, TelegramError
from bot.models import RestorePoint
from bot.services.archive.screening import screened
from bot.services.catalogue.newest import is_ahead
from bot.services.contracts.chats import Chats
from bot.services.contracts.destination import Outcome, Refused, Transient
from bot.services.fetch.fetch import fetch_document
from bot.services.fetch.recognition import Kind, begins_zip, recognise
from bot.services.files.names import folded
from bot.services.recovery.document import DOCUMENT_NAME, Document, ServerPart, choose, merge, read_posted
from bot.services.restore.volumes import arrange_volumes
from bot.services.sealing.header import is_sealed
from bot.services.sealing.volumes import require_last

ReportLine = Callable[[str], None]

_LEFT_OUT_OF = 30
"""Files up to which each is tried as the one that does not belong there: it means reading all the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the pinned messages say of a server, all chats together; `settings` are those of the newest one.

    `written_at` is when that one was written, by the clock of who wrote it. `server` is the server's name, empty where
    it has none, and `others` are those that share the bot with it.
    """

    points: tuple[RestorePoint, ...]
    settings: dict[str, str]
    troubles: tuple[str, ...] = ()
    written_at: datetime | None = None
    server: str = ""
    others: tuple[Found, ...] = ()


class NeverPublishedError(NotFoundError):
    """The chats could be read, and no catalogue of restore points was ever pinned there."""


async def find_points(chats: Chats, chat_ids: Sequence[int]) -> Found:
    """Read the pinned messages of these chats and join what they say.

    One chat that can't be read or holds something else is no harm while another has the document. Raises
    `NotFoundError` with a sentence for every chat when none has it, `TelegramError` when the token is refused or when
    Telegram can't be reached.
    """
    documents: list[Document] = []
    troubles: list[str] = []
    unreached: list[str] = []
    reached = ambiguous = empty = False
    for chat_id in dict.fromkeys(chat_ids):
        try:
            documents.append(await _document_of(chats, chat_id))
        except Refused as outcome:
            raise TelegramError(
                f"{outcome.sentence}.", hint="Copy BOT_TOKEN again from @BotFather; a revoked token never works again."
            ) from None
        except Outcome as outcome:
            reached |= not isinstance(outcome, Transient)
            unreached.append(f"{outcome.sentence[:1].upper()}{outcome.sentence[1:]}.")
            troubles.append(f"Chat {chat_id}: {outcome.sentence}.")
        except CourierError as error:
            reached = True
            empty |= isinstance(error, NeverPublishedError)
            ambiguous |= not isinstance(error, NeverPublishedError)
            troubles.append(f"Chat {chat_id}: {error.sentence}")
    if not documents and not reached:
        raise TelegramError(
            "\n".join(["Telegram can't be reached.", *dict.fromkeys(unreached)]),
            hint="Look at the network of this machine, at PROXY and TELEGRAM_API, and try again.",
        )
    if not documents:
        raise (NeverPublishedError if empty and not ambiguous else NotFoundError)(
            "\n".join(["No pinned list of backups was found.", *troubles]),
            hint=(
                f"Run this with --wait, and forward to the bot either the document {DOCUMENT_NAME} or an archive "
                "(database_backup_….zip, all its volumes) from any chat that has it. --admin can be given more than "
                "once, a group's id too."
            ),
        )
    return replace(_said_in(documents), troubles=tuple(troubles))


def _said_in(documents: Sequence[Document]) -> Found:
    """Join what documents say, server by server, the one that wrote last first."""
    said: dict[str, list[ServerPart]] = {}
    for part in sorted(
        (part for document in documents for part in document.parts), key=lambda part: part.written_at, reverse=True
    ):
        said.setdefault(part.server, []).append(part)
    found = [
        Found(
            points=merge(*(part.points for part in parts)),
            settings=parts[0].settings,
            written_at=parts[0].written_at,
            server=server,
        )
        for server, parts in said.items()
    ]
    return replace(found[0], others=tuple(found[1:]))


def choose_server(found: Found, asked: str, *, configured: str = "") -> Found:
    """Return what is said of one server: of the one that is asked for, else of the only one, or of the `configured`.

    Raises `NotFoundError` where that is none, or several could be meant.
    """
    servers = [found, *found.others]
    if asked or len(servers) > 1:
        wanted = (asked or configured).casefold()
        servers = [one for one in servers if one.server.casefold() == wanted] if wanted else servers
    if len(servers) == 1:
        return replace(servers[0], others=(), troubles=found.troubles)
    names = ", ".join(one.server or "one without a name" for one in (found, *found.others))
    if asked or not servers:
        raise NotFoundError(f"There are no restore points of a server {asked or configured}.", hint=f"Known: {names}.")
    raise NotFoundError(f"There are restore points of several servers: {names}.", hint="Name one with --server NAME.")


def choose_point(
    found: Found,
    *,
    at: datetime | None = None,
    only: Sequence[str] = (),
    place: str = "The chat",
    tell: ReportLine = lambda _line: None,
    clock: Clock = utc_now,
) -> RestorePoint:
    """Return the newest restore point, not after `at`, that holds the databases `only`. Raises `NotFoundError`.

    What is dated in the future by this clock, and by that of who wrote the list, was made under a wrong one: it is the
    newest only where there is no other, and `tell` is told of it.
    """
    now = max(filter(None, (clock(), found.written_at)))
    wanted = set(map(folded, only))
    candidates = [point for point in found.points if wanted <= {folded(database.name) for database in point.databases}]
    point = choose(candidates, at=at, now=now)
    if point is None:
        asked = (f" of {', '.join(only)}" if only else "") + (f", of {at:%Y-%m-%d %H:%M:%S} or before" if at else "")
        raise NotFoundError(f"{place} holds no restore point{asked}.", hint="--list shows those there are.")
    for other in candidates:
        if is_ahead(other.at, now) and (at is None or other.at <= at):
            taken = "It is taken." if other is point else f"{point.archive} is taken in its place."
            tell(f"{other.archive} is dated in the future: a wrong clock made it, or this one is wrong. {taken}")
    return point


async def _document_of(chats: Chats, chat_id: int) -> Document:
    pinned = await chats.pinned(chat_id)
    if pinned is None:
        raise NeverPublishedError("no list of backups is pinned there.")
    document = pinned.document
    if document is None or document.name != DOCUMENT_NAME:
        raise NotFoundError("something else is pinned on top; unpin it, and ours shows again if it is below.")
    if not document.ours:
        raise NotFoundError("the pinned catalogue was not sent by this bot, so it is not believed.")
    return await read_posted(chats, document)


async def wait_for_forwarded(
    chats: Chats, senders: Collection[int], temp: Path, *, seconds: float, tell: ReportLine
) -> Found | tuple[Path, ...]:
    """Wait until one of these people forwards the catalogue document or a whole archive to the bot.

    Returns what the document says, or the archive's volumes, fetched into the private folder `temp`: they may come in
    any order and under any names. `tell` is told what arrived, what is missing and what is of no use. Raises
    `NotFoundError` when the time is over, `TelegramError`, `NoSpaceError`.
    """
    volumes: list[Path] = []
    arrived = 0
    try:
        async with aclosing(chats.forwarded(frozenset(senders), seconds=seconds)) as documents:
            async for posted in documents:
                try:
                    if posted.name.endswith(".json"):
                        document = await read_posted(chats, posted)
                        return _said_in([document])
                    if recognise(posted.name, posted.mime) in (Kind.OTHER, Kind.DATABASE, Kind.SIDECAR):
                        tell(f"{posted.name} is no archive by its name; it is left out.")
                        continue
                    arrived += 1
                    folder = temp / f"forwarded-{arrived:04}"  # one of its own: it keeps its name
                    await asyncio.to_thread(folder.mkdir, mode=0o700)
                    volumes.append(await fetch_document(chats, posted, folder))
                    return await asyncio.to_thread(_whole_archive, volumes)
                except MissingVolumesError as error:
                    tell(f"{posted.name} is here. {error.sentence}")
                except NoSpaceError:
                    raise
                except CourierError as error:
                    if whole := await asyncio.to_thread(_whole_but_for_one, volumes):
                        return whole
                    # Kept is what may still become whole together: of one file alone, what may be a later volume.
                    volumes = [] if len(volumes) == 1 and await asyncio.to_thread(begins_zip, volumes[0]) else volumes
                    tell(f"{posted.name}: {error.sentence}")
    except Outcome as outcome:
        raise TelegramError(
            f"{outcome.sentence}.", hint="If the old server still runs somewhere, stop it: two can't listen at once."
        ) from None
    raise NotFoundError("Nothing that helps was forwarded in time.", hint="Give more time: --wait 30 (minutes).")


def _whole_archive(volumes: Sequence[Path]) -> tuple[Path, ...]:
    ordered = arrange_volumes(volumes)
    if is_sealed(ordered[0]):
        require_last(ordered)
        return ordered
    if len(ordered) == 1:
        with screened(ordered[0]):  # an archive at all, or something else that people send
            pass
    return ordered


def _whole_but_for_one(volumes: Sequence[Path]) -> tuple[Path, ...]:
    """Return the archive that they make when one of them is left out, which belongs to something else; () if none."""
    for odd in volumes if 1 < len(volumes) <= _LEFT_OUT_OF else ():
        with suppress(CourierError):
            return _whole_archive([volume for volume in volumes if volume is not odd])
    return ()
