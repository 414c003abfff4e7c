"""Leads from an empty folder to a backup that came back, or changes what is there; writes in one step in between."""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path

from bot.cli import output
from bot.cli.key_pair import KeyPair, say_to_move_it, say_where_it_is
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker
from bot.cli.setup.changes import ask_for_changes
from bot.cli.setup.databases import take_databases
from bot.cli.setup.first_backup import first_backup
from bot.cli.setup.people import admins_of, take_people
from bot.cli.setup.sealing import key_path, take_sealing
from bot.cli.setup.starting import start_with_the_machine
from bot.cli.setup.token import bot_of, take_token
from bot.cli.setup.writing import hand_over, open_draft, write_draft
from bot.config.settings import Settings
from bot.errors import AbortedError, SettingsError, how_to_install
from bot.journal.writer import setup_journal
from bot.services.contracts.destination import Outcome
from bot.services.files.locks import ServiceLock
from bot.services.telegram.probe import LISTEN
from bot.texts.setup import ABOUT, DESCRIPTION

_PACKAGES = ("psutil", "questionary", "segno")
_WRITTEN = ("BOT_TOKEN", "BOT_TOKEN_FILE", "ADMIN_IDS", "DELIVER_TO", "DATABASES", "AGE_RECIPIENTS")
_WAY = ("PROXY", "TELEGRAM_API", "TELEGRAM_LOCAL")
"""What leads to Telegram: given in the environment, it is written too, since the service will need it."""


async def set_up(env_file: Path, answers: SetupAnswers, ask: Asker, *, listen: float = LISTEN) -> None:
    """Do all of it. Raises `SettingsError`, `AbortedError`, and what Telegram, the disk and a run come to.

    Nothing is written before every question is answered; afterwards the .env is whole.
    """
    require_packages()
    setup_journal(None, "INFO", console=False)
    require_no_environment()
    draft = open_draft(env_file)
    _anchor(draft)
    served = await is_served(draft.settings)
    first = not draft.begun
    try:
        pair = await _ask(draft, answers, ask, served=served, listen=listen)
        output.tell("\n5  The settings")
        settings = await write_draft(draft, answers, ask)
    except AbortedError as error:
        raise AbortedError(error.sentence, hint="Nothing was written.") from None
    for name in _WAY:
        os.environ.pop(name, None)  # they stand in .env now, from where the service has them
    made = not settings.log_dir.exists()
    setup_journal(settings.log_dir, settings.log_level, console=False)
    if made:
        hand_over(settings.log_dir, owner=draft.owner)
    await _set_profile(draft, answers)
    if pair is not None:
        say_where_it_is(pair)
    if served:
        output.tell("The service is running with the settings of before: restart it to take these up.")
        output.tell("Where `service install` began it, `sqlite-courier service install --yes` does that.")
        return
    output.tell("\n6  The first backup" if first else "\n6  A backup")
    await _prove(draft, settings, answers, ask, pair, first=first)
    if pair is not None:
        say_to_move_it(pair)
    output.tell("\n7  Start with the machine")
    await start_with_the_machine(draft, answers, ask)


async def _ask(draft: Draft, answers: SetupAnswers, ask: Asker, *, served: bool, listen: float) -> KeyPair | None:
    """Settle everything in the draft; return a new key pair, if one was made."""
    output.tell("1  The bot")
    # Where another server receives for this bot, or its service here does, a poller is no surprise.
    await take_token(draft, answers, ask, listen=0 if served or not draft.settings.receive else listen)
    if not draft.begun or answers.changes:
        output.tell("\n2  You")
        await take_people(draft, answers, ask, served=served)
        output.tell("\n3  The databases")
        await take_databases(draft, answers, ask)
        output.tell("\n4  Sealing")
        return await take_sealing(draft, answers, ask)
    return await ask_for_changes(draft, answers, ask, served=served)


def require_packages() -> None:
    """Raise `SettingsError` where the extra is not installed."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise SettingsError(
            (f"`setup` needs packages that are not installed: {', '.join(missing)}.",),
            hint=f"Run {how_to_install('setup')}; or set .env up by hand: docs/operations.md.",
        )


def require_no_environment() -> None:
    """Raise `SettingsError` where the environment decides what setup asks for: it wins over .env."""
    given = [name for name in _WRITTEN if os.environ.get(name, "").strip()]
    if given:
        raise SettingsError(
            (f"{' and '.join(given)} stand{'' if len(given) > 1 else 's'} in the environment, which wins over .env.",),
            hint=f"Take it out first: unset {' '.join(given)}",
        )


async def is_served(settings: Settings) -> bool:
    """Tell whether a service works in BACKUP_DIR now."""
    return await ServiceLock(settings.backup_dir).holder() is not None


def _anchor(draft: Draft) -> None:
    """Keep what the environment or the folder would decide otherwise, so that the service finds the same."""
    for name in _WAY:
        if draft.settings.given.places.get(name) == "environment":
            draft.values[name] = draft.settings.given.texts[name]
    folder = draft.env_file.parent
    if folder != Path.cwd():  # relative paths count from the working directory
        for name, usual in (("BACKUP_DIR", "backups"), ("LOG_DIR", "logs")):
            if not draft.given(name):
                draft.values[name] = str(folder / usual)


async def _set_profile(draft: Draft, answers: SetupAnswers) -> None:
    """Set the bot's name, descriptions and commands; that Telegram refuses one is told, and no more."""
    from bot.handlers.commands import register_commands  # noqa: PLC0415 - these import aiogram
    from bot.services.telegram.profile import TelegramProfile  # noqa: PLC0415

    async with bot_of(draft) as bot:
        profile = TelegramProfile(bot)
        try:
            if answers.bot_name:
                await profile.rename(answers.bot_name)
            await profile.describe(short=ABOUT, long=DESCRIPTION)
        except Outcome as outcome:
            output.warn(f"The bot's name or description could not be set: {outcome.sentence}.")
        await register_commands(bot, admins_of(draft))


async def _prove(
    draft: Draft, settings: Settings, answers: SetupAnswers, ask: Asker, pair: KeyPair | None, *, first: bool
) -> None:
    wanted = answers.backup
    if wanted is None:
        wanted = first or not ask.terminal or await ask.confirm("Make one now?", flag="--backup", default=True)
    if not wanted:
        output.tell("None made: `sqlite-courier backup` makes one.")
        return
    try:
        await first_backup(draft, settings, key_path(pair), first=first)
    finally:
        if settings.backup_dir.is_dir():
            await asyncio.to_thread(hand_over, settings.backup_dir, owner=draft.owner)
