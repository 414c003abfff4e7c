"""Joins the commands to one command line, and imports a command's module only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup

from bot import __version__
from bot.cli import output
from bot.cli.help import HELP, Command, Formatter, Group
from bot.services.concurrency.memory import collect_from_now

# A module of bot.cli.commands each, whose function `command`, or application `commands`, says the rest; `--help` reads
# only this.
COMMANDS = {
    "Back up": {"run": "Run the service: schedule, delivery and the dashboard.", "backup": "Back up once, now."},
    "Look": {
        "list": "List the backups, newest first.",
        "show": "Show one backup: databases, rows, deliveries.",
        "status": "Show the service's state; exit code 0 where all is well.",
        "doctor": "Look at everything, each line with its mend.",
        "report": "Write a page about the backups, with pictures.",
        "verify": "Read archives in full and test-restore their databases.",
    },
    "Get back": {
        "restore": "Restore databases from the disk, a file, the chat or a store.",
        "recover": "Get everything back from the chat alone, on a new machine.",
    },
    "Keep": {
        "pin": "Keep a backup for good.",
        "unpin": "Give a pinned backup back to retention.",
        "note": "Write a note on a backup.",
        "prune": "Delete what retention no longer keeps.",
    },
    "Set up": {
        "setup": "From nothing to a backup that was fetched back.",
        "config": "Print the settings in force and the databases found.",
        "service": "Start with the machine: install, uninstall, status.",
        "keygen": "Make a key pair for sealed backups.",
        "demo": "See it work: no token and no network needed.",
    },
}


class CommandGroup(TyperGroup):
    """Imports a command's module when the command is called, and lists the commands without importing any."""

    def get_command(self, ctx: object, cmd_name: str) -> Command | Group | None:
        """Return the command, its module imported now; None where there is none of that name."""
        if cmd_name not in self.commands:
            return None
        module = import_module(f"bot.cli.commands.{cmd_name}")
        collect_from_now()
        if hasattr(module, "commands"):
            group = typer.main.get_group(module.commands)
            assert isinstance(group, Group)  # noqa: S101 - it says so itself
            group.name, group.examples = cmd_name, module.EXAMPLES
            return group
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(cmd_name, cls=Command, context_settings=HELP)(module.command)
        command = typer.main.get_command(single)
        assert isinstance(command, Command)  # noqa: S101 - typer makes one of a single function
        command.examples = module.EXAMPLES
        return command

    def format_commands(self, ctx: object, formatter: Formatter) -> None:
        """Write the commands under their headings, all in one column."""
        width = max(len(name) for name in self.commands)
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), words) for name, words in commands.items()])


app = typer.Typer(
    name="sqlite-courier",
    cls=CommandGroup,
    help="Proven hourly backups of live SQLite databases, delivered to Telegram.",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _imported_when_called() -> None:
    """Stand for a command in the list of names."""


for _commands in COMMANDS.values():
    for _name, _words in _commands.items():
        app.command(_name, help=_words)(_imported_when_called)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        output.say(f"sqlite-courier {__version__}")
        raise typer.Exit
