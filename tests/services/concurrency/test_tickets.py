"""Tickets: what may be asked for later ends in time, belongs to one owner, and never becomes too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.services.concurrency.tickets import Tickets
from tests.world.clock import StandingClock

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def make(watch: StandingClock, gone: list[str], most: int = 3) -> Tickets[str]:
    return Tickets(watch, most=most, valid=timedelta(minutes=2), prefix="p", let_go=gone.append)


def test_a_ticket_is_its_owners_alone_and_taken_once() -> None:
    """By an id that fits into a button."""
    tickets = make(StandingClock(), [])
    key = tickets.issue("plan", owner=1)
    assert (key[0], len(key)) == ("p", 11)
    assert tickets.take(key, 2) is None
    found = tickets.take(key, 1)
    assert found.value == "plan"
    assert tickets.take(key, 1) is None


def test_a_ticket_is_late_when_its_time_is_over_or_the_clock_was_set_back() -> None:
    """It can still be found, to say so, until it is swept; renewed, its time begins anew."""
    watch, gone = StandingClock(NOW), list[str]()
    tickets = make(watch, gone)
    ticket = tickets.find(tickets.issue("plan"))
    assert ticket is not None
    for minutes, late in ((1, False), (2, True), (-1, True)):
        watch.now = NOW + timedelta(minutes=minutes)
        assert tickets.is_late(ticket) is late
    watch.now = NOW + timedelta(minutes=5)
    tickets.renew(ticket)
    tickets.sweep()
    assert [each.value for each in tickets] == ["plan"]
    watch.now += timedelta(minutes=2)
    tickets.sweep()
    assert (list(tickets), gone) == ([], ["plan"])


def test_too_many_let_the_oldest_go_but_none_in_use() -> None:
    """What is being used ends neither for its age nor for its number."""
    watch, gone = StandingClock(NOW), list[str]()
    tickets = make(watch, gone)
    for name in ("used", "old", "new", "newest"):
        ticket = tickets.find(tickets.issue(name))
        ticket.uses = int(name == "used")
    assert gone == ["old"]
    watch.now += timedelta(hours=1)
    tickets.sweep()
    assert [each.value for each in tickets] == ["used"]


def test_a_value_under_a_known_id_takes_the_place_of_the_one_before() -> None:
    """Such as the question that a person is asked."""
    gone: list[str] = []
    tickets = make(StandingClock(), gone)
    tickets.issue("first", under=(1, 2))
    tickets.issue("second", under=(1, 2))
    found = tickets.find((1, 2))
    assert (found.value, gone) == ("second", ["first"])
