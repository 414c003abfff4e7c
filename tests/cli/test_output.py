"""Lines in colour on a terminal, plain elsewhere; tables whose columns stay in line either way."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import output

_app = typer.Typer()


@_app.command()
def _prints() -> None:
    output.print_table(
        ("name", ">size", "what"),
        [(output.Styled("green", "a.db"), "7", "words " * 8), ("[red]名前[/].db", "12,000", "one\ntwo")],
    )
    output.warn("a [bold] name")


def printed(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, **environment: str) -> str:
    for name, value in {"COLUMNS": "40", "NO_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(_app, color=terminal).output


def test_a_terminal_shows_colours_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and a terminal that has none are heard; what looks like markup in a name is a name."""
    colours = printed(monkeypatch, terminal=True)
    assert "\x1b[32ma.db\x1b[0m" in colours
    assert "\x1b[33mwarning:\x1b[0m a [bold] name" in colours
    plain = printed(monkeypatch, terminal=False)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", colours) == plain
    assert printed(monkeypatch, terminal=True, NO_COLOR="1") == plain
    assert printed(monkeypatch, terminal=True, TERM="dumb") == plain


def test_columns_stay_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a sign's width, and with only the last column folded."""
    assert printed(monkeypatch, terminal=False).splitlines() == [
        "name               size  what",
        "a.db                  7  words words",
        *3 * ["                         words words"],
        "[red]名前[/].db  12,000  one",
        "                         two",
        "warning: a [bold] name",
    ]
