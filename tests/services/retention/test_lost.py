"""Archives that somebody took from the disk: found at the next look, and told by who has them all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.models import Backup, Condition, Delivery, DeliveryReason, DeliveryState, Reason, Recipient, SentVolume, Status
from bot.services.manager import Courier
from bot.services.retention import housekeeping, inventory
from bot.services.status.verdict import ConcernKind, concerns_of
from bot.texts.lost import lost_lines, lost_mend, lost_words
from bot.texts.status import status as status_text
from tests.world.catalogue import House
from tests.world.samples import BERLIN

ANN, STORE = Recipient(chat_id=11), Recipient(place="s3://bucket/prefix")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def received(courier: Courier, backup: Backup, whom: Recipient) -> Delivery:
    """Somebody has received a backup, in one volume."""
    at = backup.started_at + timedelta(minutes=1)
    await courier.catalogue.deliveries.record_sent(backup.id, whom, SentVolume(number=1, message_id=7, sent_at=at))
    delivery = Delivery(backup_id=backup.id, recipient=whom, state=DeliveryState.SENT, sent_at=at)
    await courier.catalogue.deliveries.save(delivery)
    return delivery


def standing_of(status: Status, kind: ConcernKind) -> Condition:
    return next((one.condition for one in concerns_of(status) if one.kind is kind), Condition.GOOD)


async def test_what_is_gone_is_told_by_who_has_it(house: House) -> None:
    """In the chat, in a store, or nowhere: noticed at the very next look of a process that runs on."""
    first, second = await house.back_up(), await house.back_up()
    async with house.courier() as courier:
        delivery = await received(courier, first, ANN)
        assert standing_of(await courier.status(), ConcernKind.LOST) is Condition.GOOD
        house.archive(first).unlink()
        (lost,) = (status := await courier.status()).lost
        assert standing_of(status, ConcernKind.LOST) is Condition.LOOK
        assert (lost.backup_id, lost.gone, lost.can_be_had, lost.holders) == (first.id, True, True, (ANN,))
        assert lost_words([first.id], [], alone=0, none_left=False) == "backup 1 is gone from the disk"

        house.archive(second).write_bytes(house.archive(second).read_bytes()[:-1])
        status = await courier.status()
        assert [(one.backup_id, one.gone, one.can_be_had) for one in status.lost] == [
            (second.id, False, False),
            (first.id, True, True),
        ]
        assert status.latest_proven is not None
        assert status.latest_proven.id == first.id
        assert lost_words([first.id], [second.id], alone=1, none_left=False) == (
            "2 archives are gone from or damaged on the disk, 1 of them held by nobody else"
        )
        assert lost_lines(status, BERLIN).lines == (
            "🚨 Lost: backup 2 (today 16:00)",
            "💬 Still in the chat: backup 1 (today 15:00)",
        )
        await received(courier, second, STORE)
        assert "☁️ Still at s3://bucket/prefix: backup 2" in status_text(await courier.status(), BERLIN)
        await courier.catalogue.deliveries.mark_tidied(delivery, {1})
        tidied = next(one for one in (await courier.status()).lost if one.backup_id == first.id)
        assert not tidied.can_be_had


async def test_who_was_only_told_of_it_has_nothing(house: House) -> None:
    backup = await house.back_up()
    async with house.courier() as courier:
        told = await received(courier, backup, ANN)
        why = Reason(DeliveryReason.TOLD_ONLY)
        await courier.catalogue.deliveries.save(
            Delivery(backup_id=backup.id, recipient=ANN, state=told.state, sent_at=told.sent_at, reason=why)
        )
        house.archive(backup).unlink()
        status = await courier.status()
        assert not status.lost[0].can_be_had
        assert status.latest_proven is None
        assert {one.last for one in status.databases} == {None}


async def test_what_is_fine_is_missed_no_longer_and_is_no_good_backup_all_the_same(house: House) -> None:
    """Where it was the only one there is, that none is left is said from then on, until there is one again."""
    backup = await house.back_up()
    async with house.courier() as courier:
        house.archive(backup).unlink()
        assert standing_of(await courier.status(), ConcernKind.LOST) is Condition.WRONG
        await courier.housekeeping.let_go([backup.id], actor="Ann (11)")
        status = await courier.status()
        assert (status.lost, status.none_left) == ((), True)
        assert standing_of(status, ConcernKind.STALE) is Condition.WRONG
        assert "🚨 No good backup is left" in status_text(status, BERLIN)
        assert [entry.fact("backup") for entry in await courier.catalogue.service.audits(1)] == [str(backup.id)]
    await house.back_up()
    async with house.courier() as courier:
        assert not (await courier.status()).none_left


async def test_one_that_is_put_back_is_missed_no_longer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next look, which reads it in full; another file of its name is damaged. Large ones wait for a run."""
    backups = [await house.back_up(), await house.back_up()]
    whole = [house.archive(backup).read_bytes() for backup in backups]
    async with house.courier() as courier:
        for backup in backups:
            house.archive(backup).unlink()
        assert [one.gone for one in (await courier.status()).lost] == [True, True]
        house.archive(backups[0]).write_bytes(whole[0][:-1])  # is still being copied
        assert [one.gone for one in (await courier.status()).lost] == [True, True]
        house.archive(backups[0]).write_bytes(whole[0])
        house.archive(backups[1]).write_bytes(whole[1][:-1] + b"?")
        (damaged,) = (await courier.status()).lost
        assert (damaged.backup_id, damaged.gone) == (backups[1].id, False)
        monkeypatch.setattr(housekeeping, "READ_AT_A_LOOK", len(whole[1]) - 1)
        house.archive(backups[1]).write_bytes(whole[1])
        assert [one.backup_id for one in (await courier.status()).lost] == [backups[1].id]
        await courier.housekeeping.prune()
        status = await courier.status()
        assert (status.lost, status.latest_proven and status.latest_proven.id) == ((), backups[1].id)


async def test_one_that_is_back_and_cant_be_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is missed by that name until it can be or is away again; one that was let go is not missed anew."""

    def forbidden(_path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    backup = await house.back_up()
    whole = house.archive(backup).read_bytes()
    async with house.courier() as courier:
        house.archive(backup).unlink()
        await courier.status()
        with monkeypatch.context() as locked:
            locked.setattr(inventory, "sha256_of", forbidden)
            house.archive(backup).write_bytes(whole)
            assert [(one.gone, one.unread) for one in (await courier.status()).lost] == [(True, True)]
            house.archive(backup).unlink()
            assert [(one.gone, one.unread) for one in (await courier.status()).lost] == [(True, False)]
            await courier.housekeeping.let_go([backup.id], actor="Ann (11)")
            house.archive(backup).write_bytes(whole)
            assert (await courier.status()).lost == ()
        assert (await courier.status()).latest_proven is not None


async def test_what_is_deleted_here_is_never_missed(house: House) -> None:
    """Retention and admins say so themselves."""
    made = [await house.back_up() for _ in range(4)]
    async with house.courier() as courier:
        assert (await courier.status()).lost == ()
        await courier.housekeeping.delete(made[2].id, actor="Ann (11)")
        assert (await courier.status()).lost == ()


def test_a_damaged_one_is_not_to_be_accepted() -> None:
    """It lies there, and can be looked at and deleted."""
    assert "History" in lost_mend(gone=0, damaged=1, alone=0, none_left=False)
