"""What messages say that showed work under way when the program ended."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.texts.markup import compose
from bot.texts.measures import moment

_CUT_OFF = "The program ended during it."
PLAN = (
    f"⏹ <b>The plan was not finished</b>\n{_CUT_OFF} Nothing was changed. Open the backup in History and press Restore."
)
RESTORE = "⏹ <b>The restore has ended</b>\nWhat it came to is in Detailed Logs, under Actions."
DRILL = f"⏹ <b>The test-restore was cut off</b>\n{_CUT_OFF} It proved nothing and changed nothing."
EXAMINATION = f"⏹ <b>The full check was cut off</b>\n{_CUT_OFF} Nothing was changed."
HEALTH = f"⏹ <b>System Health was not measured to its end</b>\n{_CUT_OFF} Nothing was changed."

MADE_UP = "It is made up for now."
BACK_UP, THIS_BACKUP, BACK = "💾 Manual Backup", "🔍 This backup", "‹ Back"
ACTIONS = "📜 Actions"
HISTORY, DRILL_AGAIN, CHECK_AGAIN, TO_HEALTH = "🗂 History", "🧪 Test-restore now", "🩺 Full check", "🩺 System Health"


def unknown_backup(began: datetime | None, now: datetime, timezone: ZoneInfo) -> str:
    """Return the end of a run that nothing was recorded of."""
    return compose(
        "⏹ <b>Backup interrupted</b>",
        moment(began, now, timezone) if began is not None else None,
        "The program ended before anything was stored. Older backups are untouched.",
    )


def made_up_by(at: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return which later backup took the place of one that was interrupted."""
    return f"The backup of {moment(at, now, timezone)} has taken its place."
