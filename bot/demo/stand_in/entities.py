"""Parses HTML as Telegram does: tags to entities, lengths in UTF-16 units, the server's words for bad markup."""

import re
from dataclasses import dataclass
from typing import Any

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
_TAGS = {*_STYLES, "a", "code", "pre"}  # of those that Telegram has, what a bot of text needs
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-zA-Z]+));?")
_BARE_VALUE = re.compile(r"[0-9A-Za-z.\-]*")
_SPACE = re.compile(r"[ \t\r\n\0\v]*")
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
    argument: str
    offset: int


def utf16_length(text: str) -> int:
    """Count as Telegram counts offsets and limits: a character outside the basic plane takes two units."""
    return len(text) + sum(character > "\uffff" for character in text)


def parse_html(source: str) -> FormattedText:
    """Strip the tags and give their entities, sorted by offset, the longer first.

    Follows tdlib's parser: byte offsets in the errors, `&name;` only for lt, gt, amp and quot.
    Raises UnparsableEntitiesError in the official server's words.
    """
    reader = _HtmlReader(source)
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
    def __init__(self, source: str) -> None:
        self.source = source
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
        if name not in _TAGS:
            raise UnparsableEntitiesError(f'Unsupported start tag "{name}" at byte offset {begin}')
        argument = ""
        while self._skip_space() != ">":
            if self.at >= len(self.source):
                raise UnparsableEntitiesError(f"Unclosed start tag at byte offset {begin}")
            argument = self._attribute(name, begin) or argument
        self.at += 1
        self.open.append(_OpenTag(name, argument, self.offset))

    def _attribute(self, tag: str, begin: int) -> str:
        """Read one attribute; gives its value when it means something for this tag."""
        attribute = self._word("=>" if tag == "blockquote" else "=")
        if not attribute:
            raise UnparsableEntitiesError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
        if tag == "blockquote" and attribute == "expandable":
            if self._skip_space() == "=":
                self.at += 1
                self._value(begin)
            return "expandable"
        if self._skip_space() != "=":
            raise UnparsableEntitiesError(
                f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {begin}'
            )
        self.at += 1
        value = self._value(begin)
        return value if (tag, attribute) == ("a", "href") else ""

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
            link = tag.argument or "".join(self.out).encode("utf-16-le")[2 * tag.offset :].decode("utf-16-le")
            # A link the server can't read is dropped, and the words stay.
            if "." in link or "://" in link or link.startswith("tg:"):
                self.entities.append({**entity, "type": "text_link", "url": link})
        elif tag.name in ("code", "pre"):
            self.entities.append({**entity, "type": tag.name})
        else:
            kind = "expandable_blockquote" if tag.argument == "expandable" else _STYLES[tag.name]
            self.entities.append({**entity, "type": kind})


def _decode(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name:
        return _NAMED.get(name, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    # Half of a surrogate pair is no character, and neither is zero.
    return "" if code == 0 or code >= 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
