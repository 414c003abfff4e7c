"""The `service` commands: have the service start with the machine, remove it from there, and ask how it does."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.help import HELP, Command, Group
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.clock import date_time
from bot.config.folders import own_folders
from bot.config.settings import Settings, load_settings
from bot.errors import AbortedError, NotFoundError
from bot.models import Status
from bot.services.catalogue import stored_expected
from bot.services.host.installation import DEFAULT_NAME, Installation, Recipe
from bot.services.host.machine import Registered, ask, find, recipe_for
from bot.services.host.planning import plan_installation
from bot.services.host.registering import install as install_service
from bot.services.host.registering import require_manager
from bot.services.host.registering import uninstall as uninstall_service
from bot.services.snapshot.databases import find_databases
from bot.texts.markup import sentence
from bot.words.causes import in_full

commands = typer.Typer(
    help="Have the service start with this machine.",
    cls=Group, context_settings=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,
)  # fmt: skip

Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the machine calls it: one for each service.")]
System = Annotated[
    bool | None, typer.Option("--system/--user", help="For the whole machine (the default for root), or for yourself.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

EXAMPLES = (
    "sqlite-courier service install --dry-run",
    "sudo .venv/bin/sqlite-courier service install --as www-data",
    "sqlite-courier service status",
)


@commands.command(cls=Command, context_settings=HELP, short_help="Show what starts it, write it and start it.")
def install(
    env_file: EnvFile = DEFAULT_ENV,
    name: Name = DEFAULT_NAME,
    system: System = None,
    user: Annotated[
        str, typer.Option("--as", metavar="USER", help="As which user it runs: the databases' owner.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show what starts the service with this machine, and write it: systemd, Task Scheduler or launchd."""
    settings = load_settings(env_file, need_telegram=True, need_databases=True)
    installation = plan(settings, env_file, name=name, system=system, user=user)
    recipe = recipe_for(installation)
    print_recipe(installation, recipe)
    if dry_run:
        return
    require_manager(recipe.registration)
    if not yes and not _agreed("Write this and start the service?"):
        raise AbortedError("Nothing was written.", hint="--yes agrees beforehand.")
    install_service(recipe, installation, tell=output.say)
    output.tell("The service runs, and starts with this machine. `sqlite-courier service status` tells how it does.")


@commands.command(cls=Command, context_settings=HELP, short_help="End it and remove what install wrote.")
def uninstall(name: Name = DEFAULT_NAME, system: System = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """End the service and remove what `install` wrote; settings, archives and logs stay."""
    place = find(name, system=system)
    if place is None:
        raise NotFoundError(f"No service {name} is installed here.", hint="Name it with --name.")
    output.say(f"To be ended, and its file {place.file} removed:")
    for command in (*place.end, *place.removed):
        output.say(f"  {shlex.join(command)}")
    if dry_run:
        return
    if not yes and not _agreed("End the service and remove it?"):
        raise AbortedError("Nothing was removed.", hint="--yes agrees beforehand.")
    uninstall_service(place, tell=output.say)


@commands.command(cls=Command, context_settings=HELP, short_help="Installed? Running? Since when, and the next run.")
def status(
    env_file: EnvFile = DEFAULT_ENV, name: Name = DEFAULT_NAME, system: System = None, json: Json = False
) -> None:
    """Tell whether it is installed, whether it runs and since when, and the next run. Exit code 0: both."""
    place = find(name, system=system)
    known = ask(place) if place is not None else None
    if not json:
        _print_installed(known, name)
    settings = read_settings(env_file, reading=True)

    async def read() -> Status:
        async with opened(settings, reading=True, say=False) as inventory:
            return await inventory.status()

    state = asyncio.run(read())
    lives = state.state.is_running or state.is_paused
    result = {
        "installed": known,
        "state": state.state,
        "reason": in_full(state.state_reason),
        "heartbeat": state.heartbeat,
        "next_run_at": state.next_run_at,
    }
    output.print_result(result, json=json, printed=lambda: _print_state(state, settings))
    if known is None or known.active is False or not lives:
        raise typer.Exit(1)


def plan(settings: Settings, env_file: Path, *, name: str, system: bool | None, user: str) -> Installation:
    """Plan the installation of these settings' service. Raises `SettingsError`, `NotFoundError`."""
    expected = stored_expected(settings.backup_dir)
    found = find_databases(settings.databases, {}, own=own_folders(settings), expected=expected)
    return plan_installation(settings, found.databases, env_file=env_file, name=name, system=system, user=user)


def print_recipe(installation: Installation, recipe: Recipe) -> None:
    """Print what `install` is about to write and run."""
    for folder in installation.own:
        if not folder.exists():
            output.say(f"To be made, for {installation.user}: {folder}")
    output.say(f"To be written, {recipe.registration.file}:\n")
    output.say(recipe.text)
    output.say("To be run:")
    for command in recipe.begin:
        output.say(f"  {shlex.join(command)}")
    for note in recipe.notes:
        output.say(note)
    output.say(f"It runs as {installation.user}.")


def _print_installed(known: Registered | None, name: str) -> None:
    if known is None:
        output.tell(f"Installed: no service {name}. `sqlite-courier service install` has it start with this machine.")
    else:
        starts = {True: ", starts with the machine", False: ", does not start with the machine", None: ""}
        by = "" if known.ours else ", not written by `service install`"
        output.tell(f"Installed: {known.file} ({known.kind}, as {known.user}{by}){starts[known.starts_with_machine]}")
        if known.state:
            output.tell(f"{known.kind}: {known.state}{f', {known.detail}' if known.detail else ''}")


def _print_state(state: Status, settings: Settings) -> None:
    beat = state.heartbeat
    since = f" since {date_time(beat.started_at, settings.timezone)} (process {beat.pid})" if beat else ""
    lives = state.state.is_running or state.is_paused
    output.tell(f"Service: {'running' + since if lives else state.state}")
    if state.state_reason:
        output.tell(f"  {sentence(in_full(state.state_reason))}")
    if state.next_run_at is not None:
        output.tell(f"Next run: {date_time(state.next_run_at, settings.timezone)}")


def _agreed(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:
        return False
