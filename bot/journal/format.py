"""Where the log files lie, and how an entry begins."""

from __future__ import annotations

from pathlib import Path

SYSTEM_LOG, SCHEDULER_LOG = "backup_system.log", "backup_scheduler.log"

# An entry begins with this format; its further lines are indented, so no text can forge one.
HEAD_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} | {level: <8} | {name} | {message}"
INDENT = "    "


def journal_file(log_dir: Path, *, scheduler: bool = False) -> Path:
    """Return the file that is written to now. It may not exist yet."""
    return log_dir / (SCHEDULER_LOG if scheduler else SYSTEM_LOG)
