"""Who is due a backup: choices are kept, and no choice leaves a chat without its day or a backup with nobody."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import (
    DEFAULT_CHOICE,
    Backup,
    DeliveryReason,
    MessageChoice,
    MessageMode,
    QuietHours,
    Reason,
    Recipient,
    Trigger,
    WhenUnchanged,
)
from bot.services.messages.assignment import DeliveryContext, DeliveryDecision, decide_recipients
from tests.services.messages.samples import ANN, BEN, NOON, TEAM, backup

BERLIN = ZoneInfo("Europe/Berlin")
DIGEST, TROUBLE = MessageChoice(mode=MessageMode.DIGEST), MessageChoice(mode=MessageMode.TROUBLE)
EARLIER = backup(1, NOON - timedelta(hours=1), users="a", shop="a")


def plan(
    new: Backup, *wishes: DeliveryContext, unchanged: WhenUnchanged = WhenUnchanged.SEND, routine: bool = True
) -> dict[Recipient, DeliveryDecision]:
    dues = decide_recipients(new, wishes, unchanged=unchanged, routine=routine, timezone=BERLIN)
    assert [due.recipient for due in dues] == [wish.recipient for wish in wishes]
    return {due.recipient: due for due in dues}


def wish(
    recipient: Recipient, choice: MessageChoice = DEFAULT_CHOICE, last: Backup | None = EARLIER, **more: bool
) -> DeliveryContext:
    return DeliveryContext(recipient=recipient, choice=choice, last=last, **({"on_disk": last is not None} | more))


def test_by_default_everybody_gets_everything() -> None:
    """Who chose nothing misses nothing, also what has not changed."""
    dues = plan(backup(2, users="a", shop="a"), wish(ANN), wish(TEAM))
    assert all(due.due for due in dues.values())


@pytest.mark.parametrize(("choice", "why"), [(DIGEST, DeliveryReason.DIGEST), (TROUBLE, DeliveryReason.TROUBLE)])
def test_one_archive_a_day_comes_whatever_is_chosen(choice: MessageChoice, why: DeliveryReason) -> None:
    """The first of the local day comes; the next ones don't, and the reason is told."""
    others = wish(BEN)
    assert plan(backup(2, users="b"), wish(ANN, choice, None), others)[ANN].why is DeliveryReason.FIRST_OF_DAY
    decision = plan(backup(2, users="b"), wish(ANN, choice), others)[ANN]
    assert (decision.due, decision.why, decision.same_as) == (False, why, None)
    late = backup(3, datetime(2026, 7, 13, 21, 59, tzinfo=UTC), users="c")  # 23:59 in Berlin
    early = backup(4, datetime(2026, 7, 13, 22, 0, tzinfo=UTC), users="d")
    assert not plan(late, wish(ANN, choice), others)[ANN].due
    assert plan(early, wish(ANN, choice, late), others)[ANN].due


def test_a_backup_that_nobody_wants_goes_to_one() -> None:
    """The first who wants a digest takes it; who wants trouble only is asked last."""
    new = backup(2, users="b")
    dues = plan(new, wish(ANN, TROUBLE), wish(BEN, DIGEST))
    assert (dues[ANN].due, dues[BEN].why) == (False, DeliveryReason.NOBODY_ELSE)
    dues = plan(new, wish(ANN, TROUBLE), wish(BEN, TROUBLE))
    assert (dues[ANN].why, dues[BEN].due) == (DeliveryReason.NOBODY_ELSE, False)


def test_who_can_not_be_reached_counts_as_nobody() -> None:
    """With the only taker blocked, somebody else gets it as well."""
    dues = plan(backup(2, users="b"), wish(ANN, parked=True), wish(BEN, TROUBLE))
    assert dues[ANN].due
    assert dues[BEN].why is DeliveryReason.NOBODY_ELSE


def test_who_asks_gets_it() -> None:
    """A backup asked for in a chat comes there; the others' choices hold."""
    new = backup(2, trigger=Trigger.BUTTON, users="a", shop="a")
    dues = plan(new, wish(ANN, TROUBLE, asked=True), wish(BEN, DIGEST), unchanged=WhenUnchanged.SKIP, routine=False)
    assert (dues[ANN].why, dues[BEN].why) == (DeliveryReason.ASKED, DeliveryReason.DIGEST)


@pytest.mark.parametrize("unchanged", [WhenUnchanged.NOTE, WhenUnchanged.SKIP])
def test_what_a_chat_has_is_not_sent_again(unchanged: WhenUnchanged) -> None:
    """Byte for byte the same, delivered and on the disk: not due, also where nobody else gets it."""
    same = backup(2, users="a", shop="a")
    due = plan(same, wish(ANN), unchanged=unchanged)[ANN]
    assert (due.due, due.why, due.same_as) == (False, DeliveryReason.UNCHANGED, 1)
    assert due.reason == Reason(DeliveryReason.UNCHANGED, (("backup", 1),))
    assert not plan(same, wish(ANN, DIGEST), wish(BEN, TROUBLE), unchanged=unchanged)[ANN].due


@pytest.mark.parametrize(
    "wished",
    [
        wish(ANN, on_disk=False),  # its archive is gone: the new one is the only one
        wish(ANN, last=None),  # not delivered
        wish(ANN, last=backup(1, NOON - timedelta(days=1), users="a", shop="a")),  # not today
        wish(ANN, last=backup(1, NOON - timedelta(hours=1), users="a")),  # a database was added
        wish(ANN, last=backup(1, NOON - timedelta(hours=1), users="a", shop="b")),
        wish(ANN, last=backup(1, NOON - timedelta(hours=1), skipped=True, users="a", shop="a")),
    ],
)
def test_what_is_not_surely_there_is_sent(wished: DeliveryContext) -> None:
    """Any doubt about the older one sends the new one."""
    assert plan(backup(2, users="a", shop="a"), wished, unchanged=WhenUnchanged.SKIP)[ANN].due


def test_trouble_is_never_called_unchanged() -> None:
    """A backup that lacks a database is news, whatever else is the same."""
    assert plan(backup(2, skipped=True, users="a", shop="a"), wish(ANN), unchanged=WhenUnchanged.SKIP)[ANN].due


def test_chosen_databases_decide_when_an_archive_comes() -> None:
    """It comes when one of them changed; one that left the backup, or another one's change, is no reason."""
    mine, others = MessageChoice(databases=frozenset({"users.db"})), wish(BEN)
    assert plan(backup(2, users="b", shop="a"), wish(ANN, mine), others)[ANN].due
    assert plan(backup(2, users="a", shop="b"), wish(ANN, mine), others)[ANN].why is DeliveryReason.DATABASES
    assert plan(backup(2, shop="b"), wish(ANN, mine), others)[ANN].why is DeliveryReason.DATABASES
    assert plan(backup(2, users="a", shop="b"), wish(ANN, mine, on_disk=False), others)[ANN].due
    assert plan(backup(2, users="a", shop="b"), wish(ANN, mine))[ANN].why is DeliveryReason.NOBODY_ELSE


choices = st.builds(
    MessageChoice,
    mode=st.sampled_from(MessageMode),
    databases=st.none() | st.sets(st.sampled_from(["users.db", "shop.db"]), min_size=1).map(frozenset),
)
lasts = st.none() | st.builds(
    lambda hours, users, shop: backup(1, NOON - timedelta(hours=hours), users=users, shop=shop),
    st.integers(1, 40), st.sampled_from("ab"), st.sampled_from("ab"),
)  # fmt: skip


@given(
    st.lists(st.tuples(choices, lasts, st.booleans(), st.booleans()), min_size=1, max_size=5),
    st.sampled_from(WhenUnchanged),
    st.booleans(),
    st.booleans(),
)
def test_no_choice_leaves_a_backup_with_nobody_or_a_chat_without_its_day(
    people: list[tuple[MessageChoice, Backup | None, bool, bool]],
    unchanged: WhenUnchanged,
    routine: bool,
    skipped: bool,
) -> None:
    """Whatever people choose: each chat has an archive of the day, and each backup's bytes are in a reachable chat."""
    new = backup(9, skipped=skipped, users="a", shop="a")
    wishes = [
        wish(Recipient(chat_id=n), choice, last, on_disk=on_disk and last is not None, parked=parked)
        for n, (choice, last, on_disk, parked) in enumerate(people, start=1)
    ]
    dues = decide_recipients(new, wishes, unchanged=unchanged, routine=routine, timezone=BERLIN)
    today = NOON.astimezone(BERLIN).date()
    for wished, due in zip(wishes, dues, strict=True):
        has_today = wished.last is not None and wished.last.started_at.astimezone(BERLIN).date() == today
        assert due.due or has_today
        if due.why is DeliveryReason.UNCHANGED:
            assert unchanged is not WhenUnchanged.SEND
            assert (routine, skipped, wished.on_disk) == (True, False, True)
            assert wished.last is not None
            assert [d.sha256 for d in wished.last.databases] == [d.sha256 for d in new.databases]
    reachable = [due for due, wished in zip(dues, wishes, strict=True) if due.due and not wished.parked]
    same = [
        w
        for w in wishes
        if w.on_disk and not w.parked and w.last and [d.sha256 for d in w.last.databases] == ["a" * 64] * 2
    ]
    if not reachable and any(not wished.parked for wished in wishes):
        assert unchanged is not WhenUnchanged.SEND
        assert (bool(same), routine, skipped) == (True, True, False)


def test_quiet_hours_follow_the_clock_on_the_wall() -> None:
    """Over midnight, and on the days when the clocks change: what counts is what the clock in the room shows."""
    night = QuietHours(start=22 * 60, end=7 * 60)
    quiet = {
        "2026-07-13T19:59+00:00": False,  # 21:59
        "2026-07-13T20:00+00:00": True,  # 22:00
        "2026-07-14T04:59+00:00": True,  # 06:59
        "2026-07-14T05:00+00:00": False,
        "2026-03-29T04:59+00:00": True,  # 06:59 on the short night
        "2026-03-29T05:00+00:00": False,
        "2026-10-25T05:59+00:00": True,  # 06:59 on the long night
        "2026-10-25T06:00+00:00": False,
    }
    assert {at: night.hold(datetime.fromisoformat(at), BERLIN) for at in quiet} == quiet
    noon = QuietHours(start=12 * 60, end=13 * 60)
    assert noon.hold(datetime(2026, 7, 13, 10, 30, tzinfo=UTC), BERLIN)
    assert not noon.hold(datetime(2026, 7, 13, 11, 0, tzinfo=UTC), BERLIN)


@pytest.mark.parametrize(("start", "end"), [(60, 60), (-1, 5), (5, 1440)])
def test_hours_that_are_none_are_no_value(start: int, end: int) -> None:
    """Quiet all day or never is not to be had by accident."""
    with pytest.raises(ValueError, match="no hours"):
        QuietHours(start=start, end=end)
