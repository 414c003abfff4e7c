"""Writes what was settled: .env and the files beside it, all or none, after showing what changes."""

from __future__ import annotations

import stat
import sys
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path

from bot.cli import output
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker
from bot.config.env_file import HEADING, change_env, difference
from bot.config.settings import Settings, load_settings, setting_names
from bot.config.sources import read_env_text
from bot.errors import AbortedError, ArchiveError, SettingsError
from bot.services.files.private_file import replace_together
from bot.services.host import accounts

ASKED = ("BOT_TOKEN", "ADMIN_IDS", "DELIVER_TO", "DATABASES")
"""Settings that setup asks for: a fault in them is answered anew, any other one is for who wrote it."""


def open_draft(env_file: Path) -> Draft:
    """Read the settings as they are. Raises `SettingsError` for a fault that setup does not ask about."""
    env_file = env_file.absolute()
    try:
        text = read_env_text(env_file)
    except FileNotFoundError:
        text = None
    except ValueError as error:
        raise SettingsError((str(error),)) from None
    try:
        settings = settings_of(text or "")
    except SettingsError as error:
        wrong = {name for name in ASKED for fault in error.faults if fault.startswith(name)}
        if not all(fault.startswith(ASKED) for fault in error.faults):
            raise
        wrong |= {f"{name}_FILE" for name in wrong if name == "BOT_TOKEN"}
        values: dict[str, str | None] = dict.fromkeys(wrong)
        for fault in error.faults:
            output.warn(f"{fault} Setup asks for it anew.")
        draft = Draft(
            env_file=env_file, text=text, settings=settings_of(change_env(text or "", values, setting_names()))
        )
        draft.values |= values
        return draft
    return Draft(env_file=env_file, text=text, settings=settings)


def settings_of(text: str, *, whole: bool = False) -> Settings:
    """Read settings from the text of an .env, as they would be from the file; `whole` asks for all that is needed.

    Raises `SettingsError`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return load_settings(path, need_telegram=whole, need_databases=whole)


async def write_draft(draft: Draft, answers: SetupAnswers, ask: Asker) -> Settings:
    """Write the draft and return the settings in force; what is there already is shown as a difference, and kept.

    Raises `SettingsError` where they could not be used, `AbortedError` where they are not wanted, `ArchiveError` where
    they can't be written: then nothing was.
    """
    before = draft.text if draft.text is not None else HEADING
    after = change_env(before, draft.values, setting_names())
    files = {path: text.encode() for path, text in draft.files.items()}
    settings = _checked(draft, after)
    target = draft.env_file.resolve()  # a link stays a link
    kept = None
    if draft.text is not None and after != before:
        output.tell(f"{draft.env_file} changes:")
        for line in difference(before, after):
            output.say(f"  {line}")
        if not answers.yes and not await ask.confirm("Write it?", flag="--yes", default=True):
            raise AbortedError("The difference was not agreed to.")
        kept = target.with_name(f"{target.name}.{datetime.now():%Y%m%d_%H%M%S}.old")  # noqa: DTZ005 - read by people here
        files[kept] = before.encode()
    if draft.text is None or after != before:
        files[target] = after.encode()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.owner = accounts.owner_of(target) if target.exists() else draft.owner
        replace_together(files, ready=partial(hand_over, owner=draft.owner))
    except OSError as error:
        raise ArchiveError(
            f"{draft.env_file} can't be written: {error.strerror or error}.",
            hint="Run setup in a folder that you may write, or name another file with --env-file.",
        ) from error
    _close_token_file(draft)
    if target in files:
        beside = f"; what it was is kept as {kept.name}" if kept else ""
        output.tell(f"✓ {draft.env_file} is written, for you alone to read{beside}.")
    else:
        output.tell(f"✓ {draft.env_file} stays as it is.")
    return settings


def _close_token_file(draft: Draft) -> None:
    """Let nobody else read a token file that was named; where it is not ours to close, say so."""
    path = Path(draft.values.get("BOT_TOKEN_FILE") or draft.env_file)
    if path in draft.files or sys.platform == "win32" or not path.stat().st_mode & stat.S_IRWXO:
        return
    try:
        if accounts.owner_of(path) not in (accounts.me(), draft.owner):
            raise PermissionError
        path.chmod(0o600)
        hand_over(path, owner=draft.owner)
    except OSError:
        mend = accounts.to_close(path, draft.owner or accounts.me())
        output.warn(f"{path}, which holds the token, can be read by others: have root run {mend}")
    else:
        output.tell(f"✓ {path} can be read by its owner alone now, since it holds the token.")


def hand_over(path: Path, *, owner: str) -> None:
    """Give what is root's in a folder, or a file, to the user of the service; links stay. Raises `OSError`.

    Nothing happens where somebody else than root has made it.
    """
    if not accounts.IS_ROOT or owner in ("", accounts.me()):
        return
    for each in (path, *path.rglob("*")):
        if not each.is_symlink() and accounts.owner_of(each) == accounts.me():
            accounts.hand_over(each, owner)


def _checked(draft: Draft, after: str) -> Settings:
    """Return the settings as they will be. Raises `SettingsError` where they could not be used."""
    # The token's file is not there yet.
    inline: dict[str, str | None] = {"BOT_TOKEN": draft.token, "BOT_TOKEN_FILE": None}
    return settings_of(change_env(after, inline, setting_names()), whole=True)
