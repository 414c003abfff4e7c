"""Makes a key pair for sealed backups with its recovery sheets, and says what to do with them; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.cli import output
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import fingerprint
from bot.texts.recovery_sheet import as_page, as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A public key, and the private `files` to be written: the secret key in `out`, perhaps the `sheets` beside it."""

    public: str
    fingerprint: str
    out: Path
    sheets: tuple[Path, ...]
    files: dict[Path, str]


def make_key_pair(out: Path, *, sheet: bool = True) -> KeyPair:
    """Make a new pair. Raises `SealError` where the package that seals is not installed."""
    secret, public = new_identity()
    now, mark = datetime.now(UTC), fingerprint(public)
    files = {out: f"# created: {now:%Y-%m-%dT%H:%M:%SZ} by SQLite Courier\n# public key: {public}\n{secret}\n"}
    text_sheet, page = (out.parent / f"{out.stem}.recovery{suffix}" for suffix in (".txt", ".html"))
    if sheet:
        files[text_sheet] = as_text(public, secret, mark, now.date())
        files[page] = as_page(public, secret, mark, now.date())
    return KeyPair(public=public, fingerprint=mark, out=out, sheets=(page, text_sheet) if sheet else (), files=files)


def say_where_it_is(pair: KeyPair) -> None:
    output.tell(f"Public key:  {pair.public}")
    output.tell(f"Fingerprint: {pair.fingerprint}")
    but = " but on the recovery sheet" if pair.sheets else ""
    output.tell(f"Secret key:  in {pair.out}; it is shown nowhere else{but}.")
    if pair.sheets:
        page, text_sheet = pair.sheets
        output.tell(f"Recovery sheet, with the secret key: {page} (print it) and {text_sheet}.")
        output.tell("Print it twice, keep the copies in two places, then delete both files.")


def say_to_move_it(pair: KeyPair) -> None:
    output.tell(
        f"Then move {pair.out.name} off this server. Left here as AGE_IDENTITY_FILE it allows test-restores and"
        " restores from the chat, and opens every backup to whoever breaks in."
    )
