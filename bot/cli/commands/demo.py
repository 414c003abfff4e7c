"""The `demo` command: the product at work on this machine alone."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

EXAMPLES = ("sqlite-courier demo --web", "sqlite-courier demo --once")


def command(
    databases: Annotated[
        list[str] | None,
        typer.Option("--databases", metavar="PATH", help="Your own databases (paths or globs) instead of samples."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End by itself; exit code 0 only if everything held.")] = False,
    in_browser: Annotated[bool, typer.Option("--web", help="In a browser, with buttons to press.")] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="With --web: the port, instead of a free one."),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="With --web: only print the address.")] = False,
) -> None:
    """See it work: real databases, the real bot, three phones, no token and no network."""
    if not in_browser:
        if port is not None or no_open:
            raise typer.BadParameter("--port and --no-open go with --web.")
        from bot.demo.show import run_demo  # noqa: PLC0415 - each way loads what it needs

        raise typer.Exit(asyncio.run(run_demo(databases or [], once=once)))
    if once or databases:
        raise typer.BadParameter(
            "--web goes without --once, and without --databases: its buttons restore and destroy, on samples alone."
        )
    from bot.demo.web.serve import run_web  # noqa: PLC0415

    asyncio.run(run_web(port=port or 0, browser=not no_open))
