"""Links as a phone's camera sees them: the modules of the code in each way of drawing, and always the link itself."""

import io
import sys

import pytest
import segno

from bot.cli.setup.links import show_link

LINK = f"https://t.me/{'a' * 32}?startgroup={'x' * 16}"  # the longest
DARK = [[bool(module) for module in row] for row in segno.make(LINK, error="l", micro=False).matrix_iter(border=2)]
BLOCKS = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch,
    *,
    terminal: bool = True,
    width: int = 80,
    encoding: str = "utf-8",
    without_colours: str = "",
) -> list[str]:
    file = (Terminal if terminal else io.TextIOWrapper)(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", file)
    for name, value in {"COLUMNS": str(width), "NO_COLOR": without_colours, "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    show_link(LINK, "Open this:")
    file.seek(0)
    lines = file.read().splitlines()
    assert lines[0] == "Open this:"
    assert lines[-1] == f"  {LINK}"
    return lines[1:-1]


def halves(lines: list[str], *, light: bool) -> list[list[bool]]:
    """The dark modules behind lines of half blocks."""
    rows: list[list[bool]] = []
    for line in lines:
        pairs = [BLOCKS[sign] for sign in line.ljust(len(DARK))]
        rows += [[upper is not light for upper, _ in pairs], [lower is not light for _, lower in pairs]]
    return rows[: len(DARK)]


def test_black_on_white_whatever_the_colours_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch)
    begin, end = "\x1b[30m\x1b[107m", "\x1b[0m"
    assert all(line.startswith(begin) and line.endswith(end) for line in lines)
    assert halves([line.removeprefix(begin).removesuffix(end) for line in lines], light=False) == DARK


def test_without_colours_the_light_modules_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is right on a dark terminal; no more than 80 columns."""
    lines = shown(monkeypatch, without_colours="1")
    assert halves(lines, light=True) == DARK
    assert max(map(len, lines)) <= 80


def test_without_block_characters_number_signs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, without_colours="1", encoding="ascii")
    assert [[line[at : at + 2] != "##" for at in range(0, 2 * len(DARK), 2)] for line in lines] == DARK
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("terminal", "width"), [(False, 80), (True, 30)])
def test_piped_or_too_narrow_there_is_the_link_alone(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, width: int
) -> None:
    assert shown(monkeypatch, terminal=terminal, width=width) == []
