"""The ledger's decisions, without a ledger."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.models import Backup, DeliveryState, Recipient, RecipientStatus
from bot.services.delivery.policy import LONGEST_RETRY, SHORTEST_RETRY, all_sent, covers, retry_seconds, uploader_rank
from tests.world import samples
from tests.world.samples import delivery

NOW = datetime(2026, 7, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize("delay", [0.0, 0.5, 5.0, 7200.0])
def test_waits_double_are_spread_and_end_at_an_hour(delay: float) -> None:
    """Whatever RETRY_DELAY says, there is some wait, and none is longer than an hour."""
    for failures in range(1, 60):
        wait = retry_seconds(failures, delay)
        floor = max(delay, SHORTEST_RETRY) * 2 ** (failures - 1)
        assert SHORTEST_RETRY <= wait <= LONGEST_RETRY
        assert wait == LONGEST_RETRY or floor <= wait <= floor * 1.25


def test_an_ambiguous_failure_waits_longer() -> None:
    """The wait is at least twice what it would have been."""
    assert retry_seconds(1, 5, ambiguous=True) >= 10


def test_a_backup_covers_another_when_it_holds_all_its_databases() -> None:
    """More is fine, less is not."""

    def backup(*names: str) -> Backup:
        return samples.backup(databases=tuple(map(samples.database, names)))

    assert covers(backup("a", "b"), backup("a"))
    assert covers(backup("a"), backup("a"))
    assert not covers(backup("a"), backup("a", "b"))


def test_the_last_to_be_served_uploads_first() -> None:
    """Who never took a backup comes after everybody who did."""

    def status(chat_id: int, last_sent_at: datetime | None) -> RecipientStatus:
        return RecipientStatus(recipient=Recipient(chat_id=chat_id), last_sent_at=last_sent_at)

    statuses = [status(1, None), status(2, NOW - timedelta(hours=1)), status(3, NOW)]
    assert [one.recipient.chat_id for one in sorted(statuses, key=uploader_rank)] == [3, 2, 1]


def test_what_is_not_due_keeps_no_backup_from_being_delivered() -> None:
    """Who chose less is not waited for; without anybody to whom it is due nothing was delivered."""
    not_due = delivery(2, DeliveryState.NOT_DUE)
    assert all_sent([delivery(1, DeliveryState.SENT), not_due])
    assert not all_sent([delivery(1, DeliveryState.PENDING), not_due])
    assert not all_sent([not_due])
