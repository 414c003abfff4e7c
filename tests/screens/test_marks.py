"""One trouble, one mark: what the golden screens of a state say of it, and what they offer to press."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SCREENS = Path(__file__).parent
STATES = sorted(path.parent.name for path in SCREENS.glob("*/menu.txt"))
COMMON = ("menu", "status", "health")
OF_DATABASES = ("not backed up", "no good backup", "has shrunk", "has lost rows")
USUAL = ("🔄 Refresh", "📊 Backup Status")


def read(state: str, screen: str) -> tuple[list[str], list[str]]:
    """The lines of a golden screen, and its rows of buttons."""
    text, _, buttons = (SCREENS / state / f"{screen}.txt").read_text(encoding="utf-8").partition("─" * 24)
    return text.strip().split("\n"), buttons.strip().split("\n")


@pytest.mark.parametrize("state", STATES)
def test_every_screen_has_the_same_verdict(state: str) -> None:
    """The line is the same to the letter; where databases are what is wrong, their list bears its mark."""
    (verdict,) = {read(state, screen)[0][1] for screen in COMMON}
    mark = verdict.split()[0]
    listed = read(state, "databases")[0][1]
    if any(words in verdict for words in OF_DATABASES):
        assert listed.split()[0] == mark
    for screen in (*COMMON, "databases"):
        lines, buttons = read(state, screen)
        failed = [line for line in lines + buttons if "❌" in line]
        assert not [line for line in failed if not line.startswith("❌ The last backup")], screen
        if "no good backup" in verdict:
            assert "✅ Schedule" not in "\n".join(lines)
            assert not [row for row in (*lines, *buttons) if "✅" in row and ".db" in row], screen


@pytest.mark.parametrize("state", STATES)
def test_what_is_wrong_comes_with_what_helps(state: str) -> None:
    """A button above the usual ones, a line that says what to do, or, on the menu, Manual Backup."""
    for screen in COMMON:
        lines, buttons = read(state, screen)
        if lines[1].startswith(("🚨", "⚠️")):
            more = not any(usual in buttons[0] for usual in USUAL)
            manual = screen == "menu" and ("no good backup" in lines[1] or "backup failed" in lines[1])
            assert more or manual or any(line.startswith("💡") for line in lines), f"{state}/{screen}"


MARKS = ("✅", "⚠️", "🚨", "❌", "▫️")
NAME = re.compile(r"\b\w+\.db\b")


# Detailed Logs tell of one moment after the other.
AT_ONE_MOMENT = sorted(path for path in SCREENS.glob("*/*.txt") if path.parent.name != "logs")


@pytest.mark.parametrize("path", AT_ONE_MOMENT, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_database_has_one_mark_on_a_screen(path: Path) -> None:
    """And there are no others for how something stands."""
    found: dict[str, set[str]] = {}
    text = path.read_text(encoding="utf-8")
    for line in re.sub("(?m)^[┊[ ]+", "", text).split("\n"):
        mark = next((mark for mark in MARKS if line.startswith(mark)), None)
        for name in NAME.findall(line) if mark else ():
            found.setdefault(name, set()).add(str(mark))
    assert {name: marks for name, marks in found.items() if len(marks) > 1} == {}
    assert "❗" not in text
