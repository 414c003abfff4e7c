"""Reads `.env.example`, and makes the tables of `docs/settings.md` from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bot.config.sources import parse_env

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs" / "settings.md"

_GROUP = re.compile(r"# ─── (.+?) ─+")
_DEFAULT = re.compile(r"# ([A-Z][A-Z0-9_]*=.*)")
_TABLES = re.compile(r"(?<=<!-- settings -->\n).*?(?=\n<!-- /settings -->)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One setting of `.env.example`; the three that everybody has to fill in are not commented out."""

    name: str
    value: str
    comment: str
    group: str
    required: bool
    line: int


def described() -> list[Described]:
    """Return every setting of `.env.example` in its order. Raises ValueError for a line that can't be read."""
    text = EXAMPLE.read_text(encoding="utf-8").splitlines()
    found: list[Described] = []
    group = ""
    for number, line in enumerate(text):
        if heading := _GROUP.fullmatch(line):
            group = heading[1]
            continue
        default = _DEFAULT.fullmatch(line)
        if not default and (not line or line.startswith("#")):
            continue
        bindings, faults = parse_env(default[1] if default else line)
        if faults:
            raise ValueError(f".env.example, line {number + 1}, is not of the form NAME=value.")
        (binding,) = bindings
        found.append(
            Described(
                name=binding.name,
                value=binding.value,
                comment=text[number - 1].removeprefix("# "),
                group=group,
                required=default is None,
                line=number,
            )
        )
    return found


def tables() -> str:
    """Return the tables that belong between the page's markers, one for each group of `.env.example`."""
    lines: list[str] = []
    group = ""
    for setting in described():
        if setting.group != group:
            group = setting.group
            lines += ["", f"### {group}", "", "| Setting | Default | What it does |", "|---|---|---|"]
        default = "**required**" if setting.required else f"`{setting.value}`" if setting.value else ""
        lines.append(f"| `{setting.name}` | {default} | {setting.comment.replace('|', '&#124;')} |")
    return "\n".join(lines[1:])


def page() -> str:
    """Return `docs/settings.md` as it should read. Raises ValueError where its markers are missing."""
    text = PAGE.read_text(encoding="utf-8")
    if not _TABLES.search(text):
        raise ValueError("docs/settings.md has no <!-- settings --> … <!-- /settings --> around its tables.")
    return _TABLES.sub(lambda _: tables(), text)
