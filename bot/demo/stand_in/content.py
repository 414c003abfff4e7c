"""Checks the content of a call (text, keyboards, files) against the server's limits."""

import mimetypes
import secrets
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from aiogram.client.default import Default
from aiogram.types import InputFile, MessageEntity
from pydantic import BaseModel

from bot.demo.stand_in.entities import FormattedText, UnparsableEntitiesError, Version, parse_html, trim, utf16_length
from bot.demo.stand_in.multipart import Body
from bot.demo.stand_in.refusals import bad_request
from bot.demo.stand_in.state import BotAccount, Json, State, StoredFile

MARKUP_BYTES = 1 << 15
TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
BUTTON_DATA_BYTES = 64
COPIED_LIMIT = 256
BUTTONS_LIMIT = 100
_COPIES_SINCE, _STYLES_SINCE = (7, 11), (9, 4)


@dataclass(slots=True)
class Exchange:
    """One call being answered: who asks, and what came with it."""

    state: State
    bot: BotAccount
    body: Body
    local: bool = False
    download_limit: int | None = None


def given(value: Any) -> Any:
    """The value, or None where aiogram's model holds only the name of a default that was never sent."""
    return None if isinstance(value, Default) else value


def read_text(
    exchange: Exchange, text: str | None, parse_mode: Any, entities: list[MessageEntity] | None
) -> FormattedText:
    """The text as a phone shows it; 400 for markup that can't be parsed, or is too long before that."""
    if len((text or "").encode()) > MARKUP_BYTES:
        raise bad_request("text is too long")
    match (given(parse_mode) or "").lower():
        case "html":
            try:
                return trim(parse_html(text or "", exchange.state.version))
            except UnparsableEntitiesError as error:
                raise bad_request(f"can't parse entities: {error}") from error
        case "":
            shown = tuple(entity.model_dump(exclude_none=True, warnings=False) for entity in entities or [])
            return trim(FormattedText(text or "", shown))
    # Markdown exists on the real server; nothing here writes it, and guessing at it would hide a mistake.
    raise bad_request("unsupported parse_mode")


def read_message_text(
    exchange: Exchange, text: str | None, parse_mode: Any, entities: list[MessageEntity] | None
) -> FormattedText:
    """A message's text, neither empty nor too long."""
    formatted = read_text(exchange, text, parse_mode, entities)
    if not formatted.text:
        raise bad_request("message text is empty")
    if utf16_length(formatted.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return formatted


def read_caption(
    exchange: Exchange, text: str | None, parse_mode: Any, entities: list[MessageEntity] | None
) -> FormattedText:
    """A caption, empty or not, and not too long."""
    formatted = read_text(exchange, text, parse_mode, entities)
    if utf16_length(formatted.text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    return formatted


def read_markup(exchange: Exchange, markup: BaseModel | None) -> Json | None:
    """A keyboard as JSON, without what the server is too old for; an empty inline keyboard is none at all."""
    if markup is None:
        return None
    json = markup.model_dump(exclude_none=True, warnings=False)
    if "inline_keyboard" not in json:
        return json
    rows = [row for row in json["inline_keyboard"] if row]
    for row in rows:
        for button in row:
            _forget_newer(button, exchange.state.version)
            _check_button(button)
    if sum(map(len, rows)) > BUTTONS_LIMIT:
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": rows} if rows else None


def _forget_newer(button: Json, version: Version) -> None:
    """Leave out the fields that came after the server's version: it does not look at them."""
    for name, since in (("copy_text", _COPIES_SINCE), ("style", _STYLES_SINCE)):
        if version < since:
            button.pop(name, None)


def _check_button(button: Json) -> None:
    if not button["text"].strip():
        raise bad_request("can't parse inline keyboard button: Button text must be non-empty")
    action = button.keys() - {"text", "style", "icon_custom_emoji_id"}
    if not action:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(data.encode()) <= BUTTON_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    copied = button.get("copy_text")
    if copied is not None and not 1 <= len(copied["text"]) <= COPIED_LIMIT:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")


def take_file(exchange: Exchange, value: str | InputFile) -> StoredFile:
    """The file a call names: uploaded with it, known by file_id, or (local mode) on the server's disk.

    An uploaded file is the state's from here on.
    """
    source = str(value)
    if source.startswith("attach://"):
        upload = exchange.body.uploads.pop(source.removeprefix("attach://"), None)
        if upload is None:
            raise bad_request("there is no document in the request")
        return _store(upload.path, upload.name, upload.mime_type)
    if source.startswith("file:"):
        return _take_local(exchange, source)
    if source.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    known = exchange.bot.files.get(source)
    if known is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return known


def copy_in(state: State, source: Path, name: str) -> StoredFile:
    """Copy a file from outside onto the server's disk. Blocks for as long as the copy takes."""
    kept = state.storage / uuid.uuid4().hex
    shutil.copyfile(source, kept)
    return _store(kept, name, mimetypes.guess_type(name)[0] or "application/octet-stream")


def _take_local(exchange: Exchange, source: str) -> StoredFile:
    path = Path(url2pathname(unquote(urlsplit(source).path)))
    if not exchange.local or not path.is_file():
        raise bad_request("wrong file identifier/HTTP URL specified")
    return copy_in(exchange.state, path, path.name)


def _store(path: Path, name: str, mime_type: str) -> StoredFile:
    size = path.stat().st_size
    if size == 0:
        path.unlink(missing_ok=True)
        raise bad_request("file must be non-empty")
    return StoredFile(secrets.token_urlsafe(10), path, size, name, mime_type)
