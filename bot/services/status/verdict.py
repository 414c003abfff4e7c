"""Sums up the state of service, backups, databases, deliveries and restores in one verdict: the worst of them."""

from __future__ import annotations

from bot.models import BackupState, Condition, DatabaseStatus, DeliveryState, Status, Verdict


def condition_of(seen: Status) -> Condition:
    """Return how all stands: what every screen is headed with, and what `sqlite-courier status` exits with.

    GOOD is only where scheduled backups happen, the newest one holds every database, checked, is not too old, and has
    arrived or waits for its turn.
    """
    return max(Condition.LOOK if seen.is_paused else Condition.GOOD, condition_beside_pause(seen))


def condition_beside_pause(seen: Status) -> Condition:
    """Return how all stands but for a pause, which somebody wanted."""
    running = seen.is_paused or seen.state.is_running
    return max(
        Condition.GOOD if running else Condition.WRONG,
        backup_condition(seen),
        delivery_condition(seen),
        restore_condition(seen),
        *map(database_condition, seen.databases),
        Condition.WRONG if seen.alarms else Condition.GOOD,
    )


def backup_condition(seen: Status) -> Condition:
    """Judge the newest run and the age of the newest good backup; in a pause it may grow old."""
    latest, proven = seen.latest, seen.latest_proven
    if proven is None:
        return Condition.LOOK if latest is None else Condition.WRONG
    if latest is not None and (latest.skipped or latest.state is BackupState.FAILED):
        return Condition.WRONG
    if seen.stale:
        return Condition.LOOK if seen.is_paused else Condition.WRONG
    return Condition.LOOK if latest is not None and not latest.proven else Condition.GOOD


def database_condition(database: DatabaseStatus) -> Condition:
    """Judge one database: what could not be checked, or was not backed up yet, is not good.

    One that DATABASES names no more is of no concern here.
    """
    if database.retired:
        return Condition.GOOD
    if database.trouble:
        return Condition.WRONG
    return Condition.GOOD if database.verdict is Verdict.OK else Condition.LOOK


def delivery_condition(seen: Status) -> Condition:
    """Judge who has the newest good backup: who waits for a first try is no trouble."""
    waits = (DeliveryState.PENDING, DeliveryState.PARKED)
    owed = any(delivery.state in waits and delivery.reason for delivery in seen.latest_deliveries)
    parked = any(recipient.parked_reason for recipient in seen.recipients)
    return Condition.LOOK if owed or parked else Condition.GOOD


def restore_condition(seen: Status) -> Condition:
    """Judge the newest test-restore, and restores that were cut off."""
    if seen.last_drill is not None and not seen.last_drill.ok:
        return Condition.WRONG
    return Condition.LOOK if seen.cut_off else Condition.GOOD
