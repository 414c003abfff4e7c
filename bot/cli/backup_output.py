"""Prints backups: the list, one in detail, a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.cli.output import Styled, complain, print_table, say, tell, warn
from bot.clock import clock_time, date_time, utc_now, zone_name
from bot.config.settings import Settings
from bot.models import (
    BackedUp,
    Backup,
    BackupDetails,
    BackupState,
    Delivery,
    DeliveryState,
    Recipient,
    RestorePoint,
    RunResult,
    Verdict,
)
from bot.services.catalogue.newest import is_ahead
from bot.texts.backups import asked_by, contents, state_words, trouble_of, who
from bot.texts.markup import joined, one_line, plain, plain_names
from bot.texts.measures import count, human_size
from bot.words.causes import in_full
from bot.words.checks import unchecked_words
from bot.words.failures import UNOPENED, why_failed
from bot.words.outcomes import reason_words
from bot.words.remarks import remarks
from bot.words.retention import retention_words

Names = Mapping[Recipient, str]
Remarks = Mapping[int, str]  # by backup

_STATE_STYLE = {
    BackupState.DELIVERED: "green",
    BackupState.STORED: "cyan",
    BackupState.PARTIAL: "yellow",
    BackupState.FAILED: "red",
    BackupState.INTERRUPTED: "red",
    BackupState.RUNNING: "blue",
}


def _minute(moment: datetime, timezone: ZoneInfo) -> str:
    """Return a time as a table has it: narrow, and in columns, so that 80 columns hold an archive's name too."""
    return f"{moment.astimezone(timezone):%Y-%m-%d} {clock_time(moment, timezone)}"


def _times(timezone: ZoneInfo) -> str:
    zone = zone_name(timezone)
    return f"Times in {zone}." if zone.endswith("UTC") else f"Times in {zone}; archives are named by UTC."


def _state(backup: Backup) -> Styled:
    """Return the state in a word for people: what is amiss with one that is not whole."""
    word = str(backup.state)
    if backup.state is BackupState.PARTIAL:
        word = "incomplete" if backup.skipped else "partly sent"
    return Styled(_STATE_STYLE[backup.state], word)


def print_backups(backups: Sequence[Backup], settings: Settings, why: Remarks, owed: Remarks) -> None:
    """Print one row per backup; under its archive what is particular about it, who lacks it, and why it is kept."""
    if not backups:
        # Without any settings it is the wrong folder, where none should be made.
        say("There are no backups here." + (" `sqlite-courier backup` makes one." if settings.given.texts else ""))
        return
    now, timezone = utc_now(), settings.timezone

    def row(backup: Backup) -> tuple[str | Styled, ...]:
        named = backup.proven or backup.sealed
        where = "damaged" if backup.damaged else "gone" if backup.gone else "" if backup.on_disk else "not on disk"
        remarks = (
            backup.archive_name if named else why_failed(backup),
            ", ".join(
                word
                for word in (
                    f"({where})" if where and named else "",
                    "(dated in the future)" if is_ahead(backup.started_at, now) else "",
                    "📌 pinned" if backup.pinned else "",
                )
                if word
            ),
            UNOPENED if backup.unopened else owed.get(backup.id, ""),
            backup.note,
            why.get(backup.id, ""),
        )
        return (
            str(backup.id),
            _minute(backup.started_at, timezone),
            _state(backup),
            "?" if backup.unopened else _counts(backup),
            human_size(backup.archive_bytes) if backup.archive_name else "—",
            "\n".join(filter(None, remarks)),
        )

    print_table((">id", "time", "state", ">dbs", ">packed", "archive"), map(row, backups))
    say(_times(timezone))


def _counts(one: Backup | RestorePoint) -> str:
    """Say how many databases are in it: `5`, or of how many where some were skipped: `4/5`."""
    held = len(one.databases)
    return f"{held}/{held + len(one.skipped)}" if one.skipped else str(held)


def print_restore_points(points: Sequence[RestorePoint], timezone: ZoneInfo) -> None:
    """Print one row per restore point; under its archive the databases, where they are not those of the row above."""
    if not points:
        say("The chat holds no restore point.")
        return
    above: tuple[str, ...] = ()
    rows = []
    for point in points:
        held = tuple(one.name for one in point.databases)
        shown = plain_names(held, 4) if held != above else ""
        rows.append((
            _minute(point.at, timezone), _counts(point), human_size(point.bytes), str(len(point.volumes)),
            "\n".join(filter(None, (point.archive, shown))),
        ))  # fmt: skip
        above = held
    print_table(("time", ">dbs", ">packed", ">volumes", "archive"), rows)
    say(_times(timezone))


MOST = 20
"""Databases that `show` prints unless all are wanted."""


def print_details(details: BackupDetails, timezone: ZoneInfo, names: Names, most: int | None) -> None:
    """Print one backup; `names` are those of the recipients. Of more than `most` databases the sound ones are cut."""
    backup = details.backup
    state = plain(state_words(backup, details.deliveries, names))
    asked = plain(asked_by(backup.trigger, backup.requested_by))
    style, when = _STATE_STYLE[backup.state], date_time(backup.started_at, timezone)
    say(Styled("bold", f"Backup {backup.id}"), "  ", Styled(style, state), f"  {when}, {asked}")
    if backup.proven:
        where = "on the disk" if backup.on_disk else "gone from the disk" if backup.gone else "no longer on the disk"
        say(f"{backup.archive_name}  {human_size(backup.archive_bytes)}  {where}")
        say(f"SHA-256 {backup.archive_sha256}")
        if backup.sealed:
            say(f"sealed for {backup.sealed}")
        if backup.same_as is not None:
            say(f"unchanged: every database is byte for byte as in backup {backup.same_as}")
    elif backup.unopened:
        say(f"{backup.archive_name}  {UNOPENED}")
    if is_ahead(backup.started_at, utc_now()):
        warn("it is dated in the future: a wrong clock made it, and it counts as the oldest")
    if backup.fault:
        complain("damaged:" if backup.damaged else "gone:", in_full(backup.fault))
    kept = retention_words(details.retention)
    for what, said in (("error", why_failed(backup)), ("note", backup.note), ("kept", kept)):
        if said:
            say(f"{what}: {said}")
    _print_skipped(backup)
    ranked = sorted(backup.databases, key=lambda entry: entry.is_sound)  # what has something to say comes first
    if ranked:
        rows = (
            (
                entry.name,
                human_size(entry.bytes),
                human_size(entry.compressed_bytes),
                str(entry.verdict),
                _rows(entry),
                one_line(entry.path),
            )
            for entry in ranked[:most]
        )
        print_table(("database", ">size", ">packed", "check", ">rows", "path"), rows)
    if most is not None and (more := ranked[most:]):
        checked = ", all checked" if all(entry.is_sound for entry in more) else ""
        say(f"… and {len(more)} more{checked} (--all shows them)")
    _print_earlier_checks(backup, timezone)
    _print_remarks(backup)
    if details.drills:
        from bot.texts.restore_points import drill_lines  # noqa: PLC0415 - it knows other screens, and only this asks it

        say(plain(drill_lines(details.drills[:1], timezone)[0]))
    _print_deliveries(details.deliveries, names, timezone)
    say(_times(timezone))


def _print_earlier_checks(backup: Backup, timezone: ZoneInfo) -> None:
    """Print when that was checked which has not changed by a byte since; what one run checked in a minute is a line."""
    earlier: dict[str, list[str]] = {}
    checked = [(one.checked_at, one.name) for one in backup.databases if one.checked_at is not None]
    for at, name in sorted(checked, key=lambda one: one[0]):
        earlier.setdefault(date_time(at, timezone), []).append(name)
    for when, which in earlier.items():
        named = "all" if len(which) == len(backup.databases) else plain_names(which, 4)
        tell(f"{named} unchanged since the check of {when}")


def _rows(entry: BackedUp) -> str:
    """Return how many rows were counted, with `?` for what could not be."""
    counted = [number for _, number in entry.rows if number >= 0]
    if len(counted) < len(entry.rows) or (not entry.rows and entry.verdict is not Verdict.OK):
        return f"{sum(counted):,} + ?" if counted else "?"
    return f"{sum(counted):,}"


def _print_remarks(backup: Backup) -> None:
    """Print what backup_info.txt warns of: what could not be checked or breaks rules."""
    for entry in backup.databases:
        if entry.verdict is not Verdict.OK:
            why = one_line(unchecked_words(entry.unchecked))
            warn(f"{entry.name} could not be checked{why and f': {why}'}")
        for remark in remarks(entry):
            warn(one_line(f"{entry.name}: {remark}"))


def _print_skipped(backup: Backup) -> None:
    for record in backup.skipped:
        complain("✗", one_line(f"{record.name} is not in it: {in_full(record.why)}"))


_MARKS = {DeliveryState.SENT: "✓", DeliveryState.PARKED: "✗", DeliveryState.NOT_DUE: "-"}
_DELIVERY_WORDS = {
    DeliveryState.PENDING: "not sent yet",
    DeliveryState.SENDING: "not delivered yet",
    DeliveryState.SENT: "delivered",
    DeliveryState.PARKED: "not delivered",
    DeliveryState.NOT_DUE: "not sent",
}


def _print_deliveries(deliveries: Sequence[Delivery], names: Names, timezone: ZoneInfo | None = None) -> None:
    """Print who has a backup, with a `timezone` since when, and why others have not; what is the same in one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in deliveries:
        mark = "-" if one.told_only else _MARKS.get(one.state, "…")
        state = "told" if one.told_only else _DELIVERY_WORDS.get(one.state, str(one.state))
        when = f" {date_time(one.sent_at, timezone)}" if one.sent_at and timezone else ""
        alike.setdefault((mark, reason_words(one.reason) or f"{state}{when}"), []).append(called(one.recipient, names))
    for (mark, said), people in alike.items():
        tell(f"{mark} {plain(trouble_of(joined(people), said))}")


def called(recipient: Recipient, names: Names) -> str:
    """Return a recipient by its name, or by its address where none is known."""
    return plain(who(recipient, names))


def print_run(result: RunResult, names: Names, *, left_to_service: bool) -> None:
    """Print what a run came to; `names` are those of the recipients."""
    backup = result.backup
    tell(
        f"✓ Backup {backup.id} is made and checked: {contents(backup)}"
        + (f", sealed for {backup.sealed}" if backup.sealed else "")
    )
    say(f"  {backup.archive_name}")
    _print_skipped(backup)
    _print_remarks(backup)
    owed = sum(not delivery.state.settled for delivery in result.deliveries)
    if left_to_service and owed:
        say(f"… The running service sends it to {count(owed, 'recipient')}.")
        return
    _print_deliveries(result.deliveries, names)
