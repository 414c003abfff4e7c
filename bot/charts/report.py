"""The report: one HTML file with its pictures inside, no script, nothing fetched, two pages when printed."""

from __future__ import annotations

import html
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.charts.overview import overview
from bot.charts.reach import reach
from bot.charts.year import WEEKS, year
from bot.clock import date_time, zone_name
from bot.config.settings import Settings
from bot.models import Alarm, BackupDay, DatabaseStatus, Drill, Reach, Span, Status, Trends, Verdict
from bot.services.catalogue import Catalogue
from bot.services.messages.week import ReadDays
from bot.texts.alarm_words import words_of
from bot.texts.markup import plain
from bot.texts.measures import count, human_size
from bot.texts.skips import trouble_words
from bot.texts.verdict import headline
from bot.words.drills import drill_words
from bot.words.outcomes import reason_words

MOST_ROWS = 30
"""Databases in the table; what more there is, is counted. Those in trouble come first."""

MOST_EVENTS = 12
TRIED_WITHIN = timedelta(days=7)

_STYLE = """
:root { color-scheme: light; }
body { font: 14px/1.45 'Noto Sans', system-ui, sans-serif; color: #1c2733; background: #fff; margin: 2em auto;
  max-width: 62em; padding: 0 1.5em; }
h1 { font-size: 1.7em; margin: 0; } h2 { font-size: 1.15em; margin: 1.6em 0 .4em; }
p.verdict { font-size: 1.2em; margin: .6em 0; } p.faint, td.faint, footer { color: #66737f; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: #66737f; font-weight: normal; }
th, td { padding: .25em .8em .25em 0; border-bottom: 1px solid #e1e6ea; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; } td.name { overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; align-items: start; }
.pictures svg { width: 100%; height: auto; border: 1px solid #e1e6ea; border-radius: 8px; }
ul { margin: .2em 0; padding-left: 1.2em; } li { margin: .15em 0; }
@media (max-width: 40em) { .pictures { grid-template-columns: 1fr; } }
@media print { body { margin: 0; font-size: 11px; } .second { break-before: page; } section { break-inside: avoid; } }
@page { size: A4; margin: 14mm; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the report says. `trends` are those of the last thirty days, `alarms` and `drills` newest first."""

    status: Status
    server: str
    trends: Trends
    days: Sequence[BackupDay]
    reaches: Sequence[Reach]
    drills: Sequence[Drill]
    alarms: Sequence[Alarm]
    uncovered: Sequence[str]
    """What backups do not cover or nobody tries, in sentences."""


async def read_report(catalogue: Catalogue, settings: Settings, status: Status, days: ReadDays) -> Report:
    """Read everything the report says, the days by `days`; changes nothing."""
    now = status.now
    reaches = await catalogue.charts.reaches()
    drills = await catalogue.drills.recent(MOST_EVENTS)
    return Report(
        status=status,
        server=status.server or socket.gethostname(),
        trends=await catalogue.charts.trends(now - Span.MONTH.length, now),
        days=await days(now - timedelta(weeks=WEEKS + 1)),
        reaches=reaches,
        drills=drills,
        alarms=await catalogue.alarms.recent(),
        uncovered=(
            *(f"{one.name} is not backed up now: {trouble_words(one)}" for one in status.databases if one.trouble),
            *(f"{one.name} is no longer among DATABASES." for one in status.databases if one.retired),
            *(f"{name} is not missed any more: an admin said so." for name in await catalogue.databases.let_go_names()),
            *_missed(status),
            *_unserved(status),
            *([] if any(reach.times for reach in reaches[1:]) else ["Backups lie on this server's disk alone."]),
            *_untried(drills, now, planned=settings.drill_schedule != "off"),
        ),
    )


def _missed(status: Status) -> Iterator[str]:
    if status.week.missed:
        yield f"{count(status.week.missed, 'planned run')} missed in the last 7 days."


def _unserved(status: Status) -> Iterator[str]:
    for one in status.recipients:
        if one.parked_reason:
            yield f"{one.name or one.recipient.called} receives nothing: {reason_words(one.parked_reason)}"


def _untried(drills: Sequence[Drill], now: datetime, *, planned: bool) -> Iterator[str]:
    proven = next((drill for drill in drills if drill.ok and drill.opened), None)
    if not planned:
        yield "No test-restore is planned: DRILL_SCHEDULE is off."
    if proven is None:
        yield "No test-restore has proven that a backup comes back."
    elif now - proven.at > TRIED_WITHIN:
        yield f"The last proven test-restore was {count((now - proven.at).days, 'day')} ago."


def report(seen: Report, timezone: ZoneInfo) -> str:
    """Return the report as an HTML document."""
    status, now = seen.status, seen.status.now
    when = f"{date_time(now, timezone)} {zone_name(timezone)}"
    pictures = [year(seen.days, now.astimezone(timezone).date()), reach(seen.reaches, now, timezone)]
    if seen.trends.databases:
        pictures.insert(0, overview(seen.trends, timezone))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Backups of {_text(seen.server)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>\n'
        f'<h1>Backups of {_text(seen.server)}</h1><p class="faint">{_text(when)}</p>\n'
        f'<p class="verdict">{_text(plain(headline(status, timezone)))}</p>\n'
        + _list("What is wrong", [_text(words_of(alarm, now, timezone).title) for alarm in status.alarms])
        + _list("What is not covered", [_text(words) for words in seen.uncovered])
        + f"<section><h2>{_text(count(len(status.databases), 'database'))}</h2>{_databases(seen, timezone)}</section>\n"
        + f'<section class="second"><h2>Pictures</h2><div class="pictures">{"".join(pictures)}</div></section>\n'
        + _list("Test-restores", _drills(seen.drills, timezone), none="None was made yet.")
        + _list("Alarms of 90 days", _alarms(seen.alarms, timezone), none="There was none.")
        + '<footer><p class="faint">Made by SQLite Courier. A backup counts as proven when the whole database was read'
        " and checked, and its archive was read back and compared.</p></footer></body></html>\n"
    )


def _text(words: str) -> str:
    return html.escape(words)


def _list(heading: str, items: Sequence[str], *, none: str = "") -> str:
    """Return a section with a list; nothing at all where it is empty and `none` says nothing."""
    if not items:
        return f"<section><h2>{heading}</h2><p>{none}</p></section>\n" if none else ""
    return f"<section><h2>{heading}</h2><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul></section>\n"


def _databases(seen: Report, timezone: ZoneInfo) -> str:
    if not seen.status.databases:
        return "<p>No database is configured.</p>"
    rows = {trend.name: trend.points[-1].rows for trend in seen.trends.databases}
    ranked = sorted(seen.status.databases, key=lambda one: (not one.trouble, one.last is not None, one.name))
    lines = [_database(one, rows.get(one.name), timezone) for one in ranked[:MOST_ROWS]]
    more = len(ranked) - MOST_ROWS
    return (
        '<table><tr><th></th><th>name</th><th class="number">size</th><th class="number">rows</th>'
        "<th>last backup</th></tr>"
        + "".join(lines)
        + "</table>"
        + (f'<p class="faint">and {more} more, none of them in trouble</p>' if more > 0 else "")
    )


def _database(one: DatabaseStatus, rows: int | None, timezone: ZoneInfo) -> str:
    sound = one.last is not None and not one.trouble and one.verdict is Verdict.OK
    icon = "✅" if sound else "▪️" if one.retired else "❌" if one.trouble else "⚠️"
    last = date_time(one.last.started_at, timezone) if one.last else "never"
    said = f"{last}: {trouble_words(one)}" if one.trouble else f"{last}; no longer backed up" if one.retired else last
    size = human_size(one.bytes) if one.bytes is not None else ""
    counted = f"{rows:,}" if rows is not None else ""
    return (
        f'<tr><td>{icon}</td><td class="name">{_text(one.name)}</td><td class="number">{size}</td>'
        f'<td class="number">{counted}</td><td>{_text(said)}</td></tr>'
    )


def _drills(drills: Iterable[Drill], timezone: ZoneInfo) -> list[str]:
    return [
        f"{'✅' if drill.ok and drill.opened else '⚠️' if drill.ok else '❌'}"
        f" {date_time(drill.at, timezone)}, {drill.source.words}: {_text(drill_words(drill))}"
        for drill in list(drills)[:MOST_EVENTS]
    ]


def _alarms(alarms: Sequence[Alarm], timezone: ZoneInfo) -> list[str]:
    lines = []
    for alarm in alarms[:MOST_EVENTS]:
        words = words_of(alarm, alarm.ended_at or alarm.began_at, timezone)
        until = date_time(alarm.ended_at, timezone) if alarm.ended_at else "now"
        lines.append(f"{date_time(alarm.began_at, timezone)} to {until}: {_text(words.title)}")
    more = len(alarms) - MOST_EVENTS
    return [*lines, f"and {more} more"] if more > 0 else lines
