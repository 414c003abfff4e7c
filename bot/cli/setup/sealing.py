"""Offers to seal the backups: a key pair with its recovery sheet, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from bot.cli import output
from bot.cli.key_pair import KeyPair, make_key_pair
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker, Line
from bot.errors import ArchiveError, SettingsError, how_to_install
from bot.services.sealing.age import is_installed

KEY_FILE = "sqlite-courier-key.txt"


async def take_sealing(draft: Draft, answers: SetupAnswers, ask: Asker) -> KeyPair | None:
    """Settle in the draft whether archives are sealed, and return the new key pair if one was made.

    Raises `SettingsError` where nobody can be asked, or what was answered can't be; `ArchiveError` for a key file that
    is there already.
    """
    sealed = draft.given("AGE_RECIPIENTS") or draft.settings.age_passphrase.get_secret_value()
    if sealed:
        if answers.seal is False:
            raise SettingsError(("The backups are sealed: take AGE_RECIPIENTS out of .env yourself to end that.",))
        output.tell("✓ Sealed, as before.")
        return None
    wanted = answers.seal
    if wanted is None and draft.begun:
        output.tell("✓ Off, as before.")
        return None
    if wanted is None:
        lines = [
            Line(title="No: plain ZIPs, readable by whoever has the chat", value=False),
            Line(
                title="Yes: make a key pair; without its secret key nobody can read them",
                value=True,
                why_not="" if is_installed() else "its packages are not installed",
            ),
        ]
        wanted = await ask.choose("Seal the backups?", lines, flag="--seal or --no-seal")
    if not wanted:
        output.tell("✓ Off: the archives are plain ZIPs.")
        return None
    if not is_installed():
        raise SettingsError(
            ("--seal needs packages that are not installed.",), hint=f"Run {how_to_install('sealing')}."
        )
    pair = make_key_pair((answers.key_file or draft.env_file.parent / KEY_FILE).absolute())
    for path in pair.files:
        _refuse_to_replace(path)
    draft.files |= pair.files
    draft.values["AGE_RECIPIENTS"] = pair.public
    output.tell(f"✓ Sealed for the key {pair.fingerprint}.")
    return pair


def _refuse_to_replace(path: Path) -> None:
    if os.path.lexists(path):
        raise ArchiveError(
            f"{path} exists already; it is not replaced.", hint="Name another file with --key-file, or move it away."
        )


def key_path(pair: KeyPair | None) -> Path | None:
    """Return where the secret key is going to lie, None without one."""
    return pair.out if pair is not None else None
