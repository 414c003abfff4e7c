"""The `keygen` command: a key pair for sealed backups, and the recovery sheet to print."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.key_pair import make_key_pair, say_to_move_it, say_where_it_is
from bot.cli.options import Json
from bot.errors import ArchiveError
from bot.services.files.private_file import create_private, to_the_disk

EXAMPLES = ("sqlite-courier keygen", "sqlite-courier keygen --out /media/stick/key.txt")


def command(
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="The file for the secret key; the sheet goes beside it.", show_default=True
        ),
    ] = Path("sqlite-courier-key.txt"),
    sheet: Annotated[bool, typer.Option("--sheet/--no-sheet", help="Write the recovery sheet to print.")] = True,
    json: Json = False,
) -> None:
    """Make a key pair for sealed backups: the secret key in a file, and a recovery sheet to print.

    The secret key is not printed here: it stands in the file and on the sheets, which nobody else can read.
    """
    pair = make_key_pair(out, sheet=sheet)
    _write_all(pair.files)
    if json:
        output.print_json({"public_key": pair.public, "fingerprint": pair.fingerprint, "files": list(pair.files)})
        return
    say_where_it_is(pair)
    output.say("To seal the backups, put this line into .env:")
    output.say(f"  AGE_RECIPIENTS={pair.public}")
    say_to_move_it(pair)


def _write_all(files: dict[Path, str]) -> None:
    """Create all files for their owner alone, or none of them. Raises `ArchiveError` where one is there already."""
    for path in files:
        with _faults_of(path):
            taken = os.path.lexists(path)
        if taken:
            raise ArchiveError(
                f"{path} exists already; it is not replaced.", hint="Name another file with --out, or move it away."
            )
    made: list[Path] = []
    try:
        for path, text in files.items():
            with _faults_of(path), create_private(path) as file:
                made.append(path)
                file.write(text.encode())
                to_the_disk(file)
    except BaseException:
        for path in made:
            with suppress(OSError):
                path.unlink()
        raise


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ArchiveError(
            f"{path} can't be written: {reason}.", hint="Name a file in a folder that you may write, with --out."
        ) from error
