"""The words that people read: one for each thing, in all texts and on all buttons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BOT = Path(__file__).parent.parent.parent / "bot"

# Each word with those that it stands for, and that nobody is to read beside it.
WORDS = {
    "incomplete": ("partial", "with gaps", "NOT in this backup", "not of everything"),
    "not backed up": ("skipped",),
    "not delivered": ("not with everybody", "due to nobody", "not due to"),
    "missing": ("vanished", "went away", "The file is not there"),
    "database": (" db,", " dbs", "data base"),
    "backup": ("back-up", "save point"),
    "test-restore": ("drill ", "drills", "rehears"),
    "reachable": ("parked",),
    "paused": ("suspended", "on hold", "somebody resumes", "one resumes"),
    "Cancel": ("Keep it", "Leave it as it is", "Put it aside", "Put aside"),
    "read back": ("e-read", "opened again"),
    "sealed": ("ciphered", "encrypted backup"),
    "admin": ("operator",),
    "This is fine": ("It is right",),
    "too old": ("stale",),
}


def said(folder: str) -> Iterator[tuple[str, str]]:
    """Every string of a room that is no docstring, with where it stands."""
    for path in sorted((BOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        quiet = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
                yield f"{path.relative_to(BOT)}:{node.lineno}", node.value


@pytest.mark.parametrize("word", WORDS)
def test_one_word_for_each_thing(word: str) -> None:
    """At most fifteen words to learn, and no second one for any of them."""
    assert len(WORDS) <= 15
    strays = [
        (where, text)
        for folder in ("texts", "handlers")
        for where, text in said(folder)
        for stray in WORDS[word]
        if stray in text and " " in text  # a code of the machine is one word
    ]
    assert strays == []
