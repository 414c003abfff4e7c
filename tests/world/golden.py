"""Screens kept as text, one file each: compared with what the service draws now, or written anew."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.stand_in.state import Button, Message

SCREENS = Path(__file__).parent.parent / "screens"
LINES, CHARACTERS = 20, 700
"""What a phone shows without scrolling, more or less."""

_RULE = "─" * 24
_QUOTE = re.compile(r"<blockquote( expandable)?>(.*?)</blockquote>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
# What differs from run to run: measured times, digests, what a file's name is made unique by.
_VARYING = (
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "0123456789abcdef"),
    (re.compile(r"answers in \d+ ms"), "answers in 5 ms"),
    (re.compile(r"\b[0-9.]+ (ms|s)\b(?= (so far|together))"), "1.0 s"),
    (re.compile(r"(?<=, in )[0-9.]+ s\b"), "1.0 s"),
)


@dataclass
class Golden:
    """The screens of one state, which are those of a folder of `tests/screens/`; `finish` tells all differences.

    One test per folder: whatever lies in it and was not drawn is a difference, too. Moments and sizes have to be
    stable by themselves: a standing clock, databases that don't compress.
    """

    state: str
    hidden: dict[str, str]  # what is replaced in every screen: the folder of this test by a plain one
    rewrite: bool
    _drawn: dict[str, str] = field(default_factory=dict)
    _faults: list[str] = field(default_factory=list)

    def keep(self, name: str, screen: Message | str, *, long: bool = False) -> None:
        """Compare a screen with `STATE/NAME.txt`; it has to fit a phone unless it may be `long`."""
        text = self._stable(screen if isinstance(screen, str) else _drawn(screen))
        self._drawn[name] = text
        lines, characters = _size(text)
        if not long and (lines > LINES or characters > CHARACTERS):
            self._faults.append(
                f"{self.state}/{name}: {lines} lines and {characters} characters don't fit a phone "
                f"(at most {LINES} and {CHARACTERS}):\n{text}"
            )

    def finish(self) -> None:
        """Raise AssertionError with all differences; or write the files, and take away those that nobody draws."""
        folder = SCREENS / self.state
        if self.rewrite:
            folder.mkdir(exist_ok=True)
            for name, text in self._drawn.items():
                (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        kept = {path.stem: path for path in folder.glob("*.txt")}
        for name in kept.keys() - self._drawn.keys():
            if self.rewrite:
                kept[name].unlink()
            else:
                self._faults.append(f"{self.state}/{name}.txt: no screen is drawn for it any more")
        for name, text in self._drawn.items():
            before = kept[name].read_text(encoding="utf-8") if name in kept else ""
            if not self.rewrite and before != text:
                self._faults.append(_difference(f"{self.state}/{name}.txt", before, text))
        assert not self._faults, "\n\n".join(
            ["Screens have changed; --update-screens writes them anew.", *self._faults]
        )

    def _stable(self, text: str) -> str:
        for real, plain in self.hidden.items():
            text = text.replace(real, plain)
        for pattern, instead in _VARYING:
            text = pattern.sub(instead, text)
        return text


def _drawn(message: Message) -> str:
    """A message as a phone shows it: the file's name, the text, the buttons row by row."""
    file = f"📎 {message.file.name}\n" if message.file else ""
    text = message.text
    if "<blockquote" in message.html:
        quoted = _QUOTE.sub(lambda found: "\n".join(_marked(found[2], "┊" if found[1] else "│")), message.html)
        text = _unescaped(_TAG.sub("", quoted))
    rows = ["  ".join(_drawn_button(button) for button in row) for row in message.buttons]
    return "\n".join((f"{file}{text}".rstrip(), *([_RULE, *rows] if rows else ()))) + "\n"


def _drawn_button(button: Button) -> str:
    """A button by its label, one that copies with what it copies."""
    return f"[{button.text}]" if button.copies is None else f"[{button.text} ⧉ {button.copies}]"


def _marked(quote: str, mark: str) -> list[str]:
    return [f"{mark} {line}" for line in quote.strip("\n").split("\n")]


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def _size(text: str) -> tuple[int, int]:
    """Lines and characters above the buttons; of a quote that opens at a press, its first three lines."""
    shown: list[str] = []
    folded = 0
    for line in text.split(f"\n{_RULE}\n", maxsplit=1)[0].rstrip("\n").split("\n"):
        folded = folded + 1 if line.startswith("┊") else 0
        if folded <= 3:
            shown.append(line)
    return len(shown), len("\n".join(shown))


def _difference(name: str, before: str, now: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), f"{name} (kept)", f"{name} (now)", lineterm="")
    return "\n".join(lines)
