"""The README keeps its promises: its picture of the house, its commands, its exit codes."""

import re
import subprocess
import sys
from pathlib import Path

from bot import errors

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_of_the_house_names_every_module() -> None:
    """Whoever opens the README finds each file of the services, and none that is not there."""
    picture = README.split("<!-- house -->")[1].split("<!-- /house -->")[0]
    named = set(re.findall(r"\b(\w+\.py)\b", picture))
    here = {path.name for folder in ("bot", "bot/services") for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}
    families = {name for name in here if name.startswith("settings_")}  # settings_*.py
    assert here - families <= named
    everything = {path.name for path in (ROOT / "bot").rglob("*.py")}
    assert named <= everything


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
