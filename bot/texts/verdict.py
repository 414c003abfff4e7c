"""The one verdict on the whole state, which heads every screen."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.models import Condition, ServiceState, Status
from bot.services.status.verdict import condition_beside_pause, condition_of
from bot.texts.markup import signed
from bot.texts.measures import moment

CONDITION_ICONS = {Condition.GOOD: "✅", Condition.LOOK: "⚠️", Condition.WRONG: "❌"}

ONLY_SENDS = "📤 Only sends (RECEIVE=off): it answers neither messages nor buttons."

_STATES = {ServiceState.STOPPED: "❌ <b>Stopped</b>", ServiceState.UNKNOWN: "❓ <b>Unknown</b>"}
_RUNNING = {
    Condition.GOOD: "✅ <b>Running</b>",
    Condition.LOOK: "⚠️ <b>Running, something needs a look</b>",
    Condition.WRONG: "❌ <b>Running, but something is wrong</b>",
}
_BESIDE_PAUSE = {
    Condition.GOOD: "",
    Condition.LOOK: ", something needs a look",
    Condition.WRONG: ", something is wrong",
}


def headline(status: Status, timezone: ZoneInfo, *, lasting: bool = False) -> str:
    """Return the one verdict on all that is seen; `lasting`, in moments that stay true when it is read later."""
    return signed(status.server, _verdict(status, timezone, lasting=lasting))


def _verdict(status: Status, timezone: ZoneInfo, *, lasting: bool) -> str:
    if status.is_paused and status.paused is not None:
        until = status.paused.until
        when = "" if until is None else date_time(until, timezone) if lasting else moment(until, status.now, timezone)
        beside = condition_beside_pause(status)
        icon = "❌" if beside is Condition.WRONG else "⏸"
        return f"{icon} <b>Paused{f' until {when}' if when else ''}{_BESIDE_PAUSE[beside]}</b>"
    return _RUNNING[condition_of(status)] if status.state.is_running else _STATES[status.state]
