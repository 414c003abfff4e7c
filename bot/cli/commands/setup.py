"""The `setup` command: from nothing to a backup that was fetched back; run again, it changes what is there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.options import DEFAULT_ENV
from bot.cli.setup.answers import SetupAnswers
from bot.cli.setup.asking import Asker
from bot.cli.setup.flow import set_up

EXAMPLES = (
    "sqlite-courier setup",
    "sqlite-courier setup --token-file token.txt --admin wait",
    'sqlite-courier setup --database "/srv/app/*.db" --yes',
)


def command(
    *,
    env_file: Annotated[
        Path, typer.Option("--env-file", metavar="FILE", help="The file to write the settings into.", show_default=True)
    ] = DEFAULT_ENV,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="The file with the bot's token; it is used from there."),
    ] = None,
    take_over: Annotated[
        bool | None,
        typer.Option(
            "--take-over/--no-take-over",
            help="Use a bot that another program listens to; its webhook is deleted.",
            show_default=False,
        ),
    ] = None,
    proxy: Annotated[str, typer.Option("--proxy", metavar="URL", help="The proxy on the way to Telegram.")] = "",
    admin: Annotated[
        list[str] | None,
        typer.Option("--admin", metavar="WHO", help="wait (for who opens the link) or a number; may be repeated."),
    ] = None,
    remove_admin: Annotated[
        list[int] | None, typer.Option("--remove-admin", metavar="NUMBER", help="The number of one to remove.")
    ] = None,
    place: Annotated[
        list[str] | None,
        typer.Option(
            "--place",
            metavar="WHERE",
            help="A group or topic that receives too: wait, -100… or -100…/42; may be repeated.",
        ),
    ] = None,
    remove_place: Annotated[
        list[str] | None,
        typer.Option("--remove-place", metavar="WHERE", help="The address of one that receives no more."),
    ] = None,
    database: Annotated[
        list[str] | None,
        typer.Option("--database", metavar="PATH", help="A path or a pattern to back up; may be repeated."),
    ] = None,
    remove_database: Annotated[
        list[str] | None,
        typer.Option("--remove-database", metavar="PATH", help="A path or a pattern that is backed up no more."),
    ] = None,
    seal: Annotated[
        bool | None, typer.Option("--seal/--no-seal", help="Seal the backups with a new key.", show_default=False)
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="Where the new secret key goes.")
    ] = None,
    bot_name: Annotated[str, typer.Option("--bot-name", metavar="NAME", help="Rename the bot in Telegram.")] = "",
    backup: Annotated[
        bool | None, typer.Option("--backup/--no-backup", help="Make a backup and fetch it back.", show_default=False)
    ] = None,
    service: Annotated[
        bool | None,
        typer.Option("--service/--no-service", help="Start with the machine, from now on.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking; alone, change nothing.")] = False,
) -> None:
    """Set everything up: the bot, you, the databases, and a first backup that is fetched back and restored.

    Whatever no option answers is asked for. Run again, it changes what is there. Nothing is written before the last
    question.
    """
    answers = SetupAnswers(
        token_file=token_file,
        take_over=take_over,
        proxy=proxy,
        admins=admin or (),
        remove_admins=remove_admin or (),
        places=place or (),
        remove_places=remove_place or (),
        databases=database or (),
        remove_databases=remove_database or (),
        seal=seal,
        key_file=key_file,
        bot_name=bot_name,
        backup=backup,
        service=service,
        yes=yes,
    )
    ask = Asker(terminal=sys.stdin.isatty() and sys.stdout.isatty())
    try:
        asyncio.run(set_up(env_file, answers, ask))
    except KeyboardInterrupt:
        output.warn("Setup was ended by Ctrl-C; nothing is half-written.")
        raise
