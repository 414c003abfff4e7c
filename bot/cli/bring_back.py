"""Brings databases that are missing back before the service starts: for hosts whose disk is wiped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.cli import output
from bot.cli.sources import Place, fetch, open_place
from bot.clock import utc_now
from bot.config.settings import Settings
from bot.errors import (
    CourierError,
    DamagedArchiveError,
    MissingVolumesError,
    NotFoundError,
    RestoreRefusedError,
    UntrustedArchiveError,
)
from bot.models import Actor, Cause, Database, RestorePoint, Skipped, SkipReason, TargetState, because
from bot.services.backup.discover import discover
from bot.services.backup.startup import open_store
from bot.services.catalogue import ALL, Catalogue
from bot.services.concurrency.abort import Abort
from bot.services.files.private_folder import private_folder
from bot.services.recovery.document import topics_in
from bot.services.recovery.recover import Found, NeverPublishedError
from bot.services.restore.context import RestoreContext
from bot.services.restore.restorer import Restorer
from bot.services.restore.sources import RestoreSource
from bot.services.restore.targets import Configured
from bot.services.snapshot.databases import Discovery
from bot.services.snapshot.patterns import is_glob

_AWAY = (SkipReason.MISSING, SkipReason.GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A backup that could be brought back: its databases by name, with their paths; `place` is None for the disk."""

    at: datetime
    archive: str
    databases: Mapping[str, str]
    source: RestoreSource | None = None
    point: RestorePoint | None = None
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.archive} {f'from {self.place.name}' if self.place else 'from the disk'}"


async def bring_back_missing(settings: Settings) -> None:
    """Bring back what DATABASES names and is not there, from the newest backup on the disk, in a store or the chat.

    A file that is there is never written. Raises `CourierError` where one can't be brought back although it may have
    been backed up: better no start than one with an empty database. What was never backed up is nobody's trouble.
    """
    async with open_store(settings) as (store, catalogue):
        context = RestoreContext.of(settings, store, catalogue, clock=utc_now)
        missing, unknown = await _missing(settings, catalogue)
        if not missing and not unknown:
            return
        async with _places(settings) as places:
            candidates = await _on_disk(context)
            troubles: list[str] = []
            for place in places:
                candidates += await _in_place(place, settings, catalogue, troubles)
            candidates.sort(key=lambda one: one.at, reverse=True)
            for trouble in troubles if candidates else ():
                output.warn(f"{trouble} A newer backup may lie there.")
            if unknown:  # a wiped disk knows no more which files a glob found
                missing |= {path for one in candidates for path in _gone(one, settings)}
            while chosen := next((one for one in candidates if _meant(one, missing, settings)), None):
                candidates.remove(chosen)
                try:
                    missing -= await _restore(chosen, missing, settings, context)
                except (DamagedArchiveError, UntrustedArchiveError, MissingVolumesError) as error:
                    output.warn(f"{chosen}: {error.sentence}")
                    troubles.append(error.sentence)
    away = [str(path) for path in sorted(missing)] or ([", ".join(settings.databases)] if unknown and troubles else [])
    for path in away:
        if troubles:
            raise RestoreRefusedError(
                "\n".join([f"{path} is missing and can't be brought back, so nothing is started.", *troubles]),
                hint="Mend that and start again; without --restore-if-missing it starts on what is there.",
            )
        output.warn(f"{path} is not there, and no backup holds it: the start goes on without it.")


async def _missing(settings: Settings, catalogue: Catalogue) -> tuple[set[Path], bool]:
    """Return the files that are known to be missing, and whether a glob finds nothing and nobody here knows of what."""
    found = await discover(settings, catalogue)
    away = [one.database.path for one in found.missing if one.reason in _AWAY]
    named = {path for path in away if not is_glob(str(path))}
    return named, len(named) < len(away) and await catalogue.backups.latest_proven() is None


@asynccontextmanager
async def _places(settings: Settings) -> AsyncIterator[list[Place]]:
    """Open the stores, then the chats of the admins; nothing is asked of them yet."""
    async with AsyncExitStack() as stack:
        places = [
            await stack.enter_async_context(open_place(settings, from_store=url)) for url in settings.object_stores
        ]
        chats = (*settings.admin_ids, *(one.chat_id for one in settings.deliver_to))
        places.append(await stack.enter_async_context(open_place(settings, chat_ids=tuple(dict.fromkeys(chats)))))
        yield places


async def _on_disk(context: RestoreContext) -> list[_Candidate]:
    backups = await context.catalogue.backups.select(limit=ALL, on_disk_only=True, proven_only=True)
    return [
        _Candidate(
            at=backup.started_at,
            archive=backup.archive_name,
            databases={held.name: held.path for held in backup.databases},
            source=RestoreSource(files=(context.store.folder / backup.archive_name,), backup=backup),
        )
        for backup in backups
        if backup.sound
    ]


async def _in_place(place: Place, settings: Settings, catalogue: Catalogue, troubles: list[str]) -> list[_Candidate]:
    """Return what a place holds; that it can't be asked is a trouble, that nothing was ever put there is none.

    The topics that were made for this server are taken over, or a wiped disk would make new ones.
    """
    try:
        found = _of_this_server(await place.find(), settings.server_name)
    except NeverPublishedError:
        return []
    except CourierError as error:
        if isinstance(error, NotFoundError) and place.chats is None:
            return []  # a store without an index: nothing of ours was ever put there
        troubles.append(error.sentence)
        return []
    for chat_id, thread_id in topics_in(found.settings if found else {}).items():
        await catalogue.recipients.learn_topic(chat_id, thread_id)
    return [
        _Candidate(
            at=point.at,
            archive=point.archive,
            databases={held.name: held.path for held in point.databases},
            point=point,
            place=place,
        )
        for point in (found.points if found else ())
    ]


def _of_this_server(found: Found, name: str) -> Found | None:
    """Return what is said of this server, None where only others ever wrote there.

    What was written before the server had a name counts, if nobody else shares the bot. Raises `NotFoundError` where
    it can't be told whose it is.
    """
    servers = [found, *found.others]
    for one in servers:
        if one.server.casefold() == name.casefold():
            return one
    names = ", ".join(one.server or "a server without a name" for one in servers)
    if len(servers) == 1 and not found.server:
        return found
    if not name or any(not one.server for one in servers):
        raise NotFoundError(f"The list in the chat is of {names}. SERVER_NAME has to tell which of them this is.")
    output.warn(f"The list in the chat is of {names}, and not yet of {name}.")
    return None


def _configured(one: _Candidate, missing: set[Path], settings: Settings) -> Configured:
    """Return the missing files as targets: those that are there are no targets of this restore."""
    names = {path: name for name, path in one.databases.items()}
    away = tuple(
        Skipped(
            database=Database(path=path, name=names.get(str(path), path.name)), why=because(Cause.MISSING, path=path)
        )
        for path in sorted(missing)
    )
    return Configured(found=Discovery(databases=(), missing=away), patterns=settings.databases, known={})


def _gone(one: _Candidate, settings: Settings) -> set[Path]:
    """Return the paths of a backup that DATABASES covers and that are not there."""
    known = {path: name for name, path in one.databases.items()}
    here = Configured(found=Discovery(databases=(), missing=()), patterns=settings.databases, known=known)
    found = {here.find(name, None) for name in one.databases}
    return {path for path in found if path is not None and not os.path.lexists(path)}


def _meant(one: _Candidate, missing: set[Path], settings: Settings) -> dict[str, Path]:
    """Return which databases of a backup go to missing files."""
    configured = _configured(one, missing, settings)
    found = {name: configured.find(name, Path(path)) for name, path in one.databases.items()}
    return {name: path for name, path in found.items() if path in missing}


async def _restore(one: _Candidate, missing: set[Path], settings: Settings, context: RestoreContext) -> set[Path]:
    """Restore the missing databases of a backup; return the files that are there again."""
    wanted, abort = _meant(one, missing, settings), Abort()
    for path in wanted.values():
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    restorer = Restorer(context, _configured(one, missing, settings))
    async with private_folder(context.store.work) as room:
        source = one.source
        if source is None:
            assert one.place is not None and one.point is not None  # noqa: PT018, S101
            file = await fetch(one.place, one.point, room, settings, abort=abort, quiet=True)
            await context.catalogue.restore_points.learn([one.point])
            backup = await context.catalogue.restore_points.backup_of(one.point)
            source = RestoreSource(files=(file,), backup=backup)
        async with restorer.prepare(source, only=tuple(wanted), abort=abort) as prepared:
            plan = prepared.plan
            there = [
                f"{change.path} is there again." for change in plan.changes if change.state is not TargetState.MISSING
            ]
            if there or plan.all_obstacles:
                raise RestoreRefusedError(
                    "\n".join(plan.all_obstacles or [f"{name} is there again." for name in there])
                )
            for warning in plan.all_warnings:
                output.warn(warning)
            await restorer.restore(prepared, requested_by=Actor.RESTORE_IF_MISSING, abort=abort)
    when = f"{one.at.astimezone(settings.timezone):%Y-%m-%d %H:%M:%S}"
    for name, path in wanted.items():
        output.say(f"{path} is back: {name} of {when}, {one}.")
    return set(wanted.values())
