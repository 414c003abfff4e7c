"""“My messages”: an admin's preferences for their own chat, and what each of them means."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.clock import wall, zone_name
from bot.models import MessageMode, QuietHours, WhenUnchanged
from bot.services.messages.digest import MyMessages
from bot.texts.backups import who
from bot.texts.markup import compose, name, text
from bot.texts.measures import count

# Answers to presses: plain text, at most 200 long.
CHOSEN = {
    MessageMode.EVERY: "Every backup comes to this chat.",
    MessageMode.DIGEST: "One message a day from now on.",
    MessageMode.TROUBLE: "Only trouble from now on.",
}
QUIET_SET = "Quiet hours set."
QUIET_OFF = "No quiet hours."
SAME_MINUTE = "The end must be another time than the beginning."
DATABASE_GONE = "That database is no longer there."
ALL_DATABASES = "All databases, also those to come."

BUTTONS = {MessageMode.EVERY: "Every backup", MessageMode.DIGEST: "Daily digest", MessageMode.TROUBLE: "Trouble only"}

_MEANS = {
    MessageMode.EVERY: "📦 <b>Every backup</b>: each one comes here, planned ones without a sound.",
    MessageMode.DIGEST: "📰 <b>Daily digest</b>: one message a day, with a line for each backup.",
    MessageMode.TROUBLE: "🚨 <b>Trouble only</b>: nothing while all is well.",
}
_ONE_A_DAY = "One backup a day comes all the same, without a sound, so that this chat alone can bring everything back."
_WHEN = {MessageMode.EVERY: " A backup comes when a ticked one has changed, and once a day in any case."}


def hours(quiet: QuietHours) -> str:
    """Return quiet hours as people write them: `22:00–07:00`."""
    return f"{wall(quiet.start)}–{wall(quiet.end)}"


def my_messages(preferences: MyMessages, timezone: ZoneInfo) -> str:
    """Return the screen: what is chosen, and what follows from it."""
    choice, quiet = preferences.choice, preferences.choice.quiet
    alarms = "alarms too" if quiet and quiet.alarms else "but alarms sound"
    more = (
        _ONE_A_DAY if choice.mode is not MessageMode.EVERY and preferences.receives else None,
        None if preferences.receives else "DELIVER_TO names other chats: backups and alarms go there.",
        _fallback(preferences),
        _unchanged(preferences),
        f"🧹 Hourly backups leave the chats after {count(preferences.chat_keep_hours, 'hour')}; one a day stays."
        if preferences.chat_keep_hours
        else None,
        "Alarms come in every mode. Each admin chooses for their own chat.",
    )
    return compose(
        "🔔 <b>My messages</b>",
        "",
        _MEANS[choice.mode],
        f"🌙 Quiet hours: {hours(quiet)} {text(zone_name(timezone), 40)}, {alarms}" if quiet else "🌙 No quiet hours",
        f"🗄 {_databases(preferences)}",
        "",
        _folded(*more),
    )


def _folded(*lines: str | None) -> str:
    """Return lines in a quote that opens at a press."""
    shown = "\n".join(line for line in lines if line)
    return f"<blockquote expandable>{shown}</blockquote>"


def _databases(preferences: MyMessages) -> str:
    names = preferences.choice.databases
    if names is None:
        return "All databases"
    shown = ", ".join(f"<code>{name(each, 30)}</code>" for each in sorted(names)[:6])
    return f"Only {shown}{f' and {len(names) - 6} more' if len(names) > 6 else ''}"


def _fallback(preferences: MyMessages) -> str | None:
    if preferences.fallback is None:
        return None
    where = (
        "this chat"
        if preferences.fallback.chat_id == preferences.admin_id
        else who(preferences.fallback, {preferences.fallback: preferences.fallback_name})
    )
    return f"📦 Nobody takes every backup of everything, so what would go to nobody goes to {where}, without a sound."


def _unchanged(preferences: MyMessages) -> str | None:
    match preferences.unchanged:
        case WhenUnchanged.NOTE:
            return "🟰 When no database has changed, a planned backup is a line here instead of a file."
        case WhenUnchanged.SKIP:
            return "🟰 When no database has changed, a planned backup is not sent."
        case WhenUnchanged.SEND:
            return None


def quiet_hours(preferences: MyMessages, timezone: ZoneInfo) -> str:
    """Return the screen of the quiet hours."""
    quiet = preferences.choice.quiet
    alarms = "alarms too" if quiet and quiet.alarms else "but alarms sound"
    return compose(
        "🌙 <b>Quiet hours</b>",
        f"No sound <b>{hours(quiet)}</b> {text(zone_name(timezone), 40)}, {alarms}."
        if quiet
        else "None. In quiet hours messages come to this chat without a sound.",
    )


def ask_start() -> str:
    """Return the question for the hour in which quiet begins."""
    return "🌙 <b>Quiet from when?</b>\nThe quarter of an hour can be set afterwards."


def ask_end(start: int) -> str:
    """Return the question for the hour in which quiet ends."""
    return f"🌙 <b>Quiet from {wall(start)} until when?</b>"


def databases(preferences: MyMessages) -> str:
    """Return the screen on which databases are chosen, with what the choice does and does not do."""
    return compose(
        "🗄 <b>My databases</b>",
        f"Press to tick or untick.{_WHEN.get(preferences.choice.mode, '')}"
        if preferences.known
        else "No database is known yet.",
        "",
        _folded(
            "The archive always holds all databases; messages are about the ticked ones. Alarms about the others go to"
            " the other admins, or to you where nobody else gets them."
        ),
    )
