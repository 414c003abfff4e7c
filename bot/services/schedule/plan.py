"""Reads which schedule is in force: SCHEDULE, or what was chosen in chat."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config.cron import validate_expression
from bot.models import NO_REASON, PAUSED, Override, Reason, WarningCode, because
from bot.services.catalogue import Catalogue

SCHEDULE = "schedule"
"""The name of the override that wins over SCHEDULE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """The schedule in force. `override` is what was chosen in chat, `fault` why a stored choice is not followed."""

    expression: str
    setting: str
    override: Override | None = None
    paused: Override | None = None
    fault: Reason = NO_REASON

    @property
    def chosen(self) -> bool:
        """Whether something chosen in chat is stored, followed or not."""
        return self.override is not None or bool(self.fault)


async def read_plan(setting: str, catalogue: Catalogue) -> SchedulePlan:
    """Return what holds now. A stored choice that this version can't read gives way to `setting`, with a fault."""
    overrides = await catalogue.service.overrides()
    return resolve(setting, overrides.get(SCHEDULE), overrides.get(PAUSED))


def resolve(setting: str, override: Override | None, paused: Override | None = None) -> SchedulePlan:
    """Say which expression holds."""
    if override is None:
        return SchedulePlan(expression=setting, setting=setting, paused=paused)
    try:
        expression = validate_expression(override.value)
    except ValueError as error:
        fault = because(WarningCode.SCHEDULE_UNREADABLE, by=override.set_by, said=str(error))
        return SchedulePlan(expression=setting, setting=setting, paused=paused, fault=fault)
    return SchedulePlan(expression=expression, setting=setting, override=override, paused=paused)
