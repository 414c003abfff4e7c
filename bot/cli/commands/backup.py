"""The `backup` command: one run, now, delivered by this process or left to the running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.backing_up import back_up, back_up_and_tell, opened_courier, opened_runs
from bot.cli.backup_output import Names, called, print_run
from bot.cli.options import DEFAULT_ENV, EnvFile, Json, read_settings
from bot.config.settings import Settings
from bot.errors import CourierError, DeliveryError, InstanceError, SettingsError, SnapshotError
from bot.models import DeliveryState, Progress, RunResult, SkipReason
from bot.services.files.locks import ServiceLock
from bot.texts.backups import names_of
from bot.texts.markup import plain_names
from bot.texts.measures import count

EXAMPLES = ("sqlite-courier backup", "sqlite-courier backup --no-deliver")


def command(
    env_file: EnvFile = DEFAULT_ENV,
    deliver: Annotated[
        bool, typer.Option("--deliver/--no-deliver", help="Send it to Telegram too, or only store it.")
    ] = True,
    json: Json = False,
) -> None:
    """Back up once, now: snapshot, check, prove, store and deliver.

    While the service runs, it is the one that delivers: this command then stores the backup and leaves it owed.
    Exit code 0 only when every database is in it and everybody who is to have it does.
    """
    settings = _read_settings(env_file, deliver=deliver)

    async def work() -> None:
        with output.progress(quiet=json) as report:
            result, names, left_to_service = await _back_up_once(settings, deliver=deliver, report=report)
        output.print_result(
            result, json=json, printed=lambda: print_run(result, names, left_to_service=left_to_service)
        )
        if fault := _not_whole(result, names, delivers=deliver and not left_to_service):
            raise fault

    asyncio.run(work())


def _read_settings(env_file: Path, *, deliver: bool) -> Settings:
    try:
        return read_settings(env_file, need_telegram=deliver, need_databases=True)
    except SettingsError as error:
        if not any(fault.startswith(("BOT_TOKEN is not set", "ADMIN_IDS is not set")) for fault in error.faults):
            raise
        raise SettingsError(
            error.faults,
            hint=f"{error.hint} `sqlite-courier backup --no-deliver` only stores the backup: it needs neither BOT_TOKEN"
            " nor ADMIN_IDS.",
        ) from None


def _not_whole(result: RunResult, names: Names, *, delivers: bool) -> CourierError | None:
    """Return what a stored backup is without, databases before recipients; None where nothing is missing."""
    faults, hints = [], []
    skipped = result.backup.skipped
    if skipped:
        faults.append(
            f"The backup is made and checked, but without {count(len(skipped), 'database')}: "
            f"{plain_names([record.name for record in skipped], 6)}."
        )
        missing = {record.reason for record in skipped} <= {SkipReason.MISSING, SkipReason.GONE}
        mend = "Put back what is missing, or take it out of DATABASES" if missing else "Mend what is said above"
        hints.append(f"{mend}, then back up again.")
    owed = [d for d in result.deliveries if d.state not in (DeliveryState.SENT, DeliveryState.NOT_DUE)]
    if delivers and owed:
        faults.append(
            "The backup is made and checked, but not delivered to "
            f"{plain_names([called(one.recipient, names) for one in owed], 6)} yet."
        )
        hints.append("The service (`sqlite-courier run`) or the next backup tries again.")
    if not faults:
        return None
    sentence, hint = "\n".join(faults), " ".join(hints)
    return SnapshotError(sentence, hint=hint) if skipped else DeliveryError(sentence, hint=hint)


async def _back_up_once(
    settings: Settings, *, deliver: bool, report: Callable[[Progress], None]
) -> tuple[RunResult, Names, bool]:
    """Back up once; tell also how recipients are called, and whether delivering is left to the running service.

    Only one process delivers: the one that holds the service lock of this BACKUP_DIR.
    """
    async with AsyncExitStack() as stack:
        left_to_service = False
        if deliver:
            try:
                await stack.enter_async_context(ServiceLock(settings.backup_dir, timezone=settings.timezone))
            except InstanceError:
                left_to_service = True
        if deliver and not left_to_service:
            courier = await stack.enter_async_context(opened_courier(settings))
            result, catalogue = await back_up_and_tell(courier, report), courier.catalogue
        else:
            parts = await stack.enter_async_context(opened_runs(settings))
            result, catalogue = await back_up(parts.runs, report), parts.inventory.catalogue
        statuses = await catalogue.recipients.statuses([one.recipient for one in result.deliveries])
        return result, names_of(statuses), left_to_service
