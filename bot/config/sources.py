"""Finds the texts of the settings: in the environment, in files that hold a secret, in .env.

The environment wins over .env. An empty text counts as not given, wherever it stands; quotes around a value are taken
off in both. Nothing here raises: what is wrong with a place is returned as faults (the settings can't be used) and
warnings (they can).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FoundIn = Literal["default", ".env", "environment", "file", "argument"]

# What other bots call these settings. An .env shared with such a bot is no fault, so they are warnings.
_FOREIGN_NAMES = {
    "TOKEN": "BOT_TOKEN",
    "TELEGRAM_TOKEN": "BOT_TOKEN",
    "TELEGRAM_BOT_TOKEN": "BOT_TOKEN",
    "ADMIN": "ADMIN_IDS",
    "OWNER_ID": "ADMIN_IDS",
    "CHAT_ID": "DELIVER_TO",
    "TELEGRAM_CHAT_ID": "DELIVER_TO",
    "DB_PATH": "DATABASES",
    "DATABASE_PATH": "DATABASES",
    "DATABASE_URL": "DATABASES",
    "TZ": "TIMEZONE",
}

_BINDING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[^\S\n]*(.*)", re.DOTALL)
_AFTER_QUOTE = re.compile(r"\s*(?:#.*)?$")
_LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was given: texts by variable name, where each was found, and what was wrong with the places."""

    texts: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, FoundIn] = field(default_factory=dict)
    lookalikes: Mapping[str, str] = field(default_factory=dict)  # setting → what was written
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unread: Collection[str] = ()
    """Settings that may be set, but where a fault keeps the value from being read."""
    env_file: Path | None = None
    """The file that was read, by its whole path; None where there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLine:
    """One NAME=value of an .env, with the numbers of its first and last line."""

    name: str
    value: str
    line: int
    last: int
    readable: bool = True


def gather(
    names: Collection[str], secret_files: Mapping[str, str], *, environment: Mapping[str, str], env_file: Path | None
) -> Given:
    """Collect the texts of the settings `names`; `secret_files` maps a variable such as BOT_TOKEN_FILE to its setting.

    The file `.env` may be missing; any other `env_file` that was asked for may not.
    """
    known = {*names, *secret_files}
    label = env_file.name if env_file else ".env"
    lines, faults = _read_env_file(env_file, known) if env_file else ([], [])
    unread = set(names) if lines is None else {line.name for line in lines if not line.readable}
    lines = [line for line in lines or () if line.readable]
    warnings: list[str] = []
    _name_duplicates(lines, label, faults, warnings)
    lookalikes = _name_unknown(lines, known, label, faults, warnings)

    texts = {line.name: line.value for line in lines if line.name in known and line.value}
    places: dict[str, FoundIn] = dict.fromkeys(texts, ".env")
    for name in known:
        if value := _without_quotes(environment.get(name, "").strip()):
            texts[name], places[name] = value, "environment"
    for variable, name in secret_files.items():
        if variable not in texts:
            continue
        if name in texts:
            faults.append(
                f"{variable} and {name} are both set ({places[variable]}, {places[name]}): keep one of the two."
            )
            continue
        texts[name], fault = _read_secret(variable, texts[variable])
        places[name] = "file"
        if fault:
            faults.append(fault)

    lookalikes |= _lookalikes_in_environment(environment, known - texts.keys())
    warnings += [
        f"{written} in the environment is no setting: did you mean {name}?"
        for name, written in lookalikes.items()
        if written in environment
    ]
    return Given(
        texts=texts,
        places=places,
        lookalikes=lookalikes,
        faults=tuple(faults),
        warnings=tuple(warnings),
        unread=unread,
        env_file=env_file.absolute() if env_file is not None and env_file.is_file() else None,
    )


def parse_env(text: str, known: Collection[str] = (), label: str = ".env") -> tuple[list[EnvLine], list[str]]:
    r"""Read the lines of an .env; return them with a fault for every line that can't be read.

    Values stand bare or in quotes (then also over several lines); `export` is allowed; ` #` begins a comment. A
    backslash is an ordinary character everywhere, so C:\bots\new.db survives in any quotes, and ${NAME} is not
    replaced. A quoted item of a list (`"a, b.db", c.db`) keeps its quotes.
    """
    found: list[EnvLine] = []
    faults: list[str] = []
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = 0
    while number < len(lines):
        first, line = number + 1, lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _BINDING.match(line)
        if match is None:
            # The line is not repeated: it may hold a token.
            faults.append(f"{label}, line {first}, is not of the form NAME=value: mend it, or begin it with # .")
            continue
        name, value = match.groups()
        if value[:1] in ("'", '"') and (end := _closing_line(value, lines, number, known)) is not None:
            value = "\n".join([value, *lines[number:end]])
            number = end
        elif value[:1] in ("'", '"') and value.count(value[0]) == 1:
            faults.append(f"{name} ({label}, line {first}) opens a quote {value[0]} that is never closed: close it.")
            found.append(EnvLine(name=name, value="", line=first, last=first, readable=False))
            continue
        found.append(EnvLine(name=name, value=_unquote(value), line=first, last=number))
    return found, faults


def _closing_line(value: str, lines: list[str], after: int, known: Collection[str]) -> int | None:
    """Return the number of lines read when the quote that begins `value` closes, None when it does not."""
    if _closing_quote(value) is not None:
        return after
    if value[0] in value[1:]:
        return None  # the first item of a list is quoted, not the value
    for end in range(after, len(lines)):
        next_setting = _BINDING.match(lines[end])
        if next_setting and next_setting[1] in known:
            return None  # a forgotten quote must not swallow the settings that follow
        if value[0] in lines[end]:
            return end + 1 if _closing_quote("\n".join([value, *lines[after : end + 1]])) is not None else None
    return None


def _closing_quote(value: str) -> int | None:
    """Return where the quote that begins `value` closes, if nothing but a comment follows."""
    quote = value[0]
    at = value.find(quote, 1)
    while at > 0:
        if _AFTER_QUOTE.match(value, at + 1):
            return at
        if value[at - 1] != "\\":
            return None
        at = value.find(quote, at + 1)
    return None


def _unquote(value: str) -> str:
    if value[:1] in ("'", '"') and (end := _closing_quote(value)) is not None:
        return value[1:end].replace(f"\\{value[0]}", value[0]).strip()
    return _strip_comment(value).strip()


def _without_quotes(value: str) -> str:
    """Take off the quotes around a whole value: container tools hand `NAME="value"` of an env file over literally."""
    if len(value) > 1 and value[0] in ("'", '"') and value[-1] == value[0] and value[0] not in value[1:-1]:
        return value[1:-1].strip()
    return value


def _strip_comment(value: str) -> str:
    at = 0
    while at < len(value):
        if value[at] in ("'", '"') and value[:at].rstrip()[-1:] in ("", ",", ";", "["):
            at = max(at, value.find(value[at], at + 1))  # a # in a quoted item is part of it
        elif value[at] == "#" and (at == 0 or value[at - 1].isspace()):
            return value[:at]
        at += 1
    return value


def _read_env_file(path: Path, known: Collection[str]) -> tuple[list[EnvLine] | None, list[str]]:
    """Return the lines and their faults; None for lines that can't be read at all."""
    try:
        return parse_env(read_env_text(path), known, path.name)
    except FileNotFoundError:
        if path == Path(".env"):
            return [], []
        return None, [f"The settings file {path} does not exist: check the path, or copy .env.example to it."]
    except ValueError as error:
        return None, [str(error)]


def read_env_text(path: Path) -> str:
    """Return what stands in an .env. Raises `FileNotFoundError`, and ValueError with a sentence for any other fault."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise ValueError(f"The settings file {path} is a folder: name a file, or put one in its place.") from None
    except OSError as error:
        raise ValueError(f"The settings file {path} can't be read ({error.strerror}): check its permissions.") from None
    try:
        # What PowerShell's > and older Notepads write.
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"The settings file {path} is not UTF-8 text: save it as UTF-8.") from None
    if "\0" in text:
        raise ValueError(f"The settings file {path} holds zero bytes, so it is no text file: write it anew.")
    return text


def _read_secret(variable: str, path: str) -> tuple[str, str]:
    """Return the secret in a file and an empty fault, or the other way round."""
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_LONGEST_SECRET)
        secret = content.decode("utf-8-sig").strip()
    except FileNotFoundError:
        return "", f"{variable} is {path!r}, which does not exist: check the path."
    except UnicodeDecodeError:
        return "", f"{variable} is {path!r}, which is not text: write the secret into it, and nothing else."
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return "", f"{variable} is {path!r}, which can't be read ({reason}): check the path and its permissions."
    if not secret:
        return "", f"{variable} is {path!r}, which is empty: write the secret into it."
    return secret, ""


def _name_duplicates(lines: Iterable[EnvLine], label: str, faults: list[str], warnings: list[str]) -> None:
    by_name: dict[str, list[EnvLine]] = {}
    for line in lines:
        by_name.setdefault(line.name, []).append(line)
    for name, same in by_name.items():
        if len(same) > 1:
            numbers = ", ".join(str(line.line) for line in same)
            sentence = f"{name} is set {len(same)} times in {label} (lines {numbers}): keep one."
            (faults if len({line.value for line in same}) > 1 else warnings).append(sentence)


def _name_unknown(
    lines: Iterable[EnvLine], known: Collection[str], label: str, faults: list[str], warnings: list[str]
) -> dict[str, str]:
    """Return what was written in the place of which setting."""
    lookalikes: dict[str, str] = {}
    for line in {line.name: line for line in lines if line.name not in known}.values():
        sentence = f"{line.name} ({label}, line {line.line}) is no setting"
        if near := nearest(line.name.upper(), known, 0.8):
            faults.append(f"{sentence}: write {near}.")
            lookalikes[near] = line.name
        elif foreign := _FOREIGN_NAMES.get(line.name.upper()):
            warnings.append(f"{sentence}, and is ignored: here it is called {foreign}.")
            lookalikes[foreign] = line.name
        else:
            warnings.append(f"{sentence}, and is ignored.")
    return lookalikes


def _lookalikes_in_environment(environment: Iterable[str], missing: Collection[str]) -> dict[str, str]:
    """Find slips of the pen for settings that are given nowhere.

    An environment is full of other programs' variables: short names, and settings that were found, are not looked for.
    """
    candidates = [name for name in missing if len(name) > len("PROXY")]
    environment = [written for written in environment if not written.startswith("AWS_")]  # read by S3's own client
    return {
        near: written
        for written in environment
        if written not in missing and (near := nearest(written.upper(), candidates, 0.88))
    }


def nearest(written: str, names: Iterable[str], cutoff: float) -> str:
    """Return the name most like `written` (a difflib ratio of at least `cutoff`), or an empty text."""
    return next(iter(difflib.get_close_matches(written, sorted(names), 1, cutoff)), "")
