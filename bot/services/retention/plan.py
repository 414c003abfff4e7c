"""Plans which archives stay on the disk and which are deleted: pure, with floors that no limit goes below."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.models import Backup, BackupState, Reason, RetentionCode, Trigger, Verdict, because
from bot.services.files.names import folded
from bot.services.retention.rules import KeepRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a backup's archive, and why, by a `RetentionCode`."""

    backup: Backup
    keep: bool
    why: Reason
    by_rule: bool = False  # kept by a keep rule, and by no floor


_DAMAGED_KEPT = timedelta(days=7)


def plan_prune(
    backups: Sequence[Backup],
    *,
    now: datetime,
    max_age: timedelta | None,
    max_count: int | None,
    in_use: Collection[int] = (),
    rules: KeepRules | None = None,
) -> tuple[Decision, ...]:
    """Decide for every backup on disk, newest first; nothing is deleted here. None is no limit.

    Kept whatever the limits say: pinned backups, those in use (ids; being sent or read now), the newest proven one, and
    for every database name the newest proven one that contains it, also when the database is skipped or gone since;
    where that one's check could give no verdict, the newest one that was found whole as well. An archive that is known
    to be damaged is none of these and takes no place; it goes when it is old, unless nothing else holds a database of
    its. A safety copy holds what somebody wanted to get rid of: it is no last good backup where there is another, stays
    until its `keep_until`, and goes then. Backups that are not proven don't count and are left alone. Pinned ones and
    safety copies don't count either: pinning fifty must not push out the rest. The other kept ones count, so that
    `max_count` holds unless the floors alone are more.

    What a keep rule keeps goes by neither age nor count either, but takes one of the `max_count` places: the rules win
    only where they keep more than that by themselves.

    A clock that was wrong does not get below the floors: what is newest is also asked of the ids, the order in which
    runs were made, and of the dates that have passed; a backup dated in the future is as old as the run after it. A
    backup that a recipient is still owed goes when its time has come. Raises ValueError for a limit that would keep
    nothing.
    """
    if (max_count is not None and max_count < 1) or (max_age is not None and max_age <= timedelta()):
        message = "a limit of nothing would delete every backup; None is no limit"
        raise ValueError(message)
    on_disk = [backup for backup in backups if backup.on_disk]
    ours = [backup for backup in on_disk if backup.proven and backup.state is not BackupState.RUNNING]
    proven = [backup for backup in ours if not backup.damaged]
    dates = _dates(ours, now)
    floors = {**_floors(proven, dates, now, in_use), **_remains(ours, proven, now, in_use)}
    by_rules = {b.id: dates[b.id] for b in proven if b.trigger is not Trigger.SAFETY}
    reasons = {**rules.reasons(by_rules), **floors} if rules is not None else floors
    taken = sum(1 for b in proven if b.id in reasons and not b.pinned and not b.kept_for_now(now))
    slots = None if max_count is None else max_count - taken
    max_age_damaged = max_age or _DAMAGED_KEPT

    decisions = []
    for backup in sorted(on_disk, key=lambda b: (dates.get(b.id, b.started_at), b.id), reverse=True):
        keep, why, by_rule = True, Reason(RetentionCode.WITHIN_LIMITS), False
        if backup.id not in dates:
            why = Reason(RetentionCode.UNOPENED if backup.sealed else RetentionCode.NOT_PROVEN)
        elif backup.id in reasons:
            why, by_rule = reasons[backup.id], backup.id not in floors
        elif backup.keep_until is not None:
            keep, why = False, Reason(RetentionCode.SAFETY_OVER)
        elif backup.damaged:
            keep = now - dates[backup.id] <= max_age_damaged
            why = Reason(RetentionCode.DAMAGED) if keep else _older(RetentionCode.DAMAGED_OLD, max_age_damaged)
        elif max_age is not None and now - dates[backup.id] > max_age:
            keep, why = False, _older(RetentionCode.OLD, max_age)
        elif slots is not None and slots <= 0:
            keep, why = False, because(RetentionCode.TOO_MANY, count=max_count or 0)
        elif slots is not None:
            slots -= 1
        decisions.append(Decision(backup=backup, keep=keep, why=why, by_rule=by_rule))
    return tuple(decisions)


def _dates(backups: Sequence[Backup], now: datetime) -> Mapping[int, datetime]:
    """Return when each backup was made; for one dated in the future, the time of the next run that is not."""
    dates: dict[int, datetime] = {}
    latest = now
    for backup in sorted(backups, key=lambda b: b.id, reverse=True):
        latest = min(latest, backup.started_at)
        dates[backup.id] = backup.started_at if backup.started_at <= now else latest
    return dates


def _floors(
    backups: Sequence[Backup], dates: Mapping[int, datetime], now: datetime, in_use: Collection[int]
) -> Mapping[int, Reason]:
    """Return why a backup is kept whatever the limits say, by its id; the strongest reason first."""
    reasons = {
        b.id: Reason(RetentionCode.PINNED if b.pinned else RetentionCode.IN_USE)
        for b in backups
        if b.pinned or b.id in in_use
    }
    # A clock that was wrong spoils one of these orders, and no two in the same way: ids follow the clock only where a
    # rebuilt catalogue numbered the archives by their dates.
    ordinary = [backup for backup in backups if backup.trigger is not Trigger.SAFETY]
    orders = (
        sorted(ordinary, key=lambda backup: (dates[backup.id], backup.id), reverse=True),
        sorted(ordinary, key=lambda backup: backup.id, reverse=True),
        sorted((b for b in ordinary if b.started_at <= now), key=lambda b: (b.started_at, b.id), reverse=True),
    )
    for newest_first in orders:
        if newest_first:
            reasons.setdefault(newest_first[0].id, Reason(RetentionCode.NEWEST))
        for backup, names in _last_good(newest_first):
            reasons.setdefault(backup.id, _of(RetentionCode.LAST_GOOD, names))
    known = {folded(database.name) for backup in ordinary for database in backup.databases}
    copies = sorted((b for b in backups if b.trigger is Trigger.SAFETY), key=lambda b: b.id, reverse=True)
    for backup, names in _last_good(copies):
        alone = [name for name in names if folded(name) not in known]
        if alone:
            reasons.setdefault(backup.id, _of(RetentionCode.ONLY_COPY, alone))
    for backup in copies:
        if backup.kept_for_now(now):
            reasons.setdefault(backup.id, Reason(RetentionCode.SAFETY))
    return reasons


def _remains(
    ours: Sequence[Backup], proven: Sequence[Backup], now: datetime, in_use: Collection[int]
) -> Mapping[int, Reason]:
    """Return why a damaged archive is kept: what can be saved out of it by hand may be all there is of a database."""
    held = {folded(database.name) for backup in proven for database in backup.databases}
    reasons: dict[int, Reason] = {}
    for backup in ours:
        if backup.damaged:
            alone = [database.name for database in backup.databases if folded(database.name) not in held]
            if backup.pinned:
                reasons[backup.id] = Reason(RetentionCode.DAMAGED_PINNED)
            elif backup.id in in_use:
                reasons[backup.id] = Reason(RetentionCode.IN_USE)
            elif backup.kept_for_now(now):
                reasons[backup.id] = Reason(RetentionCode.DAMAGED_SAFETY)
            elif alone:
                reasons[backup.id] = _of(RetentionCode.DAMAGED_ONLY, alone)
    return reasons


def _last_good(newest_first: Iterable[Backup]) -> Iterable[tuple[Backup, tuple[str, ...]]]:
    """Yield each backup that holds the newest copy of a database, or the newest copy found whole, and whose."""
    seen: set[str] = set()
    whole: set[str] = set()
    for backup in newest_first:
        names = []
        for database in backup.databases:
            name = folded(database.name)
            if name not in seen or (database.verdict is Verdict.OK and name not in whole):
                names.append(database.name)
            seen.add(name)
            if database.verdict is Verdict.OK:
                whole.add(name)
        if names:
            yield backup, tuple(names)


def _of(code: RetentionCode, names: Iterable[str]) -> Reason:
    return Reason(code, tuple(("name", name) for name in names))


def _older(code: RetentionCode, age: timedelta) -> Reason:
    return because(code, days=f"{age / timedelta(days=1):g}")
