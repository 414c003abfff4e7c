"""The `recover` command: recovers the databases from the chat alone, on a machine that has only the token."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from loguru import logger
from pydantic import SecretStr

from bot.cli import output
from bot.cli.backup_output import print_restore_points
from bot.cli.identity import Identity, asking, keys_of
from bot.cli.options import DEFAULT_ENV, EnvFile, Json
from bot.cli.restore_output import print_restored
from bot.cli.sources import Place, Wanted, fetch, open_place
from bot.config.folders import own_folders
from bot.config.settings import Settings, load_settings
from bot.config.telegram import shown_proxy
from bot.errors import NotFoundError, RestoreRefusedError, SettingsError
from bot.journal.redaction import redact
from bot.services.files.private_folder import private_folder, sweep_private_folders
from bot.services.recovery import new_machine
from bot.services.recovery.folder import Recovered, refuse_to_replace, remove_half_copies, restore_into
from bot.services.recovery.recover import Found, choose_server, wait_for_forwarded
from bot.services.restore.sources import parse_instant
from bot.services.sealing.keys import Keys
from bot.texts.measures import count

_MANY = 10  # of more databases, the folders are named where they were
Search = Callable[[Path], Awaitable[Found | tuple[Path, ...]]]

EXAMPLES = (
    "sqlite-courier recover --admin 123456789 --list",
    "sqlite-courier recover --admin 123456789 --to recovered",
    "sqlite-courier recover --from-store s3://bucket/prefix --only users.db",
)


def command(
    *,
    admin: Annotated[
        list[str] | None,
        typer.Option("--admin", metavar="NUMBER", help="An admin's Telegram number, or a group's; may be repeated."),
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder for the databases.")] = Path("recovered"),
    only_list: Annotated[bool, typer.Option("--list", help="Only list the restore points.")] = False,
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help='The newest one not after this moment, such as "2026-07-13 05:00".'),
    ] = "",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this database; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Set aside what stands in the way in the folder.")] = False,
    from_store: Annotated[
        str,
        typer.Option(
            "--from-store", metavar="URL", help="From this object store, s3://bucket/prefix, without any chat."
        ),
    ] = "",
    server: Annotated[
        str, typer.Option("--server", metavar="NAME", help="Of this server (SERVER_NAME), where several share the bot.")
    ] = "",
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="MINUTES",
            min=0,
            show_default=False,
            help="How long to wait for a document or archive forwarded to the bot.",
        ),
    ] = 0,
    write_env: Annotated[
        bool | None, typer.Option("--write-env/--no-write-env", help="Write a .env from what the chat knows.")
    ] = None,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Put the token and a proxy's password into it too.")
    ] = False,
    rebuild: Annotated[
        bool | None, typer.Option("--rebuild/--no-rebuild", help="Rebuild the catalogue in BACKUP_DIR.")
    ] = None,
    identity: Identity = None,
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Get the databases back from the chat alone: needs the bot's token and an admin's number, nothing else.

    The token is taken from BOT_TOKEN, from .env, or asked for; so is the key of sealed backups.
    """
    logger.disable("bot")  # there is no journal on this machine, and the command says itself what it does
    settings = load_settings(env_file, need_telegram=False, need_databases=False) if from_store else _settings(env_file)
    known = (*settings.admin_ids, *(recipient.chat_id for recipient in settings.deliver_to))
    chat_ids = tuple(dict.fromkeys([*map(_number, admin or []), *known]))
    if not chat_ids and not from_store:
        raise SettingsError(("--admin is missing: name an admin's Telegram number.",), hint="@userinfobot tells yours.")
    keys = keys_of(settings, identity or ())
    wanted = Wanted(at=parse_instant(at, settings.timezone) if at else None, only=only or (), from_store=from_store)
    env_file_exists = os.path.lexists(env_file)
    if not only_list and (why := own_folders(settings).why(to)):
        raise RestoreRefusedError(
            f"{to.absolute()} {why}: nothing is restored there.", hint="Give another folder: --to DIR."
        )
    if write_env and not only_list:
        new_machine.refuse_to_replace_env(env_file)

    async def work() -> None:
        async with open_place(settings, from_store=from_store, chat_ids=chat_ids) as place:
            search = partial(_search, place, chat_ids, wait)
            if only_list:
                async with private_folder(Path(tempfile.gettempdir())) as room:
                    listed = await search(room)
                _print_list(listed, server, settings, json=json)
                return
            found, recovered, opened_by = await _recover(
                search, place, to, replace(wanted, server=server), settings, force=force, keys=keys, quiet=json
            )
        output.print_result(recovered, json=json, printed=lambda: _print_recovered(recovered, settings.timezone))
        ask = not json and sys.stdin.isatty()
        tell = output.warn if json else output.say
        may_write = ask and not env_file_exists
        without = "" if with_token else " (without secrets)"
        if _agreed(write_env, may_write, f"Write {env_file} from what the chat knows{without}?"):
            own, left_out = _own_settings(settings, secrets=with_token)
            kept = found.settings if found else {}
            text = new_machine.env_text(kept, recovered.origins.values(), own=own, left_out=left_out)
            new_machine.write_env(env_file, text)
            tell(f"{env_file} is written: look through it. DATABASES names the paths of the machine that was lost.")
            if left_out:
                tell(f"Put in {' and '.join(left_out)} yourself: only --with-token writes secrets.")
        if _agreed(rebuild, ask, f"Rebuild the catalogue in {settings.backup_dir}?"):
            points = found.points if found else ()
            learned = await new_machine.rebuild_catalogue(settings.backup_dir, recovered.archives, points, opened_by)
            tell(f"{settings.backup_dir} has its catalogue again; restore points from the chat: {learned}.")

    asyncio.run(work())


# --- the way --------------------------------------------------------------------------------------------------------


def _number(given: str) -> int:
    """Read an --admin. Raises `SettingsError`."""
    if not re.fullmatch(r"-?[0-9]{1,18}", given):
        raise SettingsError(
            (f"--admin {given!r} is not a number: name an admin's Telegram number, or a group's.",),
            hint="@userinfobot tells yours.",
        )
    return int(given)


def _settings(env_file: Path) -> Settings:
    """Read what there is, and ask for the token where there is none and somebody to ask."""
    settings = load_settings(env_file, need_telegram=False, need_databases=False)
    if settings.bot_token.get_secret_value():
        return settings
    if not sys.stdin.isatty():
        raise SettingsError(("BOT_TOKEN is not set: put the token that @BotFather gives you.",))
    token = str(typer.prompt("The bot's token (@BotFather shows it)", hide_input=True)).strip()
    redact.add(token)
    if not token.partition(":")[0].isdigit():
        raise SettingsError(("That is no bot token: it begins with digits and a colon.",))
    return settings.model_copy(update={"bot_token": SecretStr(token)})


async def _search(place: Place, chat_ids: Sequence[int], wait: float, room: Path) -> Found | tuple[Path, ...]:
    """Find what the place holds; where a chat has no catalogue, wait for something forwarded, if that is wanted."""
    try:
        found = await place.find()
    except NotFoundError as error:
        if not wait or place.chats is None:
            raise
        for line in error.sentence.splitlines():
            output.warn(line)
        output.warn(f"Waiting {wait:g} minutes: forward the catalogue document or an archive to the bot now.")
        people = [chat_id for chat_id in chat_ids if chat_id > 0]
        return await wait_for_forwarded(place.chats, people, room, seconds=wait * 60, tell=output.warn)
    for trouble in found.troubles:
        output.warn(trouble)
    return found


async def _recover(
    search: Search, place: Place, to: Path, wanted: Wanted, settings: Settings, *, force: bool, keys: Keys, quiet: bool
) -> tuple[Found | None, Recovered, Keys]:
    """Return what the place said (None of a forwarded archive), what was recovered, and the keys that opened it."""
    try:
        await sweep_private_folders(to, first=remove_half_copies)  # of a recovery that was cut off
        async with private_folder(to) as room:
            searched = await search(room)
            found, point = None, None
            if isinstance(searched, Found):
                found = choose_server(searched, wanted.server, configured=settings.server_name)
                if found.server:
                    output.warn(f"These are backups of {found.server}.")
                point = wanted.choose_from(found, place)
                if not force:
                    refuse_to_replace(to, wanted.only or [held.name for held in point.databases])
                files: tuple[Path, ...] = (await fetch(place, point, room, settings, quiet=quiet),)
            else:
                files = searched

            async def put_back(keys: Keys) -> tuple[Recovered, Keys]:
                with output.progress(quiet=quiet) as report:
                    recovered = await restore_into(
                        files, to, room, point=point, only=wanted.only, force=force, keys=keys, report=report
                    )
                return recovered, keys

            return found, *await asking(put_back, keys, ask=not quiet)
    finally:
        with suppress(OSError):
            await asyncio.to_thread(to.rmdir)  # made for nothing; anything in it keeps it


def _print_list(listed: Found | tuple[Path, ...], asked: str, settings: Settings, *, json: bool) -> None:
    """Print the restore points, of each server under its name where there are several and none was asked for."""
    servers: list[Found] = []
    if isinstance(listed, Found):
        servers = [choose_server(listed, asked)] if asked else [listed, *listed.others]
    points = [point for one in servers for point in one.points]

    def printed() -> None:
        for one in servers:
            if len(servers) > 1:
                output.say(f"{one.server or 'Without a name'}:")
            print_restore_points(one.points, settings.timezone)

    output.print_result(points, json=json, printed=printed)


# --- afterwards -----------------------------------------------------------------------------------------------------


def _own_settings(settings: Settings, *, secrets: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return by what settings Telegram was reached, as far as not by default, and of those left out what to put there.

    Without `secrets`, the token and a proxy with a password are left out.
    """
    own = {
        "BOT_TOKEN": settings.bot_token.get_secret_value(),
        "TELEGRAM_API": settings.telegram_api,
        "TELEGRAM_LOCAL": "on" if settings.telegram_local else "",
        "PROXY": settings.proxy.get_secret_value(),
    }
    left_out: dict[str, str] = {}
    if not (secrets and own["BOT_TOKEN"]):
        left_out |= {"BOT_TOKEN": "put the bot's token here"}
    if "@" in own["PROXY"] and not secrets:
        left_out |= {"PROXY": f"put {shown_proxy(own['PROXY'])} here, with its user and password"}
    return {name: value for name, value in own.items() if value and name not in left_out}, left_out


def _agreed(chosen: bool | None, ask: bool, question: str) -> bool:
    if chosen is not None:
        return chosen
    return ask and typer.confirm(question)


def _print_recovered(recovered: Recovered, timezone: ZoneInfo) -> None:
    output.say(f"Recovered from {', '.join(file.name for file in recovered.archives)}:")
    print_restored(recovered.result, timezone)
    if recovered.origins:
        output.say("Where they were on the machine that was lost:")
    folders = Counter(str(PurePath(path).parent) for path in recovered.origins.values())
    for folder, held in folders.items() if len(recovered.origins) > _MANY else ():
        output.say(f"  {folder}: {count(held, 'database')}")
    for name, path in recovered.origins.items() if len(recovered.origins) <= _MANY else ():
        output.say(f"  {name}  ←  {path}")
    here = recovered.archives[0].parent.absolute()
    output.tell(f"Next: stop the programs that use them, copy them from {here} to where they were, start the programs.")
