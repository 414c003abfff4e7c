"""Makes one backup for a command: run, alarms told, pinned messages brought up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.app.service import open_courier, tell_once
from bot.cli.opening import warn_of_cut_off
from bot.config.settings import Settings
from bot.models import Progress, RunResult, Trigger
from bot.services.manager import Courier


@asynccontextmanager
async def opened_courier(settings: Settings, *, deliver: bool) -> AsyncIterator[Courier]:
    """Build the product for one backup; what a restore that was cut off has left is printed first."""
    async with open_courier(settings, deliver=deliver) as courier:
        await warn_of_cut_off(courier.manager)
        yield courier


async def back_up_and_pin(courier: Courier, *, delivers: bool, report: Callable[[Progress], None]) -> RunResult:
    """Back up now. Raises what a run raises; alarms are told all the same."""
    try:
        result = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="the command line", report=report)
    finally:
        await tell_once(courier)
    if delivers:
        await courier.pins.refresh()
        await courier.maintenance.refresh(tidy=False)
    return result
