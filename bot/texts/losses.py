"""What a database holds much less of than before: rows of tables, or bytes of its file. Plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.models import TABLE_GONE, Alarm, AlarmKind, Loss
from bot.texts.markup import shortened
from bot.texts.measures import human_size

_OVER = {"day": " within a day", "week": " within a week"}


def loss_line(losses: Sequence[Loss]) -> str:
    """Return the losses of one database: `“users” 12,480 → 3, the whole file 3.0 MB → 1.2 MB within a day`."""
    known = [loss for loss in losses if loss.before]
    if not known:
        return "much less than before"
    return ", ".join(map(_one, known)) + _OVER.get(known[0].over, "")


def _one(loss: Loss) -> str:
    if not loss.table:
        return f"the whole file {human_size(loss.before)} → {human_size(loss.after)}"
    left = "gone" if loss.after == TABLE_GONE else f"{loss.after:,}"
    return f"“{shortened(loss.table, 40)}” {loss.before:,} → {left}"


def shrinking(losses: Sequence[Loss]) -> str:
    """Return what a database has done that has such losses: `lost rows`, or `shrunk` where its file alone has."""
    return "lost rows" if any(loss.table for loss in losses) else "shrunk"


def shrinking_of(alarms: Collection[Alarm], names: Collection[str]) -> str:
    """Return the same of databases, by the open alarms about them."""
    kind = AlarmKind.SHRUNKEN
    return shrinking([loss for one in alarms if one.kind == kind and one.subject in names for loss in losses_of(one)])


def losses_of(alarm: Alarm) -> tuple[Loss, ...]:
    """Return the losses that an alarm tells of."""
    figures = zip(alarm.all("table"), alarm.all("before"), alarm.all("after"), strict=True)
    over = alarm.fact("over")
    return tuple(Loss(alarm.subject, table, int(before), int(after), over) for table, before, after in figures)
