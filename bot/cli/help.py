"""What the help of each command is like: opened by -h too, and ended by lines to copy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from typer.core import TyperCommand, TyperGroup

HELP = {"help_option_names": ["-h", "--help"]}
"""The context settings of every command."""

_TYPE = re.compile(r" <.*>$")
_RANGE = re.compile(r"; (\d+<=)?x[<>]=?\d+(?=])| +\[(\d+<=)?x[<>]=?\d+]")


class Formatter(Protocol):
    """What is asked of the writer of help, which lies in click or in typer itself, by typer's version."""

    def section(self, name: str) -> AbstractContextManager[None]: ...

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None: ...

    def write_text(self, text: str) -> None: ...


class _WithExamples:
    examples: tuple[str, ...] = ()

    def format_epilog(self, ctx: object, formatter: Formatter) -> None:
        """Write the examples, each on a line of its own."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write_text(example)


class Command(_WithExamples, TyperCommand):
    """A command whose help ends with its examples."""

    def format_options(self, ctx: Any, formatter: Formatter) -> None:  # noqa: ANN401 - click's or typer's
        """Write arguments and options by the words that were chosen for them, without types and ranges."""
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                rows[kind].append((_TYPE.sub("", record[0]), _RANGE.sub("", record[1])))
        for heading, records in rows.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Group(_WithExamples, TyperGroup):
    """The same for a command that has commands of its own."""
