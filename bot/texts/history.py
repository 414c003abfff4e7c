"""The history of backups, and the screen of one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import zone_name
from bot.models import Backup, BackupDetails, BackupPage, BackupState, DatabaseStatus, Recipient
from bot.services.catalogue.newest import is_ahead
from bot.services.sealing.keys import BY_PASSPHRASE
from bot.texts.backups import (
    STATE_ICONS,
    STATE_WORDS,
    asked_by,
    backup_icon,
    checked_contents,
    contents,
    database_lines,
    delivered_to,
    delivery_lines,
    failed_words,
    held_of,
    in_some_chat,
    skipped_lines,
    state_words,
    unchanged_line,
)
from bot.texts.markup import FittedList, compose, folded, name, sentence, text
from bot.texts.markup import names as fitted_names
from bot.texts.measures import count, human_size, local_day, moment
from bot.texts.proof import check_verdict, seal_line
from bot.texts.restore_points import drill_lines
from bot.words.causes import in_full
from bot.words.failures import UNOPENED
from bot.words.retention import retention_words

COPY_SHA256 = "📋 SHA-256"
COPY_RESTORE = "📋 Restore command"
NOTE_REMOVED = "The note is removed."

_AHEAD = "🕰 Dated in the future: a wrong clock made it, and it counts as the oldest."


def history(page: BackupPage, timezone: ZoneInfo) -> str:
    """Return the text over a page of the history; the backups themselves are its buttons."""
    if not page.total:
        return "🗂 <b>History</b>\nNo backup has been made yet."
    of_pages = f", page {page.page + 1} of {page.pages}" if page.pages > 1 else ""
    marks = {mark for one in page.backups for mark in _marks(one, by_rule=one.id in page.by_rule)}
    return compose(
        f"🗂 <b>History</b>: {count(page.total, 'backup')}{of_pages}",
        f"Newest first, times in {text(zone_name(timezone), 40)}. Press one to see what is in it.",
        " · ".join(f"{mark} {means}" for mark, means in _MEANINGS.items() if mark in marks) or None,
    )


def history_label(backup: Backup, now: datetime, timezone: ZoneInfo, *, by_rule: bool = False) -> str:
    """Return the button of one backup, as plain text."""
    held = f"{held_of(backup)}, {human_size(backup.archive_bytes)} packed"
    what = held if backup.proven else STATE_WORDS[backup.state]
    what = "not opened" if backup.unopened else what
    marks = "".join(_marks(backup, by_rule=by_rule))
    return f"{marks} {backup.id} · {moment(backup.started_at, now, timezone)} · {what}"


_MEANINGS = {
    STATE_ICONS[BackupState.STORED]: "stored, not sent",
    STATE_ICONS[BackupState.PARTIAL]: "incomplete, lost rows, or not delivered to all",
    STATE_ICONS[BackupState.FAILED]: "failed",
    STATE_ICONS[BackupState.INTERRUPTED]: "interrupted",
    "📌": "pinned",
    "🗓": "kept by a rule",
    "📝": "with a note",
    "🚫": "gone or damaged",
    "🟰": "unchanged",
    "☁️": "no longer on the disk",
    "🔒": "sealed",
}
"""What the marks of a page mean; a tick needs no word."""


def _marks(backup: Backup, *, by_rule: bool) -> tuple[str, ...]:
    """Return the marks of one backup: how it went, how it is kept, where it is."""
    away = backup.proven and not backup.on_disk
    where = "🚫" if backup.fault else "🟰" if backup.same_as is not None else "☁️" if away else ""
    marks = (
        backup_icon(backup),
        "📌" * backup.pinned,
        "🗓" * by_rule,
        "📝" * bool(backup.note),
        where,
        "🔒" * bool(backup.sealed),
    )
    return tuple(mark for mark in marks if mark)


def details(
    details: BackupDetails,
    now: datetime,
    timezone: ZoneInfo,
    names: Mapping[Recipient, str] | None = None,
    lacking: Sequence[DatabaseStatus] = (),
) -> str:
    """Return one backup in full: state, databases with their verdicts, who has it, and how long it stays.

    `lacking` are the databases that it does not hold and that are in trouble to this day.
    """
    backup = details.backup
    pinned = " · 📌 pinned" if backup.pinned else ""
    # That it is delivered is told below, with to whom.
    state = "" if backup.state is BackupState.DELIVERED else f" · {state_words(backup, details.deliveries, names)}"
    telling = [one for one in details.deliveries if not one.received or any(v.deleted_at for v in one.volumes)]
    return compose(
        f"{backup_icon(backup)} <b>Backup {backup.id}</b>{state}{pinned}",
        f"{moment(backup.started_at, now, timezone)}, {asked_by(backup.trigger, backup.requested_by)}",
        _AHEAD if is_ahead(backup.started_at, now) else None,
        UNOPENED if backup.unopened else text(failed_words(backup), 800) if not backup.proven else None,
        f"📝 {text(backup.note, 300)}" if backup.note else None,
        *(_held(backup) if backup.proven else ()),
        "",
        skipped_lines(backup.skipped),
        FittedList(_last_copies(lacking, now, timezone), 4),
        database_lines(backup),
        "",
        f"📬 {sentence(delivered_to(details.deliveries, names))}" if details.deliveries else None,
        delivery_lines(telling, now, names, 8),
        FittedList(drill_lines(details.drills[:1], timezone), 1),
        _retention(details, now, timezone) if backup.proven else None,
        _archive(details, timezone) if backup.proven else None,
    )


def _last_copies(lacking: Sequence[DatabaseStatus], now: datetime, timezone: ZoneInfo) -> tuple[str, ...]:
    """Return which backup holds the last good copy of each, those in one backup in one line."""
    held: dict[int, tuple[Backup, list[str]]] = {}
    for one in lacking:
        if one.last is not None:
            held.setdefault(one.last.id, (one.last, []))[1].append(one.name)
    return tuple(
        f"🛟 Last good copy of {fitted_names(some, 3)}: backup {last.id} ({moment(last.started_at, now, timezone)})"
        for last, some in held.values()
    )


def _held(backup: Backup) -> tuple[str, ...]:
    return (checked_contents(backup), *filter(None, (seal_line(backup), unchanged_line(backup))))


def _archive(details: BackupDetails, timezone: ZoneInfo) -> str:
    """Return what programs and people at a terminal need: how it was proven, the file and its digest."""
    backup = details.backup
    volumes = f" in {details.volumes} volumes" if details.volumes > 1 else ""
    return folded(
        check_verdict(backup, timezone),
        f"<code>{name(backup.archive_name, 60)}</code> (UTC){volumes}",
        f"SHA-256 <code>{backup.archive_sha256}</code>",
        *_by_hand(details),
    )


def _by_hand(details: BackupDetails) -> tuple[str, ...]:
    """Return what to type on the server, and where the command has the key of a sealed archive from."""
    if not (command := restore_command(details)):
        return ()
    line = f"On the server: <code>{name(command, 120)}</code>"
    if not details.backup.sealed:
        return (line,)
    if details.backup.sealed == BY_PASSPHRASE:
        return (line, "It asks for the passphrase, unless <code>.env</code> has it.")
    return (line, "It asks for the key, unless <code>.env</code> or <code>--identity FILE</code> names its file.")


def restore_command(details: BackupDetails) -> str:
    """Return what restores a backup on the server, which asks before it does; empty where that can't be."""
    backup = details.backup
    if not details.restorable:
        return ""
    source = "" if backup.sound else " --from-telegram"
    return f"sqlite-courier restore {shlex.quote(backup.archive_name)}{source} --in-place"


def _retention(details: BackupDetails, now: datetime, timezone: ZoneInfo) -> str:
    if details.backup.damaged:
        return f"🚫 <b>The archive on the server's disk is damaged:</b> {text(in_full(details.backup.fault), 250)}"
    if details.backup.gone:
        return "🚫 <b>The archive is gone from the server's disk</b>, and nobody here has deleted it."
    if not details.backup.on_disk and details.backup.same_as is not None:
        return f"💽 Nothing to keep: backup {details.backup.same_as} holds the same."
    if not details.backup.on_disk and not in_some_chat(details.deliveries):
        return "💽 No longer on the server's disk, and tidied away from the chats."
    if not details.backup.on_disk:
        return "💽 No longer on the server's disk; what was delivered stays in the chats."
    until = details.backup.keep_until
    if until is not None and details.backup.kept_for_now(now) and not details.backup.pinned:
        return f"🛟 Kept until {local_day(until, timezone)}. 📌 Pin keeps it for good."
    return _kept(retention_words(details.retention))


def _kept(why: str) -> str:
    if not why:
        return "💽 On the server's disk."
    return f"💽 Kept: {'it is ' if why.startswith(('the ', 'a ')) else ''}{text(why, 250)}"


def confirm_delete(details: BackupDetails, now: datetime, timezone: ZoneInfo) -> str:
    """Return the question before a backup is deleted."""
    backup = details.backup
    return compose(
        f"🗑 <b>Delete backup {backup.id}?</b>",
        f"{moment(backup.started_at, now, timezone)} · {contents(backup)}",
        f"<code>{name(backup.archive_name, 60)}</code>",
        "",
        "The archive goes from the server's disk for good. Copies already in the chats stay there."
        if in_some_chat(details.deliveries)
        else "The archive goes from the server's disk for good. <b>No chat has a copy of it any more.</b>",
    )


def ask_note(details: BackupDetails) -> str:
    """Return the question for a note."""
    backup = details.backup
    return compose(
        f"📝 <b>A note on backup {backup.id}</b>",
        f"Now: {text(backup.note, 300)}" if backup.note else None,
        "",
        "Type it in one message, such as <i>before the migration</i>; what is over 200 characters is cut off. "
        "I wait five minutes.",
    )
