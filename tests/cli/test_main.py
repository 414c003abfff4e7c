"""The list of commands: short, grouped, complete, and quick."""

from __future__ import annotations

import re
from pathlib import Path

from bot.cli.main import COMMANDS
from tests.world.processes import ROOT
from tests.world.shell import Shell

NAMES = [name for commands in COMMANDS.values() for name in commands]


def test_every_command_has_a_file_and_every_file_a_command() -> None:
    """What the list names is there, and nothing else is."""
    files = {path.stem for path in (ROOT / "bot" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == set(NAMES)


def test_each_command_takes_one_line_of_an_eighty_column_terminal(tmp_path: Path) -> None:
    """Under the heading of its group, with its whole sentence."""
    shown = Shell(tmp_path).said("--help", COLUMNS="80")
    assert max(len(line) for line in shown.splitlines()) <= 80
    for heading, commands in COMMANDS.items():
        below = shown.split(f"\n{heading}:\n")[1].split("\n\n")[0]
        assert re.findall(r"^  (\w+) +(.+)$", below, flags=re.MULTILINE) == list(commands.items())
