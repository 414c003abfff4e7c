"""The parts that all screens of a backup share: databases, verdict, deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bot.errors import NothingToBackUpError
from bot.models import (
    OTHER,
    Actor,
    BackedUp,
    Backup,
    BackupState,
    Cause,
    Delivery,
    DeliveryState,
    Loss,
    Reachability,
    Recipient,
    RecipientStatus,
    SkippedRecord,
    SkipReason,
    Trigger,
    Verdict,
)
from bot.texts.losses import loss_line, shrinking
from bot.texts.markup import FittedList, by_name, joined, name, names, sentence, text
from bot.texts.measures import count, duration, human_size
from bot.texts.skips import full_disk, skip_words
from bot.words.actors import actor_words
from bot.words.causes import in_full
from bot.words.checks import unchecked_words
from bot.words.failures import failure_words, why_failed
from bot.words.outcomes import reason_words
from bot.words.remarks import remarks

STATE_ICONS = {
    BackupState.RUNNING: "🔄",
    BackupState.STORED: "💾",
    BackupState.DELIVERED: "✅",
    BackupState.PARTIAL: "⚠️",
    BackupState.FAILED: "❌",
    BackupState.INTERRUPTED: "⏹",
}
STATE_WORDS = {
    BackupState.RUNNING: "running",
    BackupState.STORED: "stored",
    BackupState.DELIVERED: "delivered",
    BackupState.PARTIAL: "incomplete",
    BackupState.FAILED: "failed",
    BackupState.INTERRUPTED: "interrupted",
}
VERDICT_ICONS = {Verdict.OK: "✅", Verdict.UNCHECKED: "⚠️", Verdict.DAMAGED: "❌"}

_NAMED = 3
"""Recipients that are named where all have a backup; more are a number."""


def backup_icon(backup: Backup) -> str:
    """Return the mark of a backup: one that is delivered may hold less than it should."""
    if backup.state in (BackupState.DELIVERED, BackupState.STORED) and backup.shrunken:
        return STATE_ICONS[BackupState.PARTIAL]
    return STATE_ICONS[backup.state]


def contents(backup: Backup) -> str:
    """Return `5 databases, 3.2 MB (780 KB packed)`, or `4 of 5 databases, …` of one that is incomplete."""
    return f"{held_of(backup)}, {human_size(backup.source_bytes)} ({human_size(backup.archive_bytes)} packed)"


def held_of(backup: Backup) -> str:
    """Return `5 databases`, or `4 of 5 databases` of a backup that is incomplete."""
    held = len(backup.databases)
    return f"{held} of {held + len(backup.skipped)} databases" if backup.skipped else count(held, "database")


def checked_contents(backup: Backup) -> str:
    """Return the same, and that all of it is checked; what is not is among the remarks."""
    unchecked = any(database.verdict is not Verdict.OK for database in backup.databases)
    return contents(backup) + ("" if unchecked or not backup.databases else ", checked")


def database_line(database: BackedUp, losses: Sequence[Loss] = ()) -> str:
    """Return one database of a backup: its verdict, name and size, and what is not as it should be."""
    remarked = database.verdict is Verdict.OK and (remarks(database) or losses)
    line = f"{'⚠️' if remarked else VERDICT_ICONS[database.verdict]} <code>{name(database.name)}</code>"
    line += f" · {human_size(database.bytes)}"
    if losses:
        line += f" · has {shrinking(losses)}: {text(loss_line(losses), 120)}"
    if database.verdict is not Verdict.OK:
        why = text(unchecked_words(database.unchecked), 80)
        line += f" · {database.verdict}{why and f': {why}'}"
    return " · ".join((line, *(text(remark, 100) for remark in remarks(database))))


def _lines(backup: Backup) -> Iterator[tuple[bool, str]]:
    """Yield for each database whether there is nothing to say of it, and its line."""
    for database in backup.databases:
        losses = [loss for loss in backup.shrunken if loss.database == database.name]
        yield database.is_sound and not losses, database_line(database, losses)


def database_lines(backup: Backup, most: int = 20) -> FittedList:
    """List the databases of a backup, those with something to say first."""
    return FittedList(tuple(line for _, line in sorted(_lines(backup), key=lambda each: each[0])), most)


def remarked_lines(backup: Backup, most: int = 10) -> FittedList:
    """List those databases of a backup of which there is something to say."""
    return FittedList(tuple(line for sound, line in _lines(backup) if not sound), most)


def skipped_lines(skipped: Sequence[SkippedRecord], detail: int = 160, most: int = 10) -> FittedList:
    """List the databases that are not in a backup, each with its reason: in `detail` characters, with 0 in a word.

    A disk that is too full for several of them is one line.
    """
    full = [record for record in skipped if record.reason is SkipReason.NO_SPACE]
    shared = full if len(full) > 1 else []
    lines = [
        f"❌ <b>{name(record.name)}</b>: {text(_why_skipped(record), detail) if detail else record.reason}"
        for record in skipped
        if record not in shared
    ]
    return FittedList((*([_cause(skip_words(SkipReason.NO_SPACE).state, shared)] if shared else []), *lines), most)


def _why_skipped(record: SkippedRecord) -> str:
    """Return what befell a database, as plain text; of a damaged one in plain words, and then in SQLite's."""
    if record.why.code == Cause.MISSING and "target" not in dict(record.why.facts):
        return "the file is missing"
    said = "" if record.why.code == OTHER else next((value for fact, value in record.why.facts if fact == "said"), "")
    return f"the file is damaged ({said})" if said and record.reason is SkipReason.DAMAGED else in_full(record.why)


def failed_words(backup: Backup) -> str:
    """Return why a run came to nothing, as plain text; empty where that is not known.

    Where no database could be read, what befell each is left to the lines below.
    """
    alone = backup.skipped and backup.error_code == NothingToBackUpError.code
    return failure_words(backup.error_code) if alone else why_failed(backup)


def skipped_causes(skipped: Sequence[SkippedRecord], most: int = 10) -> FittedList:
    """List what is not in a backup by cause, each once: `users.db, shop.db are missing`. Nothing in it is a path."""
    causes: dict[str, list[SkippedRecord]] = {}
    for record in skipped:
        causes.setdefault(skip_words(record.reason).state, []).append(record)
    return FittedList(tuple(_cause(state, befallen) for state, befallen in causes.items()), most)


def _cause(state: str, befallen: Sequence[SkippedRecord]) -> str:
    figures = full_disk([record.why.facts for record in befallen])
    whom = f"❌ <b>{names([record.name for record in befallen], 8)}</b>"
    if figures:
        return f"{whom}: not enough disk space, {figures}"
    return f"{whom} {'is' if len(befallen) == 1 else 'are'} {state}"


def who(recipient: Recipient, names: Mapping[Recipient, str] | None = None) -> str:
    """Return a recipient as people know it: by its name, or by its number where no name is known."""
    known = (names or {}).get(recipient, "")
    return name(known, 40) if known else text(recipient.called, 80)


def names_of(statuses: Sequence[RecipientStatus | Reachability]) -> dict[Recipient, str]:
    """Return the names known of recipients; of two with one name, each with its address."""
    often = Counter(status.name for status in statuses)
    return {
        status.recipient: f"{status.name} ({status.recipient.address})" if often[status.name] > 1 else status.name
        for status in statuses
        if status.name
    }


def trouble_of(person: str, reason: str) -> str:
    """Join a person and what is in the way: `77 must press Start first`, `Admins: the bot was removed.`"""
    reason = text(reason, 160)
    return f"{person} {reason}" if reason.startswith(("must ", "has ", "is ", "did ")) else f"{person}: {reason}"


def delivered_to(deliveries: Sequence[Delivery], names: Mapping[Recipient, str] | None = None) -> str:
    """Return `delivered to Ann, not to Ben` or, of many, `delivered to 2 of 5`: only what Telegram has confirmed."""
    spared = sum(delivery.state is DeliveryState.NOT_DUE for delivery in deliveries)
    due = [d for d in deliveries if d.state not in (DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)]
    pointed = sum(delivery.told_only for delivery in due)
    sent, rest = sum(delivery.received for delivery in due), f", {pointed} told only where it lies" if pointed else ""
    received = [delivery.recipient for delivery in due if delivery.received]
    if names and 0 < len(due) <= _NAMED and not spared and not pointed:
        missing = joined([who(delivery.recipient, names) for delivery in due if not delivery.received])
        if not received:
            return f"not delivered to {missing} yet"
        return f"delivered to {joined([who(one, names) for one in received])}" + (f", not to {missing}" * bool(missing))
    if spared:
        if not due:
            return "not sent: nobody wanted it, or nothing has changed"
        return f"delivered to {sent} of {len(due)}{rest}, not sent to {spared}"
    if not due:
        return "delivered to nobody" if deliveries else "nobody is to receive it"
    return f"delivered to {f'all {sent}' if sent == len(due) > 1 else f'{sent} of {len(due)}'}{rest}"


def not_delivered_to(deliveries: Sequence[Delivery], names: Mapping[Recipient, str] | None = None) -> str:
    """Return `not delivered to Ben` of those who are still owed a backup; empty where nobody is."""
    owed = [delivery for delivery in deliveries if not delivery.state.settled]
    if not owed:
        return ""
    if not any(one.reason or one.attempts for one in owed) and len(owed) == len(deliveries):
        return "not sent yet"
    if len(owed) == len(deliveries) > 1:
        return "not delivered yet"
    return f"not delivered to {joined([who(one.recipient, names) for one in owed], 2)}"


def state_words(backup: Backup, deliveries: Sequence[Delivery], names: Mapping[Recipient, str] | None = None) -> str:
    """Return in a word or two how a backup stands: its databases first, then who does not have it."""
    if backup.state is BackupState.PARTIAL and not backup.skipped:
        return not_delivered_to(deliveries, names) or STATE_WORDS[BackupState.DELIVERED]
    if backup.state is BackupState.STORED:
        return not_delivered_to(deliveries, names) or STATE_WORDS[BackupState.STORED]
    return STATE_WORDS[backup.state]


def owed_lines(
    deliveries: Sequence[Delivery], now: datetime, names: Mapping[Recipient, str] | None = None, most: int = 10
) -> FittedList:
    """List who does not have a backup yet, and why."""
    return delivery_lines([one for one in deliveries if not one.state.settled], now, names, most)


def delivery_lines(
    deliveries: Sequence[Delivery], now: datetime, names: Mapping[Recipient, str] | None, most: int
) -> FittedList:
    """List what became of deliveries; those that wait for the same reason as long as each other are one line."""
    alike: dict[object, list[Delivery]] = {}
    for one in deliveries:
        waits = one.state is DeliveryState.PENDING and one.reason
        alike.setdefault(delivery_line(one, now, names, "who") if waits else one.recipient, []).append(one)
    whom = {
        key: sentence(joined([who(one.recipient, names) for one in some])) for key, some in alike.items() if some[1:]
    }
    lines = (delivery_line(some[0], now, names, whom.get(key, "")) for key, some in alike.items())
    return FittedList(tuple(lines), most)


def delivery_line(
    delivery: Delivery, now: datetime, names: Mapping[Recipient, str] | None = None, whom: str = ""
) -> str:
    """Return one row of the ledger: to whom, and what became of it; `whom` names several of the same."""
    person, reason = whom or who(delivery.recipient, names), reason_words(delivery.reason)
    match delivery.state:
        case DeliveryState.SENT:
            gone = any(volume.deleted_at for volume in delivery.volumes)
            if reason:
                return f"✉️ {person}: {text(reason, 160)}"
            return f"✅ {person}: delivered{', since tidied away' if gone else ''}"
        case DeliveryState.SENDING:
            return f"📤 {person}: on its way"
        case DeliveryState.SUPERSEDED:
            return f"⏭ {person}: a newer backup went instead"
        case DeliveryState.NOT_DUE:
            return f"🔕 {person}: not sent, {text(reason or 'not due', 160)}"
        case DeliveryState.PARKED:
            return f"🚫 {trouble_of(sentence(person), reason or 'can not be reached')}"
        case DeliveryState.PENDING:
            wait = (delivery.next_try_at - now).total_seconds() if delivery.next_try_at else 0
            again = f"; next try in {duration(wait)}" if wait > 1 else ""
            return f"⏳ {trouble_of(sentence(person), reason or 'waiting')}{again}"


def unchanged_line(backup: Backup) -> str | None:
    """Say of a run that found nothing changed which backup holds the same; None for any other."""
    if backup.same_as is None:
        return None
    kept = "" if backup.on_disk else ", whose archive is the one that is kept"
    return f"🟰 Checked: every database is byte for byte as in backup {backup.same_as}{kept}"


def in_some_chat(deliveries: Sequence[Delivery]) -> bool:
    """Tell whether a chat may still have the whole archive; one without any rows was learned from a chat."""
    sent = [delivery for delivery in deliveries if delivery.received]
    return not deliveries or any(not any(volume.deleted_at for volume in d.volumes) for d in sent)


def asked_by(trigger: Trigger, requested_by: str) -> str:
    """Return who asked for a run: `asked for by Ann`, `started by schedule`; or where else a backup is known from."""
    if requested_by in (Actor.CHAT, Actor.DISK):
        return actor_words(requested_by)
    match trigger:
        case Trigger.SCHEDULE:
            return "started by schedule"
        case Trigger.CATCH_UP:
            return "started to catch up on a missed run"
        case Trigger.SAFETY:
            return f"safety copy before a restore by {by_name(requested_by)}"
        case Trigger.BUTTON | Trigger.COMMAND:
            return f"asked for by {by_name(requested_by)}"
