"""The databases one by one: how each stands, in a line; and the screen of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Backup, DatabaseStatus, Verdict
from bot.texts.markup import FittedList, compose, name, plain_names, shortened, text
from bot.texts.measures import age, count, human_size, moment, rows_in

_FEW = 6
"""Up to so many good databases are named on Backup Status; more are a number."""

_ICONS = ("❌", "⚠️", "▫️", "✅", "▪️")


def rank(database: DatabaseStatus) -> int:
    """Return how near the top a database belongs: trouble, not checked, not backed up yet, good, no longer named."""
    if database.retired:
        return 4
    if database.trouble:
        return 0
    if database.last is None:
        return 2
    return 3 if database.verdict is Verdict.OK else 1


def summary(databases: Sequence[DatabaseStatus], now: datetime) -> FittedList:
    """Return what Backup Status says of databases: trouble in full, a shared cause once, the rest counted."""
    ranked: dict[int, list[DatabaseStatus]] = {}
    for database in databases:
        ranked.setdefault(rank(database), []).append(database)
    troubles: dict[str, list[DatabaseStatus]] = {}
    for database in ranked.get(0, ()):
        troubles.setdefault(database.trouble, []).append(database)
    good = ranked.get(3, [])
    lines = [_trouble(cause, alike, now) for cause, alike in troubles.items()]
    lines += [f"⚠️ {_named(alike)}: could not be checked" for alike in [ranked.get(1, [])] if alike]
    lines += [f"▫️ {_named(alike)}: not backed up yet" for alike in [ranked.get(2, [])] if alike]
    if len(good) <= _FEW:
        lines += [f"✅ <code>{name(one.name)}</code>{_size(one)}" for one in good]
    else:
        size = human_size(sum(one.bytes or 0 for one in good))
        lines.append(f"✅ {count(len(good), 'database')} backed up and checked, {size}")
    lines += [f"▪️ {_named(alike)}: no longer in DATABASES" for alike in [ranked.get(4, [])] if alike]
    return FittedList(tuple(lines), 12)


def _trouble(cause: str, alike: Sequence[DatabaseStatus], now: datetime) -> str:
    only = alike[0] if len(alike) == 1 else None
    if only is None:
        return f"❌ {_named(alike)}: {text(cause, 140)}"
    known = f"last backed up {age(only.last.started_at, now)}" if only.last else "never backed up"
    return f"❌ <code>{name(only.name)}</code>: {text(cause.rstrip('.'), 140)} · {known}"


def _named(alike: Sequence[DatabaseStatus]) -> str:
    if len(alike) == 1:
        return f"<code>{name(alike[0].name)}</code>"
    return f"{count(len(alike), 'database')} ({text(plain_names([one.name for one in alike], 2), 100)})"


def _size(database: DatabaseStatus) -> str:
    return f" · {human_size(database.bytes)}" if database.bytes is not None else ""


# --- the list ----------------------------------------------------------------------------------------------------


def databases(found: Sequence[DatabaseStatus]) -> str:
    """Return the text over the list of databases, which are its buttons."""
    if not found:
        return "🗄 <b>Databases</b>\nDATABASES names no file yet."
    ranks = [rank(one) for one in found]
    here = len(found) - ranks.count(4)
    good = ranks.count(3)
    if good == here:
        state = f"✅ {count(good, 'database')} backed up and checked"
    elif ranks.count(2) == here:
        state = f"⏳ {count(here, 'database')}, not backed up yet"
    else:
        state = f"⚠️ {good} of {here} backed up and checked"
    return compose("🗄 <b>Databases</b>", state, "Press one for its backups, its rows and its restore.")


def database_label(database: DatabaseStatus, now: datetime) -> str:
    """Return the button of one database, as plain text."""
    last = age(database.last.started_at, now) if database.last is not None else "no backup yet"
    size = f"{human_size(database.bytes)} · " if database.bytes is not None and not database.trouble else ""
    return f"{_ICONS[rank(database)]} {shortened(database.name, 30)} · {size}{last}"


# --- one ---------------------------------------------------------------------------------------------------------


def database(database: DatabaseStatus, backups: Sequence[Backup], now: datetime, timezone: ZoneInfo) -> str:
    """Return one database: how it stands, and its last backups with their rows, newest first."""
    states = (
        text(database.trouble, 400),
        "Backed up, but it could not be checked.",
        "Not backed up yet.",
        "Backed up and checked.",
        "DATABASES names it no more.",
    )
    place = rank(database)
    return compose(
        f"🗄 <b>{name(database.name, 60)}</b>",
        f"{_ICONS[place]} {states[place]}",
        f"<code>{name(database.path, 90)}</code>{_size(database)}",
        "",
        "<b>Last backups</b>" if backups else None,
        FittedList(tuple(_backup(database.name, backup, now, timezone) for backup in backups), 8),
    )


def _backup(wanted: str, backup: Backup, now: datetime, timezone: ZoneInfo) -> str:
    entry = next(entry for entry in backup.databases if entry.name == wanted)
    icon = "✅" if entry.verdict is Verdict.OK else "⚠️"
    rows = f" · {rows_in(entry.rows)}" if entry.rows else ""
    return f"{icon} {moment(backup.started_at, now, timezone)} · {human_size(entry.bytes)}{rows}"
