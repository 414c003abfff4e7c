"""Telegram's HTML: values escaped, messages that always fit, and HTML turned back into plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.errors import CourierError
from bot.words.actors import actor_words

MESSAGE_LIMIT = 4096
CAPTION_LIMIT = 1024
ANSWER_LIMIT = 200

_TAG = re.compile(r"</?[a-z][^<>]*>")


def plain(markup: str) -> str:
    """Return what a reader of the HTML sees: no tags, no entities."""
    return html.unescape(_TAG.sub("", markup))


def length(markup: str) -> int:
    """Return the length Telegram counts: after the entities are parsed.

    In UTF-16 units, the strictest of its ways of counting (https://core.telegram.org/api/entities#entity-length).
    """
    return _units(plain(markup))


def text(value: object, most: int = 200) -> str:
    """Return a value from outside, on one line, at most `most` long, escaped."""
    return html.escape(cut(one_line(str(value)[: most + 1]), most), quote=False)  # what follows is cut off


def name(value: str, most: int = 40) -> str:
    """Return a name from outside, escaped; a long one keeps its beginning and its end, where names differ."""
    return html.escape(shortened(value, most), quote=False)


def by_name(actor: str, most: int = 40) -> str:
    """Return the name of who did something, escaped."""
    return text(actor_words(actor) or "somebody", most)


def names(values: Collection[str], most: int, longest: int = 30) -> str:
    """Return the first of several names in one line, escaped, and how many more there are: `a, b and 3 more`."""
    return html.escape(plain_names(values, most, longest), quote=False)


def plain_names(values: Collection[str], most: int, longest: int = 30) -> str:
    """Return the same as plain text; a single one more is named as well."""
    return joined([shortened(each, longest) for each in values], most)


def joined(values: Sequence[str], most: int | None = None) -> str:
    """Return values as people list them: `Ann and Ben`, `Ann, Ben and Cid`, `Ann, Ben and 3 more`."""
    if most is not None and len(values) > most + 1:
        values = [*values[:most], f"{len(values) - most} more"]
    return " and ".join(filter(None, (", ".join(values[:-1]), *values[-1:])))


def one_line(value: str) -> str:
    """Return the value without what breaks a line or can't be encoded: controls, reversals of direction, surrogates."""
    return "".join(ch if ch.isprintable() else " " if ch.isspace() else "\N{REPLACEMENT CHARACTER}" for ch in value)


def cut(value: str, most: int) -> str:
    """Return plain text of at most `most` UTF-16 units, with an ellipsis where something is missing."""
    if _units(value) <= most:
        return value
    kept, room = [], most - 1
    for ch in value:
        room -= _units(ch)
        if room < 0:
            break
        kept.append(ch)
    return "".join(kept).rstrip() + "…"


def hint(error: CourierError, most: int = 800) -> str | None:
    """Return what to do about an error, None where it does not say."""
    return f"💡 {text(error.hint, most)}" if error.hint else None


def signed(server: str, markup: str) -> str:
    """Return a message with the name of the server that it comes from before it; as it is where there is no name."""
    return compose(f"🖥 <b>{text(server, 40)}</b> · {markup}") if server else markup


def folded(*lines: str) -> str:
    """Return lines of which a phone shows the beginning, and the rest at a press."""
    return f"<blockquote expandable>{chr(10).join(lines)}</blockquote>"


def sentence(value: str) -> str:
    """Return the text with a capital first letter, the rest as it is."""
    return value[:1].upper() + value[1:]


@dataclass(frozen=True, slots=True)
class FittedList:
    """Lines of which the last ones may be left out, so the most important come first; `most` suits a phone's screen."""

    lines: tuple[str, ...]
    most: int = 20


def compose(*parts: str | FittedList | None, limit: int = MESSAGE_LIMIT) -> str:
    """Return the parts under one another, never longer than `limit` after entity parsing.

    Where they are too long, lists give way, the longest first, and end with `… and 12 more`. An empty string is an
    empty line (several together are one), None is nothing.
    """
    kept = [part for part in parts if part is not None]
    listings = {index: part for index, part in enumerate(kept) if isinstance(part, FittedList)}
    shown = {index: min(len(part.lines), part.most) for index, part in listings.items()}
    size = length(_join(kept, shown))
    while size > limit:
        longest = max(shown, key=lambda index: shown[index], default=None)
        if longest is None or not shown[longest]:
            return html.escape(cut(plain(_join(kept, shown)), limit), quote=False)
        shown[longest] -= 1
        lines = listings[longest].lines
        size -= length(lines[shown[longest]]) + 1
        if size <= limit:
            size = length(_join(kept, shown))  # with what the lists say of their missing lines
    return _join(kept, shown)


def _join(parts: list[str | FittedList], shown: dict[int, int]) -> str:
    lines: list[str] = []
    for index, part in enumerate(parts):
        if isinstance(part, str):
            lines.append(part)
            continue
        lines.extend(part.lines[: shown[index]])
        if hidden := len(part.lines) - shown[index]:
            lines.append(f"… and {hidden} more")
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def shortened(value: str, most: int) -> str:
    """Return a name from outside, on one line; a long one keeps its beginning and its end, where names differ."""
    value = one_line(value if len(value) <= 2 * most else value[:most] + value[-most:])  # the middle goes anyway
    if _units(value) <= most:
        return value
    tail = value[-(most // 3) :]
    while _units(tail) > most // 3:
        tail = tail[1:]
    return cut(value, most - _units(tail)) + tail


def _units(value: str) -> int:
    return len(value) + sum(ch > "\uffff" for ch in value)
