"""The `keygen` command: a key pair for sealed backups, and the recovery sheet to print."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.options import Json
from bot.errors import ArchiveError
from bot.services.files.private_file import create_private, to_the_disk
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import fingerprint
from bot.texts.recovery_sheet import as_page, as_text


def command(
    *,
    out: Annotated[
        Path, typer.Option("--out", help="The file for the secret key; the sheet goes beside it.", show_default=True)
    ] = Path("sqlite-courier-key.txt"),
    sheet: Annotated[bool, typer.Option("--sheet/--no-sheet", help="Write the recovery sheet to print.")] = True,
    json: Json = False,
) -> None:
    """Make a key pair for sealed backups: the secret key in a file, and a recovery sheet to print.

    The secret key is not printed here: it stands in the file and on the sheets, which nobody else can read.
    """
    text_sheet, page = (out.parent / f"{out.stem}.recovery{suffix}" for suffix in (".txt", ".html"))
    secret, public = new_identity()
    now, mark = datetime.now(UTC), fingerprint(public)
    files = {out: f"# created: {now:%Y-%m-%dT%H:%M:%SZ} by SQLite Courier\n# public key: {public}\n{secret}\n"}
    if sheet:
        files[text_sheet] = as_text(public, secret, mark, now.date())
        files[page] = as_page(public, secret, mark, now.date())
    _write_all(files)
    if json:
        output.print_json({"public_key": public, "fingerprint": mark, "files": list(files)})
        return
    output.say(f"Public key:  {public}")
    output.say(f"Fingerprint: {mark}")
    output.say(f"Secret key:  in {out}; it is shown nowhere else" + (" but on the recovery sheet." if sheet else "."))
    if sheet:
        output.say(f"Recovery sheet, with the secret key: {page} (print it) and {text_sheet}.")
        output.say("Print it twice, keep the copies in two places, then delete both files.")
    output.say("To seal the backups, put this line into .env:")
    output.say(f"  AGE_RECIPIENTS={public}")
    output.say(
        f"Then move {out.name} off this server. Left here as AGE_IDENTITY_FILE it allows test-restores and restores"
        " from the chat, and opens every backup to whoever breaks in."
    )


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
