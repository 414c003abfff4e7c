"""Changes settings in the text of an .env, and leaves everything else in it as it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from bot.config.sources import parse_env
from bot.errors import SettingsError
from bot.journal.redaction import redact

HEADING = "# Written by `sqlite-courier setup`; .env.example and docs/settings.md describe every setting.\n\n"

_COMMENT = re.compile(r"\s+#.*$")
_NEEDS_QUOTES = ",; \t\"'#"


def change_env(text: str, values: Mapping[str, str | None], known: Iterable[str]) -> str:
    """Return the text with these settings: each in the place where it stood, or below its commented default, or last.

    None takes a setting out. Comments, also those behind a value, lines of other names and line ends stay. Raises
    `SettingsError` for a value that no line can hold. `known` are the names of all settings.
    """
    ends = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found, _ = parse_env(text, tuple(known))
    left = dict(values)
    # From the end, so that the numbers before stay true; of a name that stands twice, the first place is kept.
    for entry in reversed(found):
        if entry.name not in values:
            continue
        first = next(each for each in found if each.name == entry.name) is entry
        value = left.pop(entry.name, None) if first else None
        comment = _COMMENT.search(lines[entry.line - 1]) if entry.line == entry.last and entry.value else None
        behind = comment[0] if comment and comment[0].strip(" \t#") and comment[0] not in entry.value else ""
        new = [] if value is None else (env_line(entry.name, value) + behind).split("\n")
        lines[entry.line - 1 : entry.last] = new
    for name, value in left.items():
        if value is None:
            continue
        default = next((at for at, line in enumerate(lines) if re.match(rf"#\s?{name}=", line)), None)
        at = len(lines) - (not lines[-1]) if default is None else default + 1
        lines[at:at] = env_line(name, value).split("\n")
    changed = "\n".join(lines)
    return (changed if changed.endswith("\n") or not changed else changed + "\n").replace("\n", ends)


def env_line(name: str, value: str) -> str:
    """Return the line NAME=value in the first way of quoting that is read back as it is. Raises `SettingsError`."""
    for line in (f"{name}={value}", f'{name}="{value}"', f"{name}='{value}'"):
        entries, faults = parse_env(line)
        if not faults and [(entry.name, entry.value) for entry in entries] == [(name, value)]:
            return line
    raise SettingsError(
        (f"{name} can't hold {value!r} in an .env: rename the file, or set {name} in the environment.",)
    )


def path_list(paths: Sequence[str]) -> str:
    """Return DATABASES for these paths and patterns. Raises `SettingsError` for one that can't stand in a list."""
    return ",".join(map(_item, paths))


def _item(path: str) -> str:
    if any(ord(sign) < ord(" ") for sign in path) or ('"' in path and "'" in path):
        raise SettingsError((f"DATABASES can't hold {path!r}: rename the file.",))
    if not any(sign in path for sign in _NEEDS_QUOTES):
        return path
    quote = "'" if '"' in path else '"'
    return f"{quote}{path}{quote}"


def difference(before: str, after: str) -> list[str]:
    """Return what goes (`- `) and what comes (`+ `), line by line and free of secrets."""
    changed = difflib.ndiff(before.splitlines(), after.splitlines())
    return [redact(line) for line in changed if line[:2] in ("- ", "+ ")]
