"""Joins the commands to one command line, and imports a command's modules only when it is called."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bot import __version__
from bot.cli import output
from bot.cli.backup import backup
from bot.cli.config import config
from bot.cli.identity import Identity, keys_of, offered
from bot.cli.keygen import keygen
from bot.cli.marks import note, pin, unpin
from bot.cli.opening import opened
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.cli.recover import recover
from bot.cli.restore import restore
from bot.errors import CourierError, DamagedArchiveError, NotFoundError
from bot.models import Backup, Condition
from bot.services.concurrency.memory import keep_memory_flat

app = typer.Typer(
    name="sqlite-courier",
    help="Proven hourly backups of live SQLite databases, delivered to Telegram.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> NoReturn:
    """Run the command line; every expected failure ends with a sentence and its own exit code, never a traceback."""
    output.prepare()
    keep_memory_flat()  # before there are threads
    try:
        app(standalone_mode=True)
    except CourierError as error:
        output.print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        output.say(f"sqlite-courier {__version__}")
        raise typer.Exit


@app.command()
def run(env_file: EnvFile = DEFAULT_ENV) -> None:
    """Run the bot: hourly backups, delivery and the dashboard, until Ctrl-C or SIGTERM."""
    from bot.app.service import run_service  # noqa: PLC0415 - commands stay quick to start

    settings = read_settings(env_file, need_telegram=True, need_databases=True, console=True)
    for warning in settings.warnings:
        output.warn(warning)
    _run(lambda: run_service(settings))


app.command()(backup)


@app.command("list")
def list_backups(
    env_file: EnvFile = DEFAULT_ENV,
    everything: Annotated[
        bool, typer.Option("--all", help="Also failed runs and archives no longer on the disk.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """List the backups, newest first."""
    settings = read_settings(env_file, reading=True)

    async def work() -> None:
        async with opened(settings, reading=True) as manager:
            backups = await manager.catalogue.backups(limit=limit, on_disk_only=not everything, gone_too=True)
            # Where only age and count decide, the same few words would stand in every row.
            why = {d.backup.id: d.why for d in await manager.plan_prune()} if manager.keep_rules.any else {}
        if json:
            output.print_json(
                [output.as_data(backup) | ({"retention": why.get(backup.id, "")} if why else {}) for backup in backups]
            )
        else:
            output.print_backups(backups, settings.timezone, why)

    _run(work)


@app.command()
def show(
    which: Annotated[str, typer.Argument(help="latest, an id, an archive name or the beginning of its time.")],
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Show one backup: databases, checks, rows, deliveries, and how long it is kept."""
    settings = read_settings(env_file, reading=True)

    async def work() -> None:
        async with opened(settings, reading=True) as manager:
            found = await manager.catalogue.find_backup(which)
            details = await manager.details(found.id)
        if json:
            output.print_json(details)
        else:
            output.print_details(details, settings.timezone)

    _run(work)


@app.command()
def verify(
    which: Annotated[
        list[str] | None, typer.Argument(help="Backups (latest, id, name) or archive files; all on the disk if none.")
    ] = None,
    identity: Identity = None,
    env_file: EnvFile = DEFAULT_ENV,
    json: Json = False,
) -> None:
    """Read archives in full, compare every byte with what was recorded, and test-restore every database in them.

    Sealed ones are opened where there is a key (--identity, the settings, or asked for); else their bytes are compared.
    """
    from bot.services.archive.verify import verify_archive  # noqa: PLC0415
    from bot.services.concurrency.abort import Abort  # noqa: PLC0415
    from bot.services.retention.inventory import record_fault  # noqa: PLC0415
    from bot.services.sealing.header import is_sealed  # noqa: PLC0415

    settings = read_settings(env_file, reading=True)
    keys = keys_of(settings, identity or ())

    async def work() -> None:
        failures: list[CourierError] = []
        rows: list[dict[str, Any]] = []
        async with opened(settings, reading=True) as manager:
            archives = await _archives_to_verify(manager, which or [])
            for gone in [] if which else [backup for backup in await manager.catalogue.faulty() if backup.gone]:
                failures.append(NotFoundError(f"{gone.archive_name} is gone from the disk."))
                rows.append({"archive": gone.archive_name, "ok": False, "fault": gone.fault, "restored": ""})
            sealed = [path for path, _ in archives if await asyncio.to_thread(is_sealed, path)]
            manager.use_keys(await offered(sealed, keys, ask=not json))
            for path, known in archives:
                row: dict[str, Any] = {"archive": path.name, "ok": True, "fault": "", "restored": ""}
                changed = ""
                try:
                    if path not in sealed:  # or else the seal proves every byte, when it is opened
                        with output.progress(quiet=json, label=path.name) as report:
                            try:
                                await verify_archive(
                                    path,
                                    expected_sha256=known.archive_sha256 if known else "",
                                    abort=Abort(),
                                    progress=output.bytes_of(report),
                                )
                            except DamagedArchiveError:
                                if known is not None:
                                    raise
                                changed = "The archive itself is not as it was written; its content is judged."
                    row["restored"] = " ".join(filter(None, (await manager.drills.prove(path, known), changed)))
                except CourierError as error:
                    if known is not None and isinstance(error, DamagedArchiveError):
                        await record_fault(manager.store, manager.catalogue, known, error.sentence)
                    failures.append(error)
                    row |= {"ok": False, "fault": error.sentence}
                rows.append(row)
        if json:
            output.print_json(rows)
        else:
            output.print_verified(rows)
        if failures:
            sys.exit(failures[0].exit_code)

    _run(work)


async def _archives_to_verify(manager: Any, which: list[str]) -> list[tuple[Path, Backup | None]]:
    """Resolve what was named; a path that exists is that file, anything else is looked up in the catalogue."""
    folder = manager.store.folder
    if not which:
        backups = await manager.catalogue.backups(limit=100_000, on_disk_only=True)
        return [(folder / entry.archive_name, entry if entry.proven else None) for entry in backups]
    found: list[tuple[Path, Backup | None]] = []
    for name in which:
        if await asyncio.to_thread(Path(name).is_file):
            found.append((Path(name), None))
            continue
        entry = await manager.catalogue.find_backup(name)
        if not entry.on_disk:
            where = "gone from" if entry.gone else "no longer on"
            raise NotFoundError(f"The archive of backup {entry.id} is {where} the disk.")
        found.append((folder / entry.archive_name, entry if entry.proven else None))
    return found


@app.command()
def status(env_file: EnvFile = DEFAULT_ENV, json: Json = False) -> None:
    """Show the service's state. Exit code 0: all is well, as its first line says; 1: look at it."""
    from bot.services.status.verdict import condition_of  # noqa: PLC0415

    settings = read_settings(env_file, reading=True)

    async def work() -> bool:
        async with opened(settings, reading=True, say=json) as manager:  # or else its screen says it
            seen = await manager.status()
        if json:
            output.print_json(seen)
        else:
            output.print_status(seen, settings.timezone)
        return condition_of(seen) is Condition.GOOD

    if not asyncio.run(work()):
        raise typer.Exit(1)


@app.command()
def prune(
    env_file: EnvFile = DEFAULT_ENV,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted, and why.")] = False,
    json: Json = False,
) -> None:
    """Delete archives past MAX_BACKUP_AGE_DAYS or MAX_BACKUP_COUNT; never a pinned or a last good one."""
    settings = read_settings(env_file, reading=dry_run)

    async def work() -> None:
        async with opened(settings, reading=dry_run) as manager:
            decisions = await manager.plan_prune() if dry_run else await manager.prune()
        if json:
            output.print_json(decisions)
        else:
            output.print_decisions(decisions, dry_run=dry_run)

    _run(work)


app.command()(config)
app.command()(note)
app.command()(pin)
app.command()(unpin)
app.command()(recover)


@app.command()
def demo(
    databases: Annotated[
        list[str] | None, typer.Option("--databases", help="Your own databases (paths or globs) instead of samples.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End by itself; exit code 0 only if everything held.")] = False,
) -> None:
    """See it work: real databases, the real bot, three phones, no token and no network."""
    from bot.demo.show import run_demo  # noqa: PLC0415

    raise typer.Exit(asyncio.run(run_demo(databases or [], once=once)))


app.command()(restore)
app.command()(keygen)
