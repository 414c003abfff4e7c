"""Shows a link, and on a terminal a QR code of it above, for the phone that is to open it."""

from __future__ import annotations

import sys

import typer

from bot.cli import output

_QUIET = 2  # modules of margin: the standard wants 4, phones are content with 2
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def show_link(link: str, what: str) -> None:
    """Print `what` the link is for, its QR code where there is room for one, and the link itself in a line."""
    output.tell(what)
    if sys.stdout.isatty():
        for line in _drawn(link):
            typer.echo(line, file=sys.stdout)
    output.say(f"  {link}")


def _drawn(link: str) -> list[str]:
    """Return the lines of the code, none where the terminal is too narrow.

    With colours it is black on white, whatever the terminal's own are. Without, the light modules are drawn, which is
    right on a dark terminal, and phones read it the other way round too. Where there are no block characters, it is
    drawn by number signs.
    """
    import segno  # noqa: PLC0415 - an extra, which `setup` alone needs

    code = segno.make(link, error="l", micro=False, boost_error=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET)]
    if not _blocks():
        drawn = ["".join("  " if module else "##" for module in row) for row in rows]
        return drawn if len(rows) * 2 <= output.width() else []
    if len(rows) > output.width():
        return []
    if len(rows) % 2:
        rows.append([False] * len(rows))
    pairs = [list(zip(upper, lower, strict=True)) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    if output.shows_colours():
        return [typer.style("".join(_HALVES[pair] for pair in row), fg="black", bg="bright_white") for row in pairs]
    return ["".join(_HALVES[not up, not down] for up, down in row) for row in pairs]


def _blocks() -> bool:
    try:
        "".join(_HALVES.values()).encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
