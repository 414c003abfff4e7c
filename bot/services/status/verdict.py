"""Sums up the state of service, backups, databases, deliveries and restores in one verdict: the worst of them."""

from __future__ import annotations

from bot.models import BackupState, Condition, DatabaseStatus, DeliveryState, Status, Verdict


def condition_of(status: Status) -> Condition:
    """Return how all stands: what every screen is headed with, and what `sqlite-courier status` exits with.

    GOOD is only where scheduled backups happen, the newest one holds every database, checked, is not too old, and has
    arrived or waits for its turn.
    """
    return max(Condition.LOOK if status.is_paused else Condition.GOOD, condition_beside_pause(status))


def condition_beside_pause(status: Status) -> Condition:
    """Return how all stands but for a pause, which somebody wanted."""
    running = status.is_paused or status.state.is_running
    return max(
        Condition.GOOD if running else Condition.WRONG,
        backup_condition(status),
        delivery_condition(status),
        restore_condition(status),
        *map(database_condition, status.databases),
        Condition.WRONG if status.alarms else Condition.GOOD,
    )


def backup_condition(status: Status) -> Condition:
    """Judge the newest run and the age of the newest good backup; in a pause it may grow old."""
    latest, proven = status.latest, status.latest_proven
    if proven is None:
        return Condition.LOOK if latest is None else Condition.WRONG
    if latest is not None and (latest.skipped or latest.state is BackupState.FAILED):
        return Condition.WRONG
    if status.stale:
        return Condition.LOOK if status.is_paused else Condition.WRONG
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


def delivery_condition(status: Status) -> Condition:
    """Judge who has the newest good backup: who waits for a first try is no trouble."""
    waits = (DeliveryState.PENDING, DeliveryState.PARKED)
    invited = {recipient.recipient for recipient in status.recipients if recipient.invited}
    owed = any(
        delivery.state in waits and delivery.reason and delivery.recipient not in invited
        for delivery in status.latest_deliveries
    )
    parked = any(recipient.parked_reason and not recipient.invited for recipient in status.recipients)
    return Condition.LOOK if owed or parked else Condition.GOOD


def restore_condition(status: Status) -> Condition:
    """Judge the newest test-restore, and restores that were cut off."""
    if status.last_drill is not None and not status.last_drill.ok:
        return Condition.WRONG
    return Condition.LOOK if status.cut_off else Condition.GOOD
