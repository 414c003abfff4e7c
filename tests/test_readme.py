"""The README keeps its promises: its commands, its exit codes."""

import re
import subprocess
import sys
from pathlib import Path

from bot import errors

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_is_described() -> None:
    """The table of commands is the command line's own."""
    shown = subprocess.run(
        [sys.executable, "-m", "bot", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"^  ([a-z]+)  ", shown, flags=re.MULTILINE))
    assert {"run", "backup", "demo"} <= commands
    table = README.split("## Commands")[1].split("## ")[0]
    for command in commands:
        assert re.search(rf"`[^`]*\b{command}\b", table), command


def test_every_exit_code_is_described() -> None:
    """Each kind of failure has one exit code, and the README tells it."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CourierError) and kind is not errors.CourierError
    ]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    told = {int(code) for code in re.findall(r"(\d+) [a-zA-Z]", README.split("exit code of its own")[1].split("##")[0])}
    assert set(codes) <= told
