"""The `recover` command: recovers the databases from the chat alone, on a machine that has only the token."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from loguru import logger
from pydantic import SecretStr

from bot.cli import output
from bot.cli.identity import Identity, asking, keys_of
from bot.cli.restore_output import bars, print_result
from bot.cli.store import find_in_store, open_store_of
from bot.config.settings import Settings, load_settings
from bot.errors import NotFoundError, RestoreRefusedError, SettingsError
from bot.journal.redaction import redact
from bot.services.sealing.keys import Keys

if TYPE_CHECKING:
    from bot.models import RestorePoint
    from bot.services.contracts.chats import Chats
    from bot.services.recovery.folder import Recovered
    from bot.services.recovery.recover import Found

Tell = Callable[[str], None]


def recover(
    *,
    admin: Annotated[
        list[int] | None, typer.Option("--admin", help="An admin's Telegram number, or a group's; may be repeated.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder for the databases.")] = Path("recovered"),
    only_list: Annotated[bool, typer.Option("--list", help="Only list the restore points.")] = False,
    at: Annotated[
        str, typer.Option("--at", help='The newest one not after this moment, such as "2026-07-13 05:00".')
    ] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this database; may be repeated.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Set aside what stands in the way in the folder.")] = False,
    from_store: Annotated[
        str, typer.Option("--from-store", help="From this object store, s3://bucket/prefix, without any chat.")
    ] = "",
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Minutes to wait for a document or archive forwarded to the bot.")
    ] = 0,
    write_env: Annotated[
        bool | None, typer.Option("--write-env/--no-write-env", help="Write a .env from what the chat knows.")
    ] = None,
    with_token: Annotated[bool, typer.Option("--with-token", help="Put the token into that .env too.")] = False,
    rebuild: Annotated[
        bool | None, typer.Option("--rebuild/--no-rebuild", help="Rebuild the catalogue in BACKUP_DIR.")
    ] = None,
    identity: Identity = None,
    env_file: Annotated[Path, typer.Option("--env-file", help="The file with the settings.")] = Path(".env"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Get the databases back from the chat alone: needs the bot's token and an admin's number, nothing else.

    The token is taken from BOT_TOKEN, from .env, or asked for; so is the key of sealed backups.
    """
    logger.disable("bot")  # there is no journal on this machine, and the command says itself what it does
    settings = load_settings(env_file, need_telegram=False, need_databases=False) if from_store else _settings(env_file)
    known = (*settings.admin_ids, *(recipient.chat_id for recipient in settings.deliver_to))
    chat_ids = tuple(dict.fromkeys([*(admin or []), *known]))
    if not chat_ids and not from_store:
        raise SettingsError(("--admin is missing: name an admin's Telegram number.",), hint="@userinfobot tells yours.")
    moment = _moment(at, settings)
    keys = keys_of(settings, identity or ())
    env_file_exists = os.path.lexists(env_file)
    if not only_list:
        _refuse_own_folder(to, settings)
    if write_env and not only_list:
        _refuse_to_replace_env(env_file)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            store = open_store_of(settings, from_store) if from_store else None
            chats = None if store else await _open_chats(settings, stack)
            if only_list:
                listed = await find_in_store(store) if store else await _list(chats, chat_ids, wait)
                _print_points(listed.points, settings, json=json)
                return
            found, recovered, opened_by = await _recover(
                chats or store, chat_ids, to, moment=moment, only=only or [], force=force, wait=wait, keys=keys,
                quiet=json,
            )  # fmt: skip
        if json:
            output.print_json(recovered)
        else:
            _print_recovered(recovered)
        ask = not json and sys.stdin.isatty()
        tell = output.warn if json else output.say
        may_write = ask and not env_file_exists
        if _wanted(write_env, may_write, f"Write {env_file} from what the chat knows (without the token)?"):
            _write_env(env_file, found, recovered, settings, with_token=with_token, tell=tell)
        if _wanted(rebuild, ask, f"Rebuild the catalogue in {settings.backup_dir}?"):
            await _rebuild(found, recovered, settings, opened_by, tell)

    asyncio.run(work())


def _refuse_own_folder(to: Path, settings: Settings) -> None:
    from bot.config.folders import own_folders  # noqa: PLC0415

    if why := own_folders(settings).why(to):
        raise RestoreRefusedError(
            f"{to.absolute()} {why}: nothing is restored there.", hint="Give another folder: --to DIR."
        )


# --- the way --------------------------------------------------------------------------------------------------------


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


def _moment(at: str, settings: Settings) -> datetime | None:
    from bot.services.restore.sources import parse_instant  # noqa: PLC0415

    return parse_instant(at, settings.timezone).astimezone(UTC) if at else None


async def _open_chats(settings: Settings, stack: AsyncExitStack) -> Chats:
    from bot.app.telegram import build_bot  # noqa: PLC0415 - it imports aiogram when called
    from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415

    bot = build_bot(settings)
    stack.push_async_callback(bot.session.close)
    return TelegramChat(bot)


async def _search(chats: Any, chat_ids: Sequence[int], wait: float, room: Path) -> Found | tuple[Path, ...]:
    """Find the pinned catalogue; where there is none, wait for something forwarded, if that is wanted."""
    from bot.services.objects.archives import BucketArchives  # noqa: PLC0415
    from bot.services.recovery.recover import find_points, wait_for_forwarded  # noqa: PLC0415

    if isinstance(chats, BucketArchives):
        return await find_in_store(chats)
    try:
        found = await find_points(chats, chat_ids)
    except NotFoundError as error:
        if not wait:
            raise
        for line in error.sentence.splitlines():
            output.warn(line)
    else:
        for trouble in found.troubles:
            output.warn(trouble)
        return found
    output.warn(f"Waiting {wait:g} minutes: forward the catalogue document or an archive to the bot now.")
    people = [chat_id for chat_id in chat_ids if chat_id > 0]
    return await wait_for_forwarded(chats, people, room, seconds=wait * 60, tell=output.warn)


async def _list(chats: Any, chat_ids: Sequence[int], wait: float) -> Found:
    from bot.services.files.private_folder import private_folder  # noqa: PLC0415
    from bot.services.recovery.recover import Found  # noqa: PLC0415

    async with private_folder(Path(tempfile.gettempdir())) as room:
        found = await _search(chats, chat_ids, wait, room)
    return found if isinstance(found, Found) else Found(points=(), settings={})


async def _recover(
    chats: Any,
    chat_ids: Sequence[int],
    to: Path,
    *,
    moment: datetime | None,
    only: Sequence[str],
    force: bool,
    wait: float,
    keys: Keys,
    quiet: bool,
) -> tuple[Found | None, Recovered, Keys]:
    from bot.services.concurrency.abort import Abort  # noqa: PLC0415
    from bot.services.fetch.fetch import fetch_archive  # noqa: PLC0415
    from bot.services.files.private_folder import private_folder, sweep_private_folders  # noqa: PLC0415
    from bot.services.recovery.folder import refuse_to_replace, restore_into  # noqa: PLC0415
    from bot.services.recovery.recover import choose_point  # noqa: PLC0415

    try:
        await sweep_private_folders(to)  # of a recovery that was cut off
        async with private_folder(to) as room:
            found = await _search(chats, chat_ids, wait, room)
            files, known, point = found if isinstance(found, tuple) else (), None, None
            if not isinstance(found, tuple):
                place = chats.bucket.url if hasattr(chats, "bucket") else ""
                point = choose_point(found, at=moment, only=only, place=place or "The chat", tell=output.warn)
                known = found
                if not force:
                    refuse_to_replace(to, only or [held.name for held in point.databases])
                with output.progress(quiet=quiet, label="fetching") as report:
                    files = (
                        await fetch_archive(
                            chats, point, room, progress=output.bytes_of(report), place=place or "Telegram"
                        ),
                    )

            async def put_back(keys: Keys) -> tuple[Recovered, Keys]:
                with bars(quiet=quiet) as report:
                    recovered = await restore_into(
                        files, to, room, point=point, only=only, force=force, keys=keys, abort=Abort(), report=report
                    )
                return recovered, keys

            return known, *await asking(put_back, keys, ask=not quiet)
    finally:
        with suppress(OSError):
            await asyncio.to_thread(to.rmdir)  # made for nothing; anything in it keeps it


# --- afterwards -----------------------------------------------------------------------------------------------------


def _wanted(chosen: bool | None, ask: bool, question: str) -> bool:
    if chosen is not None:
        return chosen
    return ask and typer.confirm(question)


def _refuse_to_replace_env(env_file: Path) -> None:
    from bot.services.recovery.new_machine import refuse_to_replace_env  # noqa: PLC0415

    refuse_to_replace_env(env_file)


def _write_env(
    env_file: Path, found: Found | None, recovered: Recovered, settings: Settings, *, with_token: bool, tell: Tell
) -> None:
    from bot.services.recovery.new_machine import env_text, write_env  # noqa: PLC0415

    token = settings.bot_token.get_secret_value() if with_token else ""
    write_env(env_file, env_text(found.settings if found else {}, recovered.origins.values(), token=token))
    tell(f"{env_file} is written: look through it. DATABASES names the paths of the machine that was lost.")


async def _rebuild(found: Found | None, recovered: Recovered, settings: Settings, keys: Keys, tell: Tell) -> None:
    from bot.services.recovery.new_machine import rebuild_catalogue  # noqa: PLC0415

    learned = await rebuild_catalogue(settings.backup_dir, recovered.archives, found.points if found else (), keys)
    tell(f"{settings.backup_dir} has its catalogue again; restore points from the chat: {learned}.")


# --- what is shown --------------------------------------------------------------------------------------------------


def _print_points(points: Sequence[RestorePoint], settings: Settings, *, json: bool) -> None:
    if json:
        output.print_json(points)
        return
    output.print_restore_points(points, settings.timezone)


def _print_recovered(recovered: Recovered) -> None:
    output.say(f"From {', '.join(file.name for file in recovered.archives)}, kept beside them:")
    print_result(recovered.result)
    if recovered.origins:
        output.say("Where they were on the machine that was lost:")
    for name, path in recovered.origins.items():
        output.say(f"  {name}  ←  {path}")
    output.say("Next: stop the programs that use them, and put them where those expect them.")
