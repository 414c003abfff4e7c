"""What is tidied away from the chats: only what the disk holds, and never what a new machine would need."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.models import Backup, Delivery, OutcomeCode, Recipient, Trigger
from bot.services.messages.tidying import DELETABLE, TidyDecision, TidyReason, plan_tidy
from tests.services.messages.samples import ANN, BEN, backup, sent

NOW = datetime(2026, 7, 13, 20, 0, tzinfo=UTC)
SIX_HOURS = timedelta(hours=6)


def tidy(*delivered: tuple[Backup, Delivery], keep: timedelta | None = SIX_HOURS) -> dict[int, TidyDecision]:
    decisions = plan_tidy([d for _, d in delivered], {b.id: b for b, _ in delivered}, now=NOW, keep=keep)
    return {decision.delivery.backup_id: decision for decision in decisions}


def hourly(hours: int, **more: bool | Trigger) -> Backup:
    """The backup of so many hours ago."""
    return backup(1000 - hours, NOW - timedelta(hours=hours), **more)


def both(made: Backup, **more: int | str) -> tuple[Backup, Delivery]:
    return made, sent(made, **more)


def test_old_hourly_messages_go_and_one_a_day_stays() -> None:
    """Of two days of hourly backups, what is younger than the limit stays, and the last of each day."""
    decided = tidy(*(both(hourly(hours)) for hours in range(47)))
    kept = {1000 - id for id, decision in decided.items() if not decision.delete}
    assert kept == {0, 1, 2, 3, 4, 5, 21, 45}  # 21 and 45 hours ago it was 23:00
    assert decided[1000].why == TidyReason.NEWEST_THERE
    assert decided[979].why == TidyReason.LAST_OF_DAY
    assert decided[990].why == TidyReason.OLD


def test_every_reason_to_keep_is_told() -> None:
    """Each floor by itself, on a message that is old enough to go."""
    old = timedelta(hours=10)
    at = NOW - old
    newest = both(backup(90, NOW))
    cases = {
        1: (backup(1, at, on_disk=False), TidyReason.ONLY_THERE),
        2: (backup(2, at, pinned=True), TidyReason.PINNED),
        3: (backup(3, at, trigger=Trigger.BUTTON), TidyReason.ASKED_FOR),
        4: (backup(4, at, other="a"), TidyReason.NEWEST_OF_DATABASE),
    }
    decided = tidy(
        newest, *(both(made) for made, _ in cases.values()), both(backup(5, at), undeletable=OutcomeCode.UNDELETABLE)
    )
    for id, (_, why) in cases.items():
        assert (decided[id].delete, decided[id].why) == (False, why)
    assert decided[5].why == TidyReason.UNDELETABLE
    assert tidy(newest, both(backup(6, at)), keep=None)[6].why == TidyReason.NO_TIDYING


def test_telegram_is_not_asked_for_what_it_refuses() -> None:
    """After 48 hours a message stays, whatever the limit says."""
    old = both(backup(1, NOW - DELETABLE))
    younger = both(backup(8, NOW - DELETABLE + timedelta(hours=1)))
    assert tidy(both(backup(9, NOW)), younger, old)[1].why is TidyReason.TOO_OLD


def test_a_chats_own_last_of_the_day_stays() -> None:
    """Ben, who missed the later ones of yesterday, keeps the last one he got."""
    yesterday, later = hourly(30), hourly(21)
    decisions = plan_tidy(
        [sent(hourly(0)), sent(hourly(0), BEN), sent(later), sent(yesterday), sent(yesterday, BEN)],
        {b.id: b for b in (hourly(0), later, yesterday)}, now=NOW, keep=SIX_HOURS,
    )  # fmt: skip
    of_yesterday = {d.delivery.recipient: d for d in decisions if d.delivery.backup_id == yesterday.id}
    assert of_yesterday[ANN].delete
    assert of_yesterday[BEN].why == TidyReason.LAST_OF_DAY_THERE


def test_a_deletion_that_was_cut_off_is_finished() -> None:
    """Half an archive is nobody's restore point: the rest goes as well, also after the limit was taken back."""
    half = both(hourly(10), volumes=3, gone=1)
    decided = tidy(both(hourly(0)), both(hourly(9)), half, keep=None)
    assert decided[990].delete
    assert [v.number for v in decided[990].delivery.volumes if not v.deleted_at] == [2, 3]


backups = st.lists(
    st.tuples(
        st.integers(0, 90), st.booleans(), st.booleans(),
        st.sets(st.sampled_from(["users", "shop", "logs"]), min_size=1), st.sampled_from(Trigger),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@given(backups, st.data(), st.integers(1, 47))
def test_whatever_there_is_the_floors_hold(
    made: list[tuple[int, bool, bool, set[str], Trigger]], data: st.DataObject, hours: int
) -> None:
    """After any tidying each restore point's day and each database has one in the chats, and nothing is half gone."""
    all_backups = {
        id: backup(
            id, NOW - timedelta(hours=ago), on_disk=on_disk, pinned=pinned, trigger=trigger, **dict.fromkeys(names, "a")
        )
        for id, (ago, on_disk, pinned, names, trigger) in enumerate(made, start=1)
    }
    delivered = []
    for each in all_backups.values():
        for to in data.draw(st.sets(st.sampled_from([ANN, BEN]))):
            delivered.append(sent(each, to, volumes=data.draw(st.integers(1, 3))))
    keep = timedelta(hours=hours)
    decisions = plan_tidy(delivered, all_backups, now=NOW, keep=keep)
    assert len(decisions) == len(delivered)
    left = [d.delivery for d in decisions if not d.delete]

    def newest(deliveries: list[Delivery], name: str) -> datetime | None:
        held = [all_backups[d.backup_id] for d in deliveries]
        return max((b.started_at for b in held if f"{name}.db" in {x.name for x in b.databases}), default=None)

    def days(deliveries: list[Delivery], to: Recipient | None = None) -> set[object]:
        return {all_backups[d.backup_id].started_at.date() for d in deliveries if to in (None, d.recipient)}

    for name in ("users", "shop", "logs"):
        assert newest(left, name) == newest(delivered, name)
    for chat in (None, ANN, BEN):
        assert days(left, chat) == days(delivered, chat)
    for decision in decisions:
        if decision.delete:
            gone = all_backups[decision.delivery.backup_id]
            assert (gone.on_disk, gone.pinned) == (True, False)
            assert gone.trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP)
            assert keep <= NOW - gone.started_at < DELETABLE
    # What was tidied is told so the next time, and nothing more goes because of it.
    again = plan_tidy(left, all_backups, now=NOW, keep=keep)
    assert not any(d.delete for d in again)
