"""The list of commands: short, grouped, complete, and quick."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.cli.application import COMMANDS, app
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


def test_the_help_of_each_command_is_in_words_and_has_examples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Opened by -h too, 80 columns wide, each example a call of that command; no type of Python's."""
    monkeypatch.setenv("COLUMNS", "80")
    for words in (*([name] for name in NAMES), *(["service", name] for name in ("install", "uninstall", "status"))):
        app([*words, "-h"], standalone_mode=False)
        shown = capsys.readouterr().out
        assert max(len(line) for line in shown.splitlines()) <= 80, shown
        assert "<" not in shown, shown
        assert "..." not in shown.partition("\n")[2], shown
        if len(words) == 1:
            examples = shown.split("\nExamples:\n")[1].splitlines()
            assert all(f"sqlite-courier {words[0]}" in line for line in examples), shown


@pytest.mark.parametrize(
    ("words", "offered"),
    [("sqlite-courier re", {"report", "restore", "recover"}), ("sqlite-courier restore --", {"--in-place", "--undo"})],
)
def test_a_shell_can_complete_commands_and_options(
    words: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the script asks that --install-completion puts into the shell."""
    for name, value in (
        ("COMP_WORDS", words), ("COMP_CWORD", str(words.count(" "))), ("_SQLITE_COURIER_COMPLETE", "complete_bash"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        app([], prog_name="sqlite-courier")
    assert offered <= {*capsys.readouterr().out.split()}
