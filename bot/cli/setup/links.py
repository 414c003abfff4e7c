"""Shows a link, and on a terminal a QR code of it above, for the phone that is to open it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.text import Text

from bot.cli import output

_QUIET = 2  # modules of margin: the standard wants 4, phones are content with 2
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def show_link(link: str, what: str) -> None:
    """Print `what` the link is for, its QR code where there is room for one, and the link itself in a line."""
    output.tell(what)
    if output.out().is_terminal:
        for line in _drawn(link):
            output.out().print(line, soft_wrap=True)
    output.say(f"  {link}")


def _drawn(link: str) -> Sequence[Text | str]:
    """Return the lines of the code, none where the terminal is too narrow.

    With colours it is black on white, whatever the terminal's own are. Without, the light modules are drawn, which is
    right on a dark terminal, and phones read it the other way round too. Where there are no block characters, it is
    drawn by number signs.
    """
    import segno  # noqa: PLC0415 - an extra, which `setup` alone needs

    code = segno.make(link, error="l", micro=False, boost_error=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET)]
    colours = output.out().color_system is not None and not output.out().no_color
    if not _blocks():
        drawn = ["".join("  " if module else "##" for module in row) for row in rows]
        return drawn if len(rows) * 2 <= output.out().width else []
    if len(rows) > output.out().width:
        return []
    if len(rows) % 2:
        rows.append([False] * len(rows))
    pairs = [list(zip(upper, lower, strict=True)) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    if colours:
        return [Text("".join(_HALVES[pair] for pair in row), style="#000000 on #ffffff") for row in pairs]
    return ["".join(_HALVES[not up, not down] for up, down in row) for row in pairs]


def _blocks() -> bool:
    try:
        "".join(_HALVES.values()).encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
