"""The `restore` command: shows the plan, asks, restores, and reports the result."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli import output
from bot.cli.identity import Identity, asking, keys_of
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.cli.restore_output import bars, print_plan, print_result
from bot.cli.store import origin_in_store
from bot.config.settings import Settings
from bot.errors import NotFoundError, RestoreRefusedError, SettingsError
from bot.models import (
    RestorePlan,
)
from bot.services.sealing.keys import Keys

_HOW_ON = "This is the plan; nothing was changed."
_WHERE_TO = "To carry it out, give --in-place (into the live databases) or --to DIR (beside them)."


def restore(  # noqa: PLR0917 - typer reads the options from the signature
    what: Annotated[
        list[str] | None,
        typer.Argument(help="latest, an id, an archive's name; an archive file, or all its volumes in any order."),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help='The newest proven backup of that time or before, like "2026-07-13 05:00".')
    ] = "",
    from_telegram: Annotated[
        bool, typer.Option("--from-telegram", help="Fetch the backup from the chat instead of the disk.")
    ] = False,
    to: Annotated[Path | None, typer.Option("--to", help="Restore into this folder.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Restore into the configured live databases, running or not.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this database; repeatable.")] = None,
    from_store: Annotated[
        str,
        typer.Option("--from-store", help="From this object store: a URL, or the beginning of one in OBJECT_STORES."),
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Bring back what the last restore in place replaced.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Set existing files in the folder aside; replace where use can't be ruled out."),
    ] = False,
    identity: Identity = None,
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Give databases back: show what would change, ask, restore, check the result; on any failure all goes back.

    What is there before is copied first, as a pinned backup; `--undo` brings it back.
    """
    named = [bool(what), bool(at), undo].count(True)
    if from_store and (what or undo or from_telegram):
        raise typer.BadParameter("--from-store gives its newest archive, or that of --at; name nothing else.")
    if named > 1:
        raise typer.BadParameter("Give one of: what to restore, --at, --undo.")
    if undo and from_telegram:
        raise typer.BadParameter("--undo takes the safety copy on the disk, not --from-telegram.")
    if to is not None and (in_place or undo):
        raise typer.BadParameter("Give either --to DIR or --in-place.")
    in_place = in_place or undo
    dry_run = dry_run or (to is None and not in_place)
    reading = dry_run or not in_place
    settings = read_settings(env_file, reading=reading)

    async def work() -> None:
        from bot.services.concurrency.abort import Abort  # noqa: PLC0415 - commands stay quick to start
        from bot.services.restore.pending import cut_off_restores  # noqa: PLC0415
        from bot.services.restore.sources import parse_instant  # noqa: PLC0415

        abort = Abort()
        async with open_restorer(settings, reading=reading) as restorer, AsyncExitStack() as stack:
            house = restorer.house
            for sentence in await asyncio.to_thread(cut_off_restores, house.store, house.clock()):
                output.warn(sentence)
            if undo:
                origin = None
            elif from_telegram:
                origin = await _fetched(restorer, settings, what or [], at, stack=stack, abort=abort, quiet=json)
            elif from_store:
                moment = parse_instant(at, settings.timezone) if at else None
                origin = await origin_in_store(restorer, settings, from_store, stack, only=only or [], at=moment)
            else:
                origin = await _origin(restorer, settings, what or [], at)

            if origin is not None and origin.note:
                output.warn(origin.note)

            async def prepare(keys: Keys) -> tuple[Any, Any]:
                restorer.house = replace(restorer.house, keys=keys)
                with bars(quiet=json) as report:
                    if origin is None:
                        preparing = restorer.prepare_undo(abort=abort, report=report)
                    else:
                        preparing = restorer.prepare(
                            origin, only=only or (), folder=to.absolute() if to else None, force=force, abort=abort,
                            report=report,
                        )  # fmt: skip
                    return preparing, await preparing.__aenter__()

            preparing, prepared = await asking(prepare, keys_of(settings, identity or ()), ask=not json)
            try:
                await _act(restorer, prepared, dry_run=dry_run, yes=yes, json=json, in_place=in_place, abort=abort)
            finally:
                await preparing.__aexit__(None, None, None)

    asyncio.run(work())


async def _act(
    restorer: Any, prepared: Any, *, dry_run: bool, yes: bool, json: bool, in_place: bool, abort: Any
) -> None:
    plan: RestorePlan = prepared.plan
    from bot.services.restore.cli_restores import report_cli_restore  # noqa: PLC0415

    if dry_run:
        output.print_json(plan) if json else print_plan(plan)
        if not json and not plan.all_obstacles:
            output.say(_HOW_ON if plan.folder or in_place else f"{_HOW_ON} {_WHERE_TO}")
        return
    if not json:
        print_plan(plan, obstacles=False)
    if plan.all_obstacles:
        raise RestoreRefusedError("\n".join(plan.all_obstacles), hint="Nothing was changed.")
    if in_place and not yes:
        if json or not sys.stdin.isatty():
            raise RestoreRefusedError(
                "A restore into live databases has to be confirmed.", hint="Give --yes; look at --dry-run first."
            )
        question = f"Replace {', '.join(change.name for change in plan.changes)} now?"
        if not await asyncio.to_thread(typer.confirm, question, default=False):
            output.say("Nothing was changed.")
            return
    with bars(quiet=json) as report:
        result = await restorer.restore(prepared, requested_by="the command line", abort=abort, report=report)
    if plan.folder is None:
        await report_cli_restore(restorer.house.catalogue, plan, result, undo=bool(prepared.undo_of))
    output.print_json(result) if json else print_result(result)


@asynccontextmanager
async def open_restorer(settings: Settings, *, reading: bool) -> AsyncIterator[Any]:
    """Build the restorer over the store and the catalogue of these settings."""
    from bot.clock import utc_now  # noqa: PLC0415
    from bot.config.folders import own_folders  # noqa: PLC0415
    from bot.services.backup.startup import open_store  # noqa: PLC0415
    from bot.services.restore.context import RestoreContext  # noqa: PLC0415
    from bot.services.restore.restorer import Restorer  # noqa: PLC0415
    from bot.services.restore.targets import Configured  # noqa: PLC0415
    from bot.services.snapshot.databases import find_databases  # noqa: PLC0415

    async with open_store(settings, reading=reading) as (store, catalogue):
        known = await catalogue.known_names()
        own = own_folders(settings)
        found = await asyncio.to_thread(find_databases, settings.databases, known, own=own)
        house = RestoreContext(
            store=store,
            catalogue=catalogue,
            busy_timeout=settings.busy_timeout,
            host=platform.node(),
            timezone=settings.timezone.key,
            clock=utc_now,
            seal=settings.seal,
            keys=settings.keys,
            own=own,
        )
        yield Restorer(house, Configured(found=found, patterns=settings.databases, known=known))


async def _origin(restorer: Any, settings: Settings, what: Sequence[str], at: str) -> Any:
    """Resolve what was named: files that exist are files, anything else is looked up in the catalogue."""
    from bot.services.restore.sources import RestoreSource, find_source, newest_before, parse_instant  # noqa: PLC0415

    house = restorer.house
    if at:
        return await newest_before(house.catalogue, house.store.folder, parse_instant(at, settings.timezone))
    files = [Path(name) for name in what]
    if files and all([await asyncio.to_thread(file.is_file) for file in files]):
        return RestoreSource(files=tuple(files))
    if len(what) > 1:
        missing = next(name for name, file in zip(what, files, strict=True) if not file.is_file())
        raise NotFoundError(f"There is no file {missing}.", hint="Name one backup, or the files of one archive.")
    if what:
        await asyncio.to_thread(_require_no_place, files[0])
    return await find_source(house.catalogue, house.store.folder, what[0] if what else "latest")


def _require_no_place(path: Path) -> None:
    """Raise `NotFoundError` where a person means a file or a folder by this, and no backup of the catalogue."""
    from bot.services.files.store import is_archive_name  # noqa: PLC0415

    if path.is_dir() and path.name.casefold() != "latest" and not path.name.isdigit():
        raise NotFoundError(f"{path} is a folder.", hint="Name the archive in it, or all its volumes.")
    if len(path.parts) > 1 or (path.suffix and not is_archive_name(path.name)):
        raise NotFoundError(
            f"There is no file {path}.", hint="`sqlite-courier list` shows the backups that can be named in its place."
        )


async def _fetched(
    restorer: Any, settings: Settings, what: Sequence[str], at: str, *, stack: AsyncExitStack, abort: Any, quiet: bool
) -> Any:
    """Fetch the backup that was named from Telegram; it stays in a private place as long as `stack`."""
    from bot.services.fetch.choice import choose_in_chat  # noqa: PLC0415
    from bot.services.fetch.fetch import fetch_archive  # noqa: PLC0415
    from bot.services.files.private_folder import private_folder  # noqa: PLC0415
    from bot.services.restore.sources import RestoreSource, parse_instant  # noqa: PLC0415

    if not settings.bot_token.get_secret_value():
        raise SettingsError(("BOT_TOKEN is not set: without it nothing can be fetched from Telegram.",))
    if len(what) > 1:
        raise NotFoundError("--from-telegram fetches one backup.", hint="Name it by its id, or leave it out: latest.")
    house = restorer.house
    moment = parse_instant(at, settings.timezone) if at else None
    backup, point = await choose_in_chat(house.catalogue, what[0] if what else "latest", at=moment)

    from bot.app.telegram import build_bot  # noqa: PLC0415 - imports aiogram, which only this way in pays
    from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415

    bot = build_bot(settings)
    stack.push_async_callback(bot.session.close)
    room = await stack.enter_async_context(private_folder(house.store.work))
    with output.progress(quiet=quiet, label="fetching") as report:
        file = await fetch_archive(
            TelegramChat(bot), point, room, progress=output.bytes_of(report), abort=abort,
            attempts=settings.retry_attempts, delay=settings.retry_delay,
        )  # fmt: skip
    return RestoreSource(files=(file,), backup=backup)
