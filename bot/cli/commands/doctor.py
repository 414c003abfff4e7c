"""The `doctor` command: everything that a helper would ask for, looked at, each line with its mend."""

from __future__ import annotations

import asyncio
import json as json_text
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from loguru import logger

from bot.app.build import build_courier
from bot.app.telegram import build_bot
from bot.cli import output
from bot.cli.options import DEFAULT_ENV, EnvFile, Json
from bot.clock import utc_now
from bot.config.settings import Settings, load_settings
from bot.errors import CourierError, SettingsError
from bot.models import Condition, Examination, Examined
from bot.services.backup.startup import open_store
from bot.services.doctor import surroundings
from bot.services.doctor.parts import look, wrong
from bot.services.doctor.service import installed
from bot.services.host import accounts
from bot.services.host.commands import last_words
from bot.services.host.machine import ask, of_settings
from bot.texts.examination import plain_lines, verdict, with_alarms

EXAMPLES = ("sqlite-courier doctor", "sudo .venv/bin/sqlite-courier doctor --env-file /srv/app/.env")


def command(env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Look at everything, from the token to the last test-restore. Exit code 0: nothing is wrong; 1: something is.

    Root looks as the user of the service. A service that runs is not disturbed, and nothing is sent.
    """
    logger.remove()  # what goes wrong on the way is in the lines
    found = _as_user_of_service(env_file)
    if not isinstance(found, Examination):
        own = asyncio.run(examined(env_file))
        found = own if found is None else replace(own, parts=(found, *own.parts))
    if json:
        output.print_json(_as_json(found))
    else:
        for line in plain_lines(found):
            output.tell(line)
        output.tell(f"\n{verdict(found)}, as {found.user}.")
    if found.worst is Condition.WRONG:
        raise typer.Exit(1)


async def examined(env_file: Path) -> Examination:
    """Examine what the settings describe; where they can't be read, that is what is wrong."""
    faults: tuple[Examined, ...] = ()
    try:
        try:
            settings = load_settings(env_file)
        except SettingsError as error:
            faults = _faults(error)
            settings = load_settings(env_file, need_telegram=False, need_databases=False)
    except SettingsError as error:
        rest = look("settings", "Settings", "nothing else is looked at until they can be read")
        machine = await asyncio.to_thread(installed, env_file, pid=None)
        return Examination(user=accounts.me(), parts=(surroundings.versions(), *_faults(error), machine, rest))
    try:
        found = await _examine_with(settings)
    except CourierError as error:  # the catalogue
        parts = (
            surroundings.versions(),
            *surroundings.settings_read(settings),
            *await asyncio.to_thread(lambda: tuple(surroundings.folders(settings, database_bytes=(), archive_bytes=0))),
            wrong("catalogue", "Catalogue", error.sentence, error.hint),
        )
        found = Examination(user=accounts.me(), parts=parts)
    said = {"token", "poller", "clock", "recipient"} if not settings.bot_token.get_secret_value() else set[str]()
    return Examination(user=found.user, parts=(*faults, *(one for one in found.parts if one.part not in said)))


async def _examine_with(settings: Settings) -> Examination:
    async with AsyncExitStack() as stack:
        store, catalogue = await stack.enter_async_context(open_store(settings, reading=True))
        bot = None
        if settings.bot_token.get_secret_value():
            bot = build_bot(settings)
            stack.push_async_callback(bot.session.close)
        courier = build_courier(settings, catalogue, store, bot, clock=utc_now)
        await courier.people.load()
        return with_alarms(await courier.examine(), utc_now(), settings.timezone)


def _faults(error: SettingsError) -> tuple[Examined, ...]:
    return tuple(
        wrong("settings", "Settings", fault, error.hint if fault is error.faults[-1] else "") for fault in error.faults
    )


# --- as somebody else -------------------------------------------------------------------------------------------------


def _as_user_of_service(env_file: Path) -> Examination | Examined | None:
    """Let the user of the service examine, where root asks: root's own rights tell nothing; None where it need not.

    Where that user can't run this, that is what is wrong, and root has to look at the rest.
    """
    if not accounts.IS_ROOT or not env_file.is_file():
        return None
    place = of_settings(env_file)
    token_file = None
    try:
        settings = load_settings(env_file, need_telegram=False, need_databases=False)
    except SettingsError:
        return None
    if "BOT_TOKEN_FILE" in settings.given.texts:
        token_file = Path(settings.given.texts["BOT_TOKEN_FILE"]).expanduser().absolute()
    if place is not None:
        user = ask(place).user
    elif settings.backup_dir.is_dir():
        user = accounts.owner_of(settings.backup_dir)
    else:
        return None
    if user == accounts.me():
        return None
    command = (sys.executable, "-P", "-m", "bot", "doctor", "--json", "--env-file", str(env_file.absolute()))
    try:
        done = accounts.run_as(user, command, folder=Path.cwd(), token_file=token_file, within=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        said = getattr(error, "strerror", "") or str(error)
    else:
        try:
            return _from_json(json_text.loads(done.stdout))
        except ValueError:
            said = last_words(done)
    mend = f"Install it where {user} may read, such as /opt, or run the service as root: `service install --as root`."
    return wrong("user", "User", f"{user}, the user of the service, can't run {sys.executable} here: {said}", mend)


def _as_json(found: Examination) -> dict[str, object]:
    return {
        "ok": found.worst is not Condition.WRONG,
        "user": found.user,
        "parts": [output.fields_of(one) | {"condition": one.condition.name.lower()} for one in found.parts],
    }


def _from_json(told: dict[str, Any]) -> Examination:
    parts = (Examined(**one | {"condition": Condition[one["condition"].upper()]}) for one in told["parts"])
    return Examination(user=told["user"], parts=tuple(parts))
