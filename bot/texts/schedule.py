"""The schedule as it is changed in chat, and the list of settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.models import Status
from bot.texts.markup import compose, text
from bot.texts.measures import zone_name
from bot.texts.status import paused_line


def settings(seen: Status, timezone: ZoneInfo) -> str:
    """Return the text over the list of settings: what holds now."""
    return compose(
        "⚙️ <b>Settings</b>",
        f"🗓 <code>{text(seen.schedule, 60)}</code>, times in {zone_name(timezone)}",
        paused_line(seen.paused, seen.now, timezone) if seen.paused else None,
        "",
        "What is changed here wins over <code>.env</code> until it is reset.",
    )
