"""Describes what shall start with the machine, and what is written and run for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_NAME = "sqlite-courier"
MARK = "Written by `sqlite-courier service install`"
"""Stands in every file that is written for a machine: what has it may be replaced and removed."""

Command = tuple[str, ...]


class Starter(StrEnum):
    """What starts the services of a machine."""

    SYSTEMD = "systemd"
    WINDOWS = "Task Scheduler"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is started, where and as whom. Paths are absolute.

    `courier` is the command line up to the name of a command. `system` is for the whole machine; else it is for the
    `user` who installs it. `writable` are the folders that the service writes to, `own` those that are made where they
    are not there yet. With `token_file` the machine hands the token over.
    """

    name: str
    courier: Command
    env_file: Path
    folder: Path
    user: str
    system: bool
    own: tuple[Path, ...]
    writable: tuple[Path, ...]
    token_file: Path | None = None

    @property
    def program(self) -> Command:
        """The command line of the service."""
        return (*self.courier, "run", "--env-file", str(self.env_file))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where a machine keeps a service, and how it is ended: the commands before and after the file is removed."""

    kind: Starter
    name: str
    system: bool
    file: Path
    end: tuple[Command, ...]
    removed: tuple[Command, ...] = ()

    @property
    def text(self) -> str:
        """The file as people read it; empty where there is none. Raises `OSError`."""
        return decoded(self.file.read_bytes()) if self.file.is_file() else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a machine is told of a service: the file's content, and the commands after it is written."""

    registration: Registration
    content: bytes
    begin: tuple[Command, ...]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The file as people read it."""
        return decoded(self.content)


def decoded(content: bytes) -> str:
    """Return the text of a file that was written for a machine: UTF-16 where Windows wants it."""
    return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8", "replace")
