"""Runs the commands of the machine's own programs, and reads what they say."""

from __future__ import annotations

import os
import subprocess
import sys

from bot.services.host.installation import Command

_WITHIN = 180.0
"""Seconds that a command may take: a restart waits for the service to be ready."""


def run(command: Command) -> subprocess.CompletedProcess[str]:
    """Run a command of the machine; where it can't be run at all, that is its failure."""
    environment = dict(os.environ)
    if "--user" in command and sys.platform != "win32":  # not there after `su`, and then nothing answers
        environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    try:
        return subprocess.run(  # noqa: S603 - the command is ours
            [*command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False, timeout=_WITHIN,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the end of what a command said, in one line."""
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(said[-4:])[:600] or f"it ended with {done.returncode} and said nothing."
