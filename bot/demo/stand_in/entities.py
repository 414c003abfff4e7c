"""Parses HTML as Telegram does: tags to entities, lengths in UTF-16 units, the server's words for bad markup."""

import re
from dataclasses import dataclass
from typing import Any

Version = tuple[int, int]
"""Of the Bot API, which is that of the server: what came later it does not know."""

NEWEST: Version = (10, 3)

Entity = dict[str, Any]
"""A MessageEntity as it goes over the wire; offset and length count UTF-16 units."""

_STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
}
_TAGS = {*_STYLES, "a", "code", "pre", "tg-time"}  # of those that Telegram has, what a bot of text needs
_SINCE = {"blockquote": (7, 0), "tg-time": (9, 5)}
_FOLDS_SINCE = (7, 4)
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-zA-Z]+));?")
_BARE_VALUE = re.compile(r"[0-9A-Za-z.\-]*")
_SPACE = re.compile(r"[ \t\r\n\0\v]*")
_DATE_FORMAT = re.compile(r"[rR]|[tTdDwW]*")
_COMMAND = re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?")


class UnparsableEntitiesError(ValueError):
    """The markup is refused; the text is what follows `can't parse entities: ` in the server's answer."""


@dataclass(frozen=True, slots=True)
class FormattedText:
    """What a phone shows, and how it is styled."""

    text: str
    entities: tuple[Entity, ...] = ()


@dataclass(slots=True)
class _OpenTag:
    name: str
    arguments: dict[str, str]
    offset: int


def utf16_length(text: str) -> int:
    """Count as Telegram counts offsets and limits: a character outside the basic plane takes two units."""
    return len(text) + sum(character > "\uffff" for character in text)


def parse_html(source: str, version: Version = NEWEST) -> FormattedText:
    """Strip the tags and give their entities, sorted by offset, the longer first.

    Follows tdlib's parser: byte offsets in the errors, `&name;` only for lt, gt, amp and quot. Raises
    UnparsableEntitiesError in the words of the official server of that version.
    """
    reader = _HtmlReader(source, version)
    reader.read()
    in_order = sorted(reader.entities, key=lambda entity: (entity["offset"], -entity["length"]))
    return FormattedText("".join(reader.out), tuple(in_order))


def trim(formatted: FormattedText) -> FormattedText:
    """Drop the blanks around the text, as the server does before it measures or stores it."""
    kept = formatted.text.rstrip()
    lead = len(kept) - len(kept.lstrip())
    kept = kept.lstrip()
    limit = utf16_length(kept)
    entities = []
    for entity in formatted.entities:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, limit)
        if end > start:
            entities.append({**entity, "offset": start, "length": end - start})
    return FormattedText(kept, tuple(entities))


def find_commands(text: str) -> tuple[Entity, ...]:
    """The bot_command entities the server marks by itself in what people write."""
    return tuple(
        {"type": "bot_command", "offset": utf16_length(text[: match.start()]), "length": len(match.group())}
        for match in _COMMAND.finditer(text)
    )


class _HtmlReader:
    def __init__(self, source: str, version: Version) -> None:
        self.source = source
        self.version = version
        self.at = 0
        self.offset = 0
        self.out: list[str] = []
        self.open: list[_OpenTag] = []
        self.entities: list[Entity] = []

    def read(self) -> None:
        while self.at < len(self.source):
            character = self.source[self.at]
            if character == "&":
                self._put(self._reference())
            elif character != "<":
                self._put(character)
                self.at += 1
            elif self.source[self.at + 1 : self.at + 2] == "/":
                self._close_tag()
            else:
                self._open_tag()
        if self.open:
            raise UnparsableEntitiesError(f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"')

    def _put(self, text: str) -> None:
        self.out.append(text)
        self.offset += utf16_length(text)

    def _bytes_before(self, position: int) -> int:
        return len(self.source[:position].encode())

    def _reference(self) -> str:
        found = _REFERENCE.match(self.source, self.at)
        character = _decode(found) if found else ""
        if not found or not character:
            self.at += 1
            return "&"
        self.at = found.end()
        return character

    def _skip_space(self) -> str:
        found = _SPACE.match(self.source, self.at)
        self.at = found.end() if found else self.at
        return self.source[self.at : self.at + 1]

    def _word(self, stops: str) -> str:
        begin = self.at
        while self.at < len(self.source) and self.source[self.at] not in stops and not self.source[self.at].isspace():
            self.at += 1
        return self.source[begin : self.at]

    def _open_tag(self) -> None:
        begin = self._bytes_before(self.at)
        self.at += 1
        name = self._word(">").lower()
        if self.at >= len(self.source):
            raise UnparsableEntitiesError(f"Unclosed start tag at byte offset {begin}")
        if name not in _TAGS or self.version < _SINCE.get(name, (0, 0)):
            raise UnparsableEntitiesError(f'Unsupported start tag "{name}" at byte offset {begin}')
        arguments: dict[str, str] = {}
        while self._skip_space() != ">":
            if self.at >= len(self.source):
                raise UnparsableEntitiesError(f"Unclosed start tag at byte offset {begin}")
            attribute, value = self._attribute(name, begin)
            arguments[attribute] = value
        self.at += 1
        self.open.append(_OpenTag(name, arguments, self.offset))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        """Read one attribute: its name and its value."""
        folds = tag == "blockquote" and self.version >= _FOLDS_SINCE
        attribute = self._word("=>" if folds else "=")
        if not attribute:
            raise UnparsableEntitiesError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
        if folds and attribute == "expandable" and self._skip_space() != "=":
            return attribute, ""
        if self._skip_space() != "=":
            raise UnparsableEntitiesError(
                f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {begin}'
            )
        self.at += 1
        return attribute, self._value(begin)

    def _value(self, begin: int) -> str:
        quote = self._skip_space()
        if quote not in ("'", '"'):
            token = self.at
            found = _BARE_VALUE.match(self.source, self.at)
            self.at = found.end() if found else self.at
            after = self.source[self.at : self.at + 1]
            if after and after != ">" and not after.isspace():
                raise UnparsableEntitiesError(
                    f"Unexpected end of name token at byte offset {self._bytes_before(token)}"
                )
            return self.source[token : self.at].lower()
        self.at += 1
        value = ""
        while self.source[self.at : self.at + 1] != quote:
            if self.at >= len(self.source):
                raise UnparsableEntitiesError(f"Unclosed start tag at byte offset {begin}")
            if self.source[self.at] == "&":
                value += self._reference()
            else:
                value += self.source[self.at]
                self.at += 1
        self.at += 1
        return value

    def _close_tag(self) -> None:
        begin = self._bytes_before(self.at)
        if not self.open:
            raise UnparsableEntitiesError(f"Unexpected end tag at byte offset {begin}")
        self.at += 2
        name = self._word(">").lower()
        if self._skip_space() != ">":
            raise UnparsableEntitiesError(f"Unclosed end tag at byte offset {begin}")
        self.at += 1
        tag = self.open.pop()
        if name and name != tag.name:
            raise UnparsableEntitiesError(
                f'Unmatched end tag at byte offset {begin}, expected "</{tag.name}>", found "</{name}>"'
            )
        if length := self.offset - tag.offset:
            self._mark(tag, length)

    def _mark(self, tag: _OpenTag, length: int) -> None:
        entity: Entity = {"offset": tag.offset, "length": length}
        if tag.name == "a":
            link = tag.arguments.get("href") or "".join(self.out).encode("utf-16-le")[2 * tag.offset :].decode(
                "utf-16-le"
            )
            # A link the server can't read is dropped, and the words stay.
            if "." in link or "://" in link or link.startswith("tg:"):
                self.entities.append({**entity, "type": "text_link", "url": link})
        elif tag.name == "tg-time":
            self._mark_time(tag, entity)
        elif tag.name in ("code", "pre"):
            self.entities.append({**entity, "type": tag.name})
        else:
            folds = tag.name == "blockquote" and "expandable" in tag.arguments and self.version >= _FOLDS_SINCE
            self.entities.append({**entity, "type": "expandable_blockquote" if folds else _STYLES[tag.name]})

    def _mark_time(self, tag: _OpenTag, entity: Entity) -> None:
        shown, moment = tag.arguments.get("format", ""), tag.arguments.get("unix", "")
        if not _DATE_FORMAT.fullmatch(shown):
            raise UnparsableEntitiesError("Invalid date format used")
        # A moment the server can't read is dropped, and the words stay.
        if moment.isdecimal() and 0 < int(moment) < 1 << 31:
            self.entities.append({**entity, "type": "date_time", "unix_time": int(moment), "date_time_format": shown})


def _decode(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name:
        return _NAMED.get(name, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    # Half of a surrogate pair is no character, and neither is zero.
    return "" if code == 0 or code >= 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
