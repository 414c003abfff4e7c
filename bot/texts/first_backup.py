"""The card after the first backup: what is protected, where it goes, when the next one comes."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.models import ChatLoad, Status
from bot.texts.backups import checked_contents, database_lines, delivered_to, names_of, skipped_causes
from bot.texts.load import much
from bot.texts.markup import compose, sentence, text
from bot.texts.measures import count, duration, next_run
from bot.texts.schedule_words import in_words
from bot.texts.status import unreached_lines

RARER = "🗓 Every 6 h"
STATUS = "📊 Backup Status"


def protected(
    status: Status, load: ChatLoad | None, timezone: ZoneInfo, *, kept: tuple[int, int], reach: timedelta | None
) -> str:
    """Return the card. `kept` is how many archives stay on the disk, and for how many days.

    `reach` is how far back so many would reach, None where the days end sooner.
    """
    made, now = status.latest_proven, status.now
    if made is None:
        return "No backup has been made yet."
    words, names = in_words(status.schedule), names_of(status.recipients)
    planned = f" · {text(words, 60)}" if words else ""
    return compose(
        f"{'⚠️' if made.skipped else '🎉'} <b>The first backup is made</b>",
        f"{checked_contents(made)} and read back",
        database_lines(made, most=8),
        skipped_causes(made.skipped, most=4),
        "",
        f"📬 {sentence(delivered_to(status.latest_deliveries, names))}" if status.latest_deliveries else None,
        f"⏭ Next {next_run(status.next_run_at, now, timezone)}{planned}" if status.next_run_at else None,
        f"💽 Kept on the server: {_kept(*kept, reach)}",
        much(load),
        unreached_lines(status, most=3),
    )


def _kept(most: int, days: int, reach: timedelta | None) -> str:
    """Return what is reached first: the number, which reaches back less than the days, or the days."""
    if reach is None:
        return f"the backups of {count(days, 'day')}"
    return f"the newest {most}, which reach back {duration(reach.total_seconds())}"
