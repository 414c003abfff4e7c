"""Reads the key of sealed archives: from a file, from the settings, or typed without echo."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.cli import output
from bot.config.settings import Settings
from bot.errors import CourierError, SealError, SettingsError
from bot.journal.redaction import redact
from bot.services.sealing.age import has_key_for
from bot.services.sealing.header import read_header
from bot.services.sealing.keys import NO_KEYS, Keys, read_identity_file, secret_keys_in

T = TypeVar("T")

Identity = Annotated[
    list[Path] | None,
    typer.Option(
        "--identity", metavar="FILE", help="The file with the secret key of sealed archives; may be repeated."
    ),
]

_TRIES = 3


def keys_of(settings: Settings, identity: Sequence[Path]) -> Keys:
    """Return the keys of the settings and of the files that were named. Raises `SettingsError`."""
    found = [settings.keys]
    for path in identity:
        try:
            found.append(Keys(identities=read_identity_file(path)))
        except ValueError as error:
            raise SettingsError((f"--identity is {str(path)!r}, which {error}",)) from None
    return sum(found, NO_KEYS)


async def asking(work: Callable[[Keys], Awaitable[T]], keys: Keys, *, ask: bool) -> T:
    """Do the work, and again with a key that is asked for where none opens the archive.

    Asked is only who sits at a terminal, and three times at most. Raises what the work raises.
    """
    for tries_left in reversed(range(_TRIES + 1)):
        try:
            return await work(keys)
        except SealError as error:
            if not (ask and error.wants and tries_left and sys.stdin.isatty()):
                raise
            output.warn(error.sentence)
            keys += await asyncio.to_thread(_asked_for, error.wants)
    raise AssertionError  # the last try returns or raises


async def offered(sealed: Sequence[Path], keys: Keys, *, ask: bool) -> Keys:
    """Return the keys, and one more that is asked for where archives are sealed and none of their kind is there.

    Whoever gives none goes on without.
    """
    if not (ask and sys.stdin.isatty()):
        return keys
    for path in sealed:
        try:
            if not has_key_for(path, keys):
                with path.open("rb") as file:
                    by_passphrase = read_header(file, path.name).by_passphrase
                output.warn(
                    f"{path.name} is sealed. Without its key only its bytes are compared: press Enter for that."
                )
                return keys + await asyncio.to_thread(_asked_for, "passphrase" if by_passphrase else "key")
        except CourierError:
            continue  # its fault is told when it is verified
    return keys


def _asked_for(wants: str) -> Keys:
    """Read a key or passphrase without showing it."""
    if wants == "passphrase":
        text = str(typer.prompt("Its passphrase", default="", show_default=False, hide_input=True)).strip()
        redact.add(text)
        return Keys(passphrases=(text,) if text else ())
    question = "Its secret key (AGE-SECRET-KEY-1…, on the recovery sheet)"
    text = str(typer.prompt(question, default="", show_default=False, hide_input=True))
    found = secret_keys_in("".join(text.split()))
    if text and not found:
        output.warn("That is no secret key: it begins with AGE-SECRET-KEY-1 and has 74 signs.")
    return Keys(identities=found)
