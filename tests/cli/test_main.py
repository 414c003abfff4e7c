"""The list of commands: short, grouped, complete, and quick."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_list_imports_no_command() -> None:
    """`--help` and a mistyped name cost nothing of what the commands do."""
    program = (
        "import sys\n"
        "from bot.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "found = [name for name in sys.modules if name.startswith(('bot.cli.commands', 'bot.app', 'bot.texts'))]\n"
        "assert not found, found"
    )
    for arguments, said in ((["--help"], "Back up:"), (["lst"], "Did you mean 'list'?")):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [*(f"bot.cli.commands.{name}" for name in ("list", "recover", "restore", "verify", "backup")),
     "bot.cli.main", "bot.texts", "bot.demo"],
)  # fmt: skip
def test_who_does_not_talk_to_telegram_does_not_pay_for_aiogram(module: str) -> None:
    """It takes 2.5 s and 170 MB: too long for who asks how to recover, or lists backups."""
    code = f"import sys, {module}; raise SystemExit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
