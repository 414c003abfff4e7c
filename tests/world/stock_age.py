"""The stock `age`, as a person uses it; its questions for a passphrase are answered on a terminal of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PASSPHRASE = "quartz lantern forty meadow ribbon"


def age() -> str:
    """The path of age; the test is skipped where there is none."""
    path = shutil.which("age")
    if path is None:
        pytest.skip("age is not installed")
    return path


def run_age(*arguments: str | Path) -> bytes:
    """Run age, which must succeed; return its standard output."""
    return subprocess.run([age(), *map(str, arguments)], capture_output=True, check=True).stdout


# A process of its own, since a process with threads had better not fork.
_TYPIST = """
import os, pty, select, sys, termios
answers, command = sys.argv[1].split("|"), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
said = b""
def listen():
    global said
    if not select.select([terminal], [], [], 30)[0]:
        sys.exit(f"it says nothing more: {said!r}")
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    said += piece
    if not piece:  # it has ended, whatever it was to be asked
        sys.stdout.buffer.write(said)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
asked = 0
for answer in answers:
    while not said[asked:].rstrip().endswith(b":"):
        listen()
    asked = len(said)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:  # what is typed before that would be thrown away
        if select.select([terminal], [], [], 0.01)[0]:
            listen()
    os.write(terminal, answer.encode() + b"\\n")
while True:
    listen()
"""


def typed(command: Sequence[str | Path], answers: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command on a terminal of its own, and type an answer at each question, which ends in a colon."""
    line = [sys.executable, "-c", _TYPIST, "|".join(answers), *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, check=False, **options)


def run_age_with_passphrase(*arguments: str | Path, times: int = 1) -> None:
    """Run age on a terminal, and type the passphrase as often as it asks."""
    done = typed([age(), *arguments], [PASSPHRASE] * times)
    assert done.returncode == 0, done.stdout + done.stderr


def identity_file(folder: Path, secret: str) -> Path:
    """A key as `age-keygen` writes it."""
    path = folder / "key.txt"
    path.write_text(f"# created: 2026-07-13\n# public key: age1…\n{secret}\n", encoding="utf-8")
    path.chmod(0o600)
    return path
