"""Makes one backup for a command: only stored, or delivered, with alarms told and pinned messages renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from bot.app.runs import RunParts, open_runs
from bot.cli.opening import warn_of_cut_off
from bot.config.settings import Settings
from bot.models import Actor, ReportRun, RunResult, Trigger
from bot.services.backup.runs import Runs

if TYPE_CHECKING:
    from bot.services.manager import Courier

TELL_WITHIN = 30.0
"""Seconds that a command gives the telling of alarms: an endpoint that hangs must not keep it from ending."""


@asynccontextmanager
async def opened_runs(settings: Settings) -> AsyncIterator[RunParts]:
    """Build what one backup needs that is only stored; what a restore that was cut off has left is printed first."""
    async with open_runs(settings) as parts:
        await warn_of_cut_off(parts.inventory.cut_off)
        yield parts


@asynccontextmanager
async def opened_courier(settings: Settings) -> AsyncIterator[Courier]:
    """Build the product for one backup that is delivered; what was cut off is printed as by `opened_runs`."""
    from bot.app.service import open_courier  # noqa: PLC0415 - it imports everything, and aiogram

    async with open_courier(settings, deliver=True) as courier:
        await warn_of_cut_off(courier.cut_off)
        yield courier


async def back_up(runs: Runs, report: ReportRun) -> RunResult:
    """Back up now. Raises what a run raises."""
    return await runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.COMMAND_LINE, report=report)


async def back_up_and_tell(courier: Courier, report: ReportRun) -> RunResult:
    """Back up now, and let everybody know. Raises what a run raises; alarms are told all the same."""
    try:
        result = await back_up(courier.runs, report)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_WITHIN):
                await courier.alarm_loop.deliver()
    await courier.pins.refresh()
    await courier.maintenance.refresh(tidy=False)
    return result
