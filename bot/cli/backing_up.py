"""Makes one backup for a command: run, alarms told, pinned messages brought up to date."""

from __future__ import annotations

from collections.abc import Callable

from bot.app.service import tell_once
from bot.models import Progress, RunResult, Trigger
from bot.services.manager import Courier


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
