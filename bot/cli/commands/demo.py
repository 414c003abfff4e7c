"""The `demo` command: the product at work on this machine alone."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bot.demo.show import run_demo


def command(
    databases: Annotated[
        list[str] | None, typer.Option("--databases", help="Your own databases (paths or globs) instead of samples.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End by itself; exit code 0 only if everything held.")] = False,
) -> None:
    """See it work: real databases, the real bot, three phones, no token and no network."""
    raise typer.Exit(asyncio.run(run_demo(databases or [], once=once)))
