"""What people read about restores: true, escaped, and within one message whatever there is to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import AbortedError, RestoreError, RestoreRefusedError, SealError
from bot.models import (
    OTHER,
    DatabaseChange,
    DatabaseFacts,
    DiskNeed,
    InUse,
    LossCode,
    PendingOutcome,
    PendingRestore,
    Reason,
    RestoreAct,
    RestoredDatabase,
    RestoreMethod,
    RestorePlan,
    RestoreProgress,
    RestoreResult,
    RestoreStage,
    RunInProgress,
    SchemaChange,
    TableChange,
    TargetState,
    Trigger,
)
from bot.texts import restore_plan as plan_texts
from bot.texts import restoring
from bot.texts import runs as run_texts
from bot.texts.markup import ANSWER_LIMIT, length, plain
from tests.world import samples
from tests.world.samples import LONG, fits

ZONE, NOW = samples.BERLIN, samples.NOW


def facts(rows: int = 50, *, tables: int = 1, version: int = 0) -> DatabaseFacts:
    return DatabaseFacts(
        bytes=40_960,
        page_size=4096,
        journal_mode="wal",
        application_id=0,
        user_version=version,
        rows=tuple((f"table{number}", rows) for number in range(tables)),
        schema=(),
    )


def said(words: str) -> Reason:
    """Where a restore comes from, as an earlier version had it: any words at all."""
    return Reason(OTHER, (("said", words),))


def change(name: str = "users.db", *, tables: int = 1, words: str = "", differs: bool = True) -> DatabaseChange:
    return DatabaseChange(
        name=name,
        path=Path("/srv") / "users.db",
        target=Path("/srv") / "users.db",
        method=RestoreMethod.INTO_LIVE,
        state=TargetState.READABLE,
        now=facts(87, tables=tables, version=3),
        then=facts(50, tables=tables),
        taken_at=NOW,
        tables=tuple(
            TableChange(table=f"table{number}{words}", now=87 if differs else 50, then=50) for number in range(tables)
        ),
        schema=tuple(SchemaChange(kind="index", name=f"{number}{words}", change="added") for number in range(tables)),
        in_use=InUse.OPEN,
        used_by=("python3 (123)",),
        in_use_means=f"It is open by python3 (123). {words}",
        lost=(Reason(LossCode.ROWS, (("table", f"entries{words}"), ("newer", 37), ("changed", 0))),) * min(tables, 30),
        warnings=(words,) * min(tables, 30) if words else (),
    )


def a_plan(*changes: DatabaseChange, words: str = "", obstacles: tuple[str, ...] = ()) -> RestorePlan:
    return RestorePlan(
        id="0123456789ab",
        source=said(f"backup 12 of 13 Jul 2026, 05:00{words}"),
        backup_id=12,
        created_at=NOW,
        taken_at=NOW - timedelta(days=2),
        folder=None,
        changes=changes,
        disks=(DiskNeed(folder=Path("/srv") / words.replace("\n", "")[:100], needed=1 << 24, free=1 << 34),) * 3,
        obstacles=obstacles,
    )


def result(*names: str, words: str = "") -> RestoreResult:
    databases = tuple(
        RestoredDatabase(
            name=name,
            target=Path("/srv") / "users.db",
            method=RestoreMethod.INTO_LIVE,
            rows=(("entries", 50),),
            detail=words,
            set_aside=(Path("/srv") / "users.db.before",),
            tables=(TableChange(table=f"users{words}", now=60, then=55), TableChange(table="same", now=1, then=1)),
            kept=Path("/srv") / f"kept{words}".replace("/", "") / "users.db",
        )
        for name in names
    )
    return RestoreResult(
        id="ab",
        source=said(f"backup 12{words}"),
        databases=databases,
        safety=samples.backup(13),
        undoable=True,
        seconds=2,
    )


def test_a_plan_says_all_that_a_consent_needs() -> None:
    """Rows now and then, size, schema, user_version, who has it open, what is lost, until when."""
    seen = fits(plan_texts.plan(a_plan(change()), NOW, ZONE, NOW + timedelta(minutes=2)))
    for words in (
        "Backup 12 of", "(2 days ago)", "\nusers.db\n", "Into the live file", "table0: 87 → 50 rows",
        "user_version 3 → 0", "index 0 added", "It is open by python3 (123)",
        "37 newer rows of “entries”", "For 30 days, Undo brings back what is there now",
        "Confirm by",
    ):  # fmt: skip
        assert words in seen, words


def test_a_result_gives_the_figures_of_the_plan_and_says_where_the_damaged_copy_lies() -> None:
    """Who consented to "60 → 55" reads that, not the rows of all tables together."""
    seen = fits(restoring.result(result("users.db"), ZONE))
    assert "users.db: 55 rows in “users” (60 before), checked." in seen
    assert "in no backup, it is kept as /srv/kept/users.db" in seen


def test_what_is_in_the_way_stands_first_and_nothing_can_be_confirmed() -> None:
    """No time until which to confirm, and no promise of a safety copy."""
    seen = fits(plan_texts.plan(a_plan(change(), obstacles=("The disk is full.",)), NOW, ZONE, None))
    assert seen.index("⛔ The disk is full.") < seen.index("users.db")
    assert "nothing can be restored" in seen
    assert "Confirm by" not in seen


@settings(max_examples=30)
@given(
    databases=st.integers(1, 80),
    tables=st.integers(0, 80),
    words=st.sampled_from(["", LONG, samples.NASTY, "<b>"]),
    blocked=st.booleans(),
    act=st.sampled_from(RestoreAct),
)
def test_every_message_fits(databases: int, tables: int, words: str, blocked: bool, act: RestoreAct) -> None:
    """Whatever the number of databases and tables, and whatever their names."""
    changes = [change(f"{number}{words}", tables=tables, words=words) for number in range(databases)]
    seen = replace(a_plan(*changes, words=words, obstacles=(words,) * 30 if blocked else ()), act=act)
    names = [f"{number}{words}" for number in range(databases)]
    came = replace(result(*names, words=words), act=act)
    pending = PendingRestore(
        id="ab", started_at=NOW, requested_by=words, source=said(words),
        databases=tuple((name, PendingOutcome.CHANGED) for name in names),
    )  # fmt: skip
    error = RestoreError(words or "It failed.", rolled_back=blocked, hint=words)
    for html in (
        plan_texts.plan(seen, NOW, ZONE, None if blocked else NOW),
        plan_texts.ask(seen, NOW, ZONE),
        restoring.choose(words, names, 3, NOW, ZONE),
        restoring.result(came, ZONE),
        restoring.failed(error),
        restoring.refused(error),
        restoring.announce_restore(words, seen, came, ZONE),
        restoring.announce_failed_restore(words, seen, error, ZONE),
        restoring.announce_failed_restore(words, seen, OSError(words), ZONE),
        restoring.restore_cut_off(pending, ZONE),
    ):
        fits(html)


def test_many_databases_are_told_in_brief_with_what_is_lost() -> None:
    """Twenty databases don't fit in full; each still has its line, and the way on is not cut off."""
    changes = [change(f"number{number:02}.db", tables=30) for number in range(20)]
    seen = fits(plan_texts.plan(a_plan(*changes), NOW, ZONE, NOW))
    assert all(f"number{number:02}.db" in seen for number in range(20))
    assert "30 tables with other numbers of rows" in seen
    assert "Loses rows of 30 tables." in seen
    assert "Confirm by" in seen


@pytest.mark.parametrize("stage", list(RestoreStage))
def test_a_restore_as_it_happens(stage: RestoreStage) -> None:
    """Stages done, under way and to come; who asked for it; and the answer to whoever asks for a run meanwhile."""
    event = RestoreProgress(stage=stage, done=1, total=4, detail=samples.NASTY)
    run = RunInProgress(started_at=NOW, trigger=Trigger.SAFETY, requested_by="Ann (11)", progress=event)
    now = NOW + timedelta(seconds=90)
    assert "By Ann " in fits(run_texts.progress(run, now, ZONE))
    fits(restoring.preparing(event))
    answer = run_texts.already_running(run, now)
    assert "A restore is running" in answer
    assert "by Ann " in answer
    assert length(answer) <= ANSWER_LIMIT


def test_the_bar_of_a_restore() -> None:
    """What is done has its mark, what is under way its bar, what is to come neither."""
    event = RestoreProgress(stage=RestoreStage.RESTORE, done=1, total=4, detail="users.db")
    run = RunInProgress(started_at=NOW, trigger=Trigger.SAFETY, requested_by="Ann (11)", progress=event)
    seen = plain(run_texts.progress(run, NOW, ZONE))
    assert "✅ Safety copy" in seen
    assert "25% · users.db" in seen
    assert "▫️ Check the result" in seen


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (RestoreError("It failed.", rolled_back=True), "The restore failed"),
        (RestoreError("It failed.", rolled_back=False), "half-way"),
        (AbortedError("The service was stopped."), "was stopped"),
        (RestoreRefusedError("users.db is gone."), "Nothing was restored"),
    ],
)
def test_how_a_restore_that_failed_is_told(error: RestoreError, headline: str) -> None:
    """Whether anything was changed is in the first line."""
    assert headline in restoring.failed(error).splitlines()[0]
    assert error.sentence in restoring.failed(error)


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ({PendingOutcome.OLD}, "Nothing was changed"),
        ({PendingOutcome.NEW}, "It is complete"),
        ({PendingOutcome.OLD, PendingOutcome.NEW}, "to finish it"),
        ({PendingOutcome.NEW, PendingOutcome.UNREADABLE}, "Look at those databases"),
    ],
)
def test_what_to_do_after_a_restore_that_was_cut_off(outcomes: set[PendingOutcome], says: str) -> None:
    """Each state of each database, and the way on."""
    pending = PendingRestore(
        id="ab", started_at=NOW, requested_by="Ann (11)", source=said("backup 12"),
        databases=tuple((str(outcome), outcome) for outcome in sorted(outcomes)),
    )  # fmt: skip
    seen = fits(restoring.restore_cut_off(pending, ZONE))
    assert says in seen
    assert all(str(outcome) in seen for outcome in outcomes)


@pytest.mark.parametrize(("wants", "says"), [("key", "--identity FILE"), ("passphrase", "asks for the passphrase")])
def test_without_the_key_the_chat_says_where_it_can_be_brought(wants: str, says: str) -> None:
    """Not in words of the command line, which nobody can type here; and never by sending it."""
    told = restoring.refused(SealError("It is sealed.", wants=wants, hint="Give the identity file: --identity."))
    assert "on the server" in told
    assert says in told
    assert "Never send" in told
    assert "Give the identity file" not in told
