"""Finds the archives of a command: on the disk, in files, in the chat or in an object store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.app.destinations import choose_store, open_bucket_archives
from bot.cli import output
from bot.config.settings import Settings
from bot.errors import NotFoundError, SettingsError, TelegramError, how_to_install
from bot.models import Backup, RestorePoint
from bot.services.catalogue import ALL, Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.contracts.chats import Chats, Files
from bot.services.contracts.destination import Outcome
from bot.services.fetch.choice import choose_in_chat
from bot.services.fetch.fetch import fetch_archive
from bot.services.files.private_folder import private_folder
from bot.services.files.store import Store, is_archive_name
from bot.services.recovery.recover import Found, choose_point, find_points
from bot.services.restore.context import RestoreContext
from bot.services.restore.sources import RestoreSource, find_source, newest_before
from bot.words.failures import stored_fault_words

if TYPE_CHECKING:
    from bot.services.objects.archives import BucketArchives


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place outside this machine that archives are fetched from; `find` reads which it holds.

    `chats` is there where people can be asked to forward what is not found; `holder` begins a sentence.
    """

    name: str
    holder: str
    files: Files
    find: Callable[[], Awaitable[Found]]
    chats: Chats | None = None


@asynccontextmanager
async def open_place(settings: Settings, *, from_store: str = "", chat_ids: Sequence[int] = ()) -> AsyncIterator[Place]:
    """Open an object store, or the chats of the bot; nothing is asked of either yet. Raises `SettingsError`."""
    if from_store:
        try:
            import obstore  # noqa: F401, PLC0415 - an extra
        except ImportError:
            raise SettingsError(("--from-store needs the package obstore.",), hint=how_to_install("objects")) from None
        archives = open_bucket_archives(settings, choose_store(settings, from_store))
        url = archives.bucket.url
        yield Place(name=url, holder=url, files=archives, find=partial(_find_in_store, archives))
        return
    from bot.app.telegram import build_bot  # noqa: PLC0415 - imports aiogram, which only this way pays
    from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415 - the same

    bot = build_bot(settings)
    try:
        chats = TelegramChat(bot)
        find = partial(find_points, chats, chat_ids)
        yield Place(name="Telegram", holder="The chat", files=chats, find=find, chats=chats)
    finally:
        await bot.session.close()


async def _find_in_store(archives: BucketArchives) -> Found:
    """Read what the store holds. Raises `NotFoundError`, `CatalogueError`, `TelegramError` when it can't be asked."""
    try:
        index = await archives.index()
        with suppress(Outcome):  # a key that may not list can restore all the same
            index = await archives.compared_index()
    except Outcome as outcome:
        raise TelegramError(f"{archives.bucket.url}: {outcome.sentence}.", hint="Check the settings of S3_….") from None
    for entry in index.faulty:
        output.warn(f"{stored_fault_words(archives.bucket.url, entry.archive, entry.why)} It is passed over.")
    return Found(points=index.points, settings={})


async def fetch(
    place: Place, point: RestorePoint, folder: Path, settings: Settings, *, abort: Abort | None = None, quiet: bool
) -> Path:
    """Fetch an archive into a private folder, under a progress bar. Raises what `fetch_archive` raises."""
    with output.byte_progress(quiet=quiet, label="fetching") as report:
        return await fetch_archive(
            place.files, point, folder, attempts=settings.retry_attempts, delay=settings.retry_delay,
            progress=report, abort=abort,
        )  # fmt: skip


# --- for a restore --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asked to restore from: names or files (none is the newest) or a moment, and from where.

    Without a place it is what this machine has. `only` are the databases that have to be in it, `server` is the one
    whose backup it is.
    """

    which: Sequence[str] = ()
    at: datetime | None = None
    only: Sequence[str] = ()
    from_telegram: bool = False
    from_store: str = ""
    server: str = ""

    def choose_from(self, found: Found, place: Place) -> RestorePoint:
        """Return the newest that the place holds, not after the moment. Raises `NotFoundError`."""
        return choose_point(found, at=self.at, only=self.only, place=place.holder, tell=output.warn)


@asynccontextmanager
async def open_source(
    wanted: Wanted, settings: Settings, context: RestoreContext, *, abort: Abort, quiet: bool
) -> AsyncIterator[RestoreSource]:
    """Find what is wanted and bring it here; what was fetched is gone again at the end.

    Raises `NotFoundError`, `SettingsError`, `DamagedArchiveError`, and what `fetch` raises.
    """
    if not (wanted.from_telegram or wanted.from_store):
        yield await _source_here(wanted, context)
        return
    async with private_folder(context.store.work) as room:
        point = None
        if wanted.from_telegram:
            point = await choose_in_chat(context.catalogue, _one_in_chat(wanted, settings), at=wanted.at)
        async with open_place(settings, from_store=wanted.from_store) as place:
            point = point or wanted.choose_from(await place.find(), place)
            file = await fetch(place, point, room, settings, abort=abort, quiet=quiet)
        yield RestoreSource(files=(file,), backup=await context.catalogue.restore_points.backup_of(point))


def _one_in_chat(wanted: Wanted, settings: Settings) -> str:
    if not settings.bot_token.get_secret_value():
        raise SettingsError(("BOT_TOKEN is not set: without it nothing can be fetched from Telegram.",))
    if len(wanted.which) > 1:
        raise NotFoundError("--from-telegram fetches one backup.", hint="Name it by its id, or leave it out: latest.")
    return wanted.which[0] if wanted.which else "latest"


async def _source_here(wanted: Wanted, context: RestoreContext) -> RestoreSource:
    """Resolve what was named: files that exist are files, anything else is looked up in the catalogue."""
    folder, catalogue, timezone = context.store.folder, context.catalogue, ZoneInfo(context.timezone)
    if wanted.at is not None:
        return await newest_before(catalogue, folder, wanted.at, timezone)
    if not wanted.which:
        return await find_source(catalogue, folder, "latest", timezone)
    files = [Path(name) for name in wanted.which]
    missing = [file for file in files if not await asyncio.to_thread(file.is_file)]
    if not missing:
        return RestoreSource(files=tuple(files))
    if len(files) > 1:
        raise NotFoundError(f"There is no file {missing[0]}.", hint="Name one backup, or the files of one archive.")
    await asyncio.to_thread(_require_no_path, files[0])
    return await find_source(catalogue, folder, wanted.which[0], timezone)


def _require_no_path(path: Path) -> None:
    """Raise `NotFoundError` where a person means a file or a folder by this, and no backup of the catalogue."""
    if path.is_dir() and path.name.casefold() != "latest" and not path.name.isdigit():
        raise NotFoundError(f"{path} is a folder.", hint="Name the archive in it, or all its volumes.")
    if len(path.parts) > 1 or (path.suffix and not is_archive_name(path.name)):
        raise NotFoundError(
            f"There is no file {path}.", hint="`sqlite-courier list` shows the backups that can be named in its place."
        )


# --- for a verification ---------------------------------------------------------------------------------------------


async def sources_on_disk(which: Sequence[str], store: Store, catalogue: Catalogue) -> list[RestoreSource]:
    """Return the archives that were named, or all on the disk, damaged ones too: whether they are good is asked next.

    A path that exists is that file; anything else is looked up in the catalogue. Raises `NotFoundError`.
    """
    if not which:
        return [_vouched(store, backup) for backup in await catalogue.backups.select(limit=ALL, on_disk_only=True)]
    sources = []
    for name in which:
        if await asyncio.to_thread(Path(name).is_file):
            sources.append(RestoreSource(files=(Path(name),)))
            continue
        backup = await catalogue.backups.find(name)
        if not backup.on_disk:
            where = "gone from" if backup.gone else "no longer on"
            raise NotFoundError(f"The archive of backup {backup.id} is {where} the disk.")
        sources.append(_vouched(store, backup))
    return sources


def _vouched(store: Store, backup: Backup) -> RestoreSource:
    return RestoreSource(files=(store.folder / backup.archive_name,), backup=backup if backup.proven else None)
