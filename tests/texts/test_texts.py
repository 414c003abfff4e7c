"""What people read: true at a glance, escaped, and always short enough for Telegram."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import clock_time, date_time
from bot.demo.stand_in.entities import parse_html
from bot.errors import ArchiveError, CourierError
from bot.models import (
    NO_REASON,
    OTHER,
    Actor,
    Alarm,
    BackupDetails,
    BackupPage,
    BackupState,
    Cause,
    DatabaseStatus,
    DeliveryState,
    Override,
    Progress,
    Reachability,
    Reason,
    Recipient,
    RecipientStatus,
    RestoredDatabase,
    RestoreMethod,
    RetentionCode,
    RunInProgress,
    ServiceState,
    Stage,
    SuccessRate,
    Trigger,
    Verdict,
    WarningCode,
    because,
)
from bot.services.catalogue import Event
from bot.services.sealing.keys import BY_PASSPHRASE
from bot.texts import alarms as alarm_texts
from bot.texts import answers
from bot.texts import delivery as delivery_texts
from bot.texts import health as health_texts
from bot.texts import history as history_texts
from bot.texts import logs as logs_texts
from bot.texts import runs as run_texts
from bot.texts import status as status_texts
from bot.texts.alarm_words import words_of
from bot.texts.markup import CAPTION_LIMIT, FittedList, compose, cut, length, name, plain, signed, text
from bot.texts.measures import age, duration, human_size, moment, next_run
from bot.texts.proof import check_verdict
from bot.texts.restoring import restored_line
from tests.world import samples
from tests.world.samples import LONG, Markup, fits

LONG_REASON = Reason(OTHER, (("said", LONG),))

ZONE = samples.BERLIN
NOW = samples.NOW


# --- measures ---


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (3_355_443, "3.2 MB"),
        (10_200, "10 KB"),
        (1_048_575, "1.0 MB"),
        (5 * 1024**4, "5.0 TB"),
        (2**70, "1048576 PB"),
        (None, "unknown size"),
    ],
)
def test_sizes_are_short_and_never_reach_the_next_unit(size: int | None, words: str) -> None:
    """At most four digits, of 1024, rounded into the right unit."""
    assert human_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0.0 s"),
        (0.42, "0.4 s"),
        (42.9, "42 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (19_200, "5 h 20 min"),
        (90_000, "25 h"),
        (259_200, "3 days"),
    ],
)
def test_durations_are_in_the_unit_that_matters(seconds: float, words: str) -> None:
    """One unit, or two where the second one says something."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("back", "words"), [(3, "just now"), (-30, "just now"), (-600, "dated in the future"), (2220, "37 min ago")]
)
def test_ages(back: float, words: str) -> None:
    """A clock set back is called what it is."""
    assert age(NOW - timedelta(seconds=back), NOW) == words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=23), "at 15:00"),
        (timedelta(seconds=9.2), "at 14:37"),
        (timedelta(0), "due now, at 14:37"),
        (timedelta(hours=13, minutes=23), "tomorrow at 04:00"),
        (timedelta(days=3), "on 16 Jul at 14:37"),
    ],
)
def test_the_next_run_is_told_in_words(ahead: timedelta, words: str) -> None:
    """By the wall clock of the settings, which stays true."""
    assert next_run(NOW + ahead, NOW, samples.BERLIN) == words


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (0, "today 14:37"),
        (1, "yesterday 14:37"),
        (-1, "tomorrow 14:37"),
        (9, "4 Jul, 14:37"),
        (400, "8 Jun 2025, 14:37"),
    ],
)
def test_moments_are_as_short_as_they_stay_clear(back: int, words: str) -> None:
    """Near days have names, far ones a year."""
    assert moment(NOW - timedelta(days=back), NOW, samples.BERLIN) == words


@pytest.mark.parametrize(
    ("zone", "first", "apart", "words"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 60, ("02:30 CEST", "02:30 CET")),
        ("America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 60, ("01:30 EDT", "01:30 EST")),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC), 30, ("01:45 +11", "01:45 +1030")),
    ],
)
def test_the_passes_of_an_hour_that_comes_twice_are_told_apart(
    zone: str, first: datetime, apart: int, words: tuple[str, str]
) -> None:
    """Else two backups an hour of changes apart bear the same time, in History and under the archives."""
    there = ZoneInfo(zone)
    for at, said in zip((first, first + timedelta(minutes=apart)), words, strict=True):
        assert moment(at, at + timedelta(minutes=5), there) == f"today {said}"
        assert moment(at, at + timedelta(days=9), there).endswith(f", {said}")
        assert moment(at, at + timedelta(days=400), there) == date_time(at, there)
        assert date_time(at, there).endswith(f" 2026, {said}")
        assert next_run(at, at - timedelta(minutes=23), there) == f"at {said}"
    assert " " not in clock_time(first - timedelta(hours=3), there)
    assert " " not in clock_time(first + timedelta(hours=3), there)


def test_a_moment_in_a_message_that_stays_can_be_told_by_the_readers_clock() -> None:
    """Captions, alarms and their ends carry the instant behind the words, which stay as they are."""
    caption = delivery_texts.caption(samples.backup(), samples.volume(), samples.BERLIN)
    assert '<b>Backup 1 · <tg-time unix="1783944000">13 Jul 2026, 14:00 (12:00 UTC)</tg-time></b>' in caption
    assert "✅ Backup 1 · 13 Jul 2026, 14:00 (12:00 UTC)\n" in plain(caption)
    alarm = Alarm(id="1" * 8, key="disk", began_at=NOW - timedelta(hours=3))
    told = alarm_texts.alarm(alarm, NOW, timedelta(hours=6), NOW + timedelta(days=1), samples.BERLIN)
    over = alarm_texts.alarm_over(replace(alarm, ended_at=NOW), samples.BERLIN)
    assert "Since 11:37 today, for 3 h now · 🔕 muted until tomorrow 14:37" in plain(told)
    assert "today 11:37 to today 14:37." in plain(over)
    for message in (told, over):
        moments = [entity["unix_time"] for entity in parse_html(message).entities if entity["type"] == "date_time"]
        assert (len(moments), moments[0]) == (2, int(alarm.began_at.timestamp()))


# --- markup ---


@given(st.text())
def test_a_text_from_outside_is_shown_on_one_line_and_can_be_sent(value: str) -> None:
    """Whatever it holds, what a reader sees is within its length, on one line, and encodable."""
    for shown in (plain(text(value, 50)), plain(name(value, 20))):
        assert len(shown.encode("utf-16-le")) // 2 <= 50
        assert "\n" not in shown
        shown.encode()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80), st.integers(1, 40))
def test_cutting_keeps_within_the_length_telegram_counts(value: str, most: int) -> None:
    """A character outside the basic plane counts twice."""
    assert len(cut(value, most).encode("utf-16-le")) // 2 <= most


@given(st.lists(st.lists(st.text(max_size=300), max_size=40), max_size=4), st.integers(60, 4096))
def test_what_is_composed_always_fits(lists: list[list[str]], limit: int) -> None:
    """Lists give way until the message fits, and say how much is missing."""
    parts = [FittedList(tuple(text(line) for line in lines), most=30) for lines in lists]
    assert length(compose("<b>Heading</b>", *parts, limit=limit)) <= limit


def test_the_longest_list_gives_way_first() -> None:
    """A short list of troubles stays whole beside a long one of databases."""
    page = compose(FittedList(("trouble",) * 3), FittedList(("x" * 40,) * 60, most=60), limit=1024)
    assert page.count("trouble") == 3
    assert page.endswith(" more")


def test_names_keep_their_end() -> None:
    """Two long names that differ in their last characters stay two."""
    assert name("a" * 200 + "1.db", 40) != name("a" * 200 + "2.db", 40)
    assert name("a" * 200 + "1.db", 40).endswith("a1.db")


def test_plain_gives_back_what_was_escaped() -> None:
    """The terminal shows names as they are."""
    assert plain(f"<b>{text('<i>&amp;</i>')}</b> <code>x</code>") == "<i>&amp;</i> x"


# --- every text there is, in the worst case ---


def worst_backup(**changes: Any) -> Any:
    databases = tuple(
        samples.database(
            f"{number}{samples.NASTY}",
            verdict=Verdict.UNCHECKED,
            unchecked=Reason(OTHER, (("said", LONG),)),
            warnings=(Reason(OTHER, (("said", LONG),)),),
            foreign_key_violations=3,
        )
        for number in range(60)
    )
    skipped = tuple(samples.skipped(f"{number}{samples.NASTY}", LONG) for number in range(60))
    values = {"databases": databases, "skipped": skipped, "trigger": Trigger.BUTTON, "archive_name": samples.NASTY}
    return samples.backup(
        2**62, **values | {"requested_by": LONG, "error": Reason(OTHER, (("said", LONG),)), "note": LONG} | changes
    )


def worst_deliveries() -> tuple[Any, ...]:
    later = NOW + timedelta(minutes=5)
    return tuple(
        samples.delivery(-(10**15) - number, state, LONG_REASON, next_try_at=later)
        for number in range(12)
        for state in DeliveryState
    )


def worst_status() -> Any:
    backup = worst_backup()
    return samples.status(
        state=ServiceState.UNKNOWN,
        state_reason=LONG_REASON,
        schedule=LONG,
        paused=Override(name="paused", value="yes", set_by=LONG, set_at=NOW),
        running=worst_run(),
        latest=samples.failed(3, LONG),
        latest_proven=backup,
        latest_deliveries=worst_deliveries(),
        databases=tuple(
            DatabaseStatus(name=d.name, path=d.path, bytes=1, last=backup, verdict=d.verdict, trouble=LONG_REASON)
            for d in backup.databases
        ),
        recipients=tuple(
            RecipientStatus(recipient=Recipient(chat_id=-number, thread_id=7), name=LONG, parked_reason=LONG_REASON)
            for number in range(1, 60)
        ),
        warnings=(because(WarningCode.SETTING, said=LONG),) * 30,
    )


def worst_run() -> RunInProgress:
    return RunInProgress(
        started_at=NOW,
        trigger=Trigger.BUTTON,
        requested_by=LONG,
        progress=Progress(stage=Stage.PROVE, done=1, total=3, detail=LONG),
        here=False,
    )


def worst_messages() -> Iterator[str]:
    backup, deliveries = worst_backup(), worst_deliveries()
    names = {delivery.recipient: LONG for delivery in deliveries}
    seen = BackupDetails(
        backup=backup, deliveries=deliveries, retention=because(RetentionCode.LAST_GOOD, name=LONG), volumes=30
    )
    reached = tuple(Reachability(recipient=d.recipient, name=LONG, trouble=LONG_REASON) for d in deliveries)
    failed = samples.failed(3, LONG, skipped=backup.skipped, requested_by=LONG, trigger=Trigger.COMMAND)
    error = CourierError(LONG, hint=LONG)
    facts = (("reason", "failed"), ("said", LONG), ("path", LONG), ("backup", 7))
    acted = (("act", "again"), ("by", LONG), ("at", NOW.isoformat()))
    alarm = Alarm(id="1" * 8, key=f"skipped:{LONG}", facts=facts, acted=acted, began_at=NOW)
    over = replace(alarm, ended_at=NOW)
    yield from (
        alarm_texts.alarm(alarm, NOW, timedelta(hours=6), None, ZONE),
        alarm_texts.alarm_over(over, ZONE),
        alarm_texts.alarm_recovered(over, ZONE),
    )
    yield from (
        alarm_texts.alarm_moved(alarm, ZONE),
        status_texts.status(replace(worst_status(), alarms=(alarm,) * 50), ZONE),
    )
    yield from (status_texts.status(worst_status(), ZONE), status_texts.backup_menu(worst_status(), ZONE))
    yield run_texts.progress(worst_run(), NOW, ZONE)
    yield from (run_texts.result(backup, deliveries, NOW, ZONE, names), run_texts.result(failed, (), NOW, ZONE))
    yield history_texts.history(BackupPage(backups=(backup,), page=0, pages=9, total=99), ZONE)
    yield from (history_texts.details(seen, NOW, ZONE, names), history_texts.confirm_delete(seen, NOW, ZONE))
    yield from (
        history_texts.details(replace(seen, backup=failed), NOW, ZONE),
        history_texts.details(replace(seen, deliveries=()), NOW, ZONE),
    )
    events = [Event(at=NOW, what=what, over=what is over) for what in (backup, failed, alarm, over)] * 10
    owed = {backup.id: deliveries}
    yield logs_texts.detailed_logs(events, 3, NOW, ZONE, trouble=True, owed=owed, called=names)
    yield health_texts.health(samples.health(status=worst_status(), recipients=reached, telegram_trouble=LONG), ZONE)
    yield from (answers.failure(error), answers.no_backup(error), answers.stopped(error))
    yield from (answers.not_sent(delivery, NOW) for delivery in deliveries)
    yield from (answers.unknown_command(LONG), answers.ASK_PAUSE)


def test_every_message_fits_and_is_valid_in_the_worst_case() -> None:
    """Sixty databases with hostile names of 200 characters, sixty skipped, sixty recipients, endless reasons."""
    for message in worst_messages():
        fits(message)
        message.encode()
        assert "\u202e" not in message


@pytest.mark.parametrize("total", [1, 30])
@pytest.mark.parametrize("sealed", ["", "E7C2-AA92-C34B-138F"])
def test_every_caption_fits(total: int, sealed: str) -> None:
    """1024 after parsing, and what matters most is still there; later volumes say only which they are."""
    volume = replace(samples.volume(1, total), archive=samples.volume().archive.parent / "a&b.zip")
    for each in (samples.backup(), worst_backup(), worst_backup(skipped=()), samples.backup(databases=())):
        backup = replace(each, sealed=sealed)
        caption = delivery_texts.caption(backup, volume, ZONE)
        assert length(caption) <= CAPTION_LIMIT
        assert "1f" * 8 in caption
        assert "by hand: " in caption
        assert caption.count("<blockquote expandable>") == caption.count("</blockquote>") == 1
        assert ("· incomplete ·" in caption) == bool(backup.skipped)
        Markup().feed(caption)
        short = delivery_texts.caption(backup, volume, ZONE, in_full=False)
        assert caption.startswith(short[:120])
        assert "1f" * 8 not in short
        assert delivery_texts.caption(backup, samples.volume(2, max(2, total)), ZONE).startswith("🧩 Volume 2 of ")


# --- what is said ---


def test_a_run_that_could_not_be_stored_points_at_the_folder() -> None:
    """Rights that were lost, a disk that fails: trying again alone mends neither."""
    facts = (("code", ArchiveError.code), ("said", "x.zip could not be written in /srv/backups: Permission denied."))
    words = words_of(Alarm(id="1" * 8, key="run", facts=facts, began_at=NOW), NOW, samples.BERLIN)
    assert words.what.startswith("x.zip could not be written in /srv/backups: Permission denied.")
    assert "BACKUP_DIR" in words.mend
    facts = (("code", ArchiveError.code), ("said", "Check that BACKUP_DIR exists."))
    assert (
        "BACKUP_DIR" not in words_of(Alarm(id="1" * 8, key="run", facts=facts, began_at=NOW), NOW, samples.BERLIN).mend
    )


def test_a_server_that_has_a_name_begins_its_messages_with_it() -> None:
    """Escaped, within the limits, on a phone without markup; without a name nothing is added."""
    caption = delivery_texts.caption(samples.backup(), samples.volume(), ZONE, server="a <b> & c")
    assert plain(caption).startswith("🖥 a <b> & c · ✅ Backup 1 · 13 Jul 2026")
    many = samples.backup(databases=tuple(replace(samples.backup().databases[0], name=LONG) for _ in range(60)))
    assert length(delivery_texts.caption(many, samples.volume(), ZONE, server="x" * 32)) <= CAPTION_LIMIT
    alarm = Alarm(id="1" * 8, key="disk", began_at=samples.NOW)
    assert alarm_texts.on_phone(alarm, samples.NOW, ZONE, server="web-1")[0].startswith("web-1: 🚨 ")
    assert alarm_texts.on_phone(alarm, samples.NOW, ZONE)[0].startswith("🚨 ")
    assert length(signed("web-1", "y" * 4096)) <= 4096
    assert signed("", "as it is") == "as it is"


def test_the_caption_of_a_good_backup_says_it_all() -> None:
    """Time, contents, ratio, databases, verdict, hash and how to restore."""
    assert plain(delivery_texts.caption(samples.backup(), samples.volume(), ZONE)).splitlines() == [
        "✅ Backup 1 · 13 Jul 2026, 14:00 (12:00 UTC)",
        "2 databases, 2.3 MB (762 KB packed), checked",
        "users.db and analytics.db",
        "🔎 Integrity check, archive read back and compared",
        f"SHA-256 {'1f' * 32}",
        "To restore by hand: unzip it, then read backup_info.txt",
    ]


def test_the_caption_tells_a_check_of_an_earlier_hour() -> None:
    """What was taken over since not a byte had changed is not said to have been checked now."""
    earlier = samples.database("shop.db", checked_at=NOW)
    older = replace(earlier, checked_at=NOW - timedelta(hours=1))
    said = [
        check_verdict(samples.backup(databases=some), samples.BERLIN)
        for some in ((samples.database(), earlier), (earlier,), (earlier, older))
    ]
    assert said == [
        "🔎 Integrity check (1 of 2 unchanged since 13 Jul 2026, 14:37), archive read back and compared",
        "🔎 Unchanged since the integrity check of 13 Jul 2026, 14:37, archive read back and compared",
        "🔎 Unchanged since the integrity check of 13 Jul 2026, 13:37 or later, archive read back and compared",
    ]


def test_what_a_database_holds_amiss_is_a_warning_in_caption_and_chat() -> None:
    """Broken references and rules make no ✅, and nothing that could not be checked is said to be checked."""
    rules = "Rows break a rule of their table: CHECK constraint failed in child."
    flawed = samples.database("shop.db", foreign_key_violations=3, warnings=(Reason(OTHER, (("said", rules),)),))
    backup = samples.backup(databases=(samples.database(), flawed))
    for told in (delivery_texts.caption(backup, samples.volume(), ZONE), run_texts.result(backup, (), NOW, ZONE)):
        assert f"⚠️ shop.db · 1.1 MB · 3 rows with a broken foreign key · {rules}" in plain(told)
    assert plain(delivery_texts.caption(backup, samples.volume(), ZONE)).startswith("⚠️")
    restored = RestoredDatabase(
        name="a.db", target=Path("/srv/a.db"), method=RestoreMethod.INTO_LIVE, rows=(("a", 5), ("b", -1)), checked=False
    )
    assert restored_line(restored) == (
        " 5 rows and ? rows in 1 table, compared with the backup; it could not be checked."
    )


def test_a_backup_with_gaps_says_each_cause_once() -> None:
    """What is missing stands above the fold, by cause; the way to join the volumes below it."""
    many = samples.backup(skipped=tuple(samples.skipped(f"shop{number}.db") for number in range(12)))
    caption = plain(delivery_texts.caption(many, samples.volume(1, 2), ZONE))
    assert caption.startswith("⚠️")
    assert "🧩 Volume 1 of 2" in caption
    assert caption.count(" are damaged") == 1
    assert "shop7.db and 4 more are damaged" in caption
    assert "cat database_backup_20260713_120000.zip.* > database_backup_20260713_120000.zip" in caption


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (ServiceState.RUNNING, "⚠️ Not delivered"),
        (ServiceState.STOPPED, "❌ Stopped"),
        (ServiceState.UNKNOWN, "❓ Unknown"),
    ],
)
def test_the_three_states(state: ServiceState, word: str) -> None:
    """Each state has its word and its mark, under the title; here, a recipient is still owed."""
    assert word in plain(status_texts.status(samples.status(state=state), ZONE)).splitlines()[1]


def test_status_puts_trouble_first() -> None:
    """A database in trouble stands above the good ones, with its last good backup."""
    good = samples.status().databases
    bad = DatabaseStatus(
        name="shop.db",
        path="/srv",
        bytes=None,
        last=samples.backup(),
        verdict=None,
        trouble=Reason(OTHER, (("said", "It is damaged."),)),
    )
    shown = plain(status_texts.status(samples.status(databases=(*good, bad)), ZONE)).splitlines()
    lines = [line for line in shown[2:] if ".db" in line]
    assert lines[0] == "🚨 shop.db: It is damaged · last backup 37 min ago"
    assert lines[1] == "✅ users.db · 1.1 MB"


def test_a_database_that_is_configured_no_longer_is_no_trouble() -> None:
    """It stands last in the status, without a mark of trouble, and is no part of the health."""
    last = samples.backup()
    retired = DatabaseStatus(name="old.db", path="/srv", bytes=None, last=last, verdict=Verdict.OK, retired=True)
    seen = samples.status(databases=(retired, *samples.status().databases))
    lines = [line for line in plain(status_texts.status(seen, ZONE)).splitlines() if ".db" in line]
    assert lines[-1] == "➖ old.db: no longer in the settings; backups stay where they are"
    assert "old.db" not in plain(health_texts.health(samples.health(status=seen), ZONE))


def test_a_newer_failed_run_stands_above_the_last_good_backup() -> None:
    """A good backup from before does not hide that the newest run failed."""
    shown = plain(status_texts.status(samples.status(latest=samples.failed()), ZONE))
    assert shown.index("The last backup failed") < shown.index("Last good backup")
    assert "The disk is full." in shown


def test_status_before_the_first_backup() -> None:
    """Nothing there yet is said, and nothing is made up."""
    empty = samples.status(
        latest=None, latest_proven=None, latest_deliveries=(), databases=(), week=SuccessRate(ok=0, total=0)
    )
    shown = plain(status_texts.status(empty, ZONE))
    assert "⏳ No backup yet" in shown
    assert "DATABASES names no file yet." in shown
    assert "Last backup" not in shown


def test_a_result_never_says_delivered_where_it_is_not() -> None:
    """Delivered, stored and partial have different headlines."""

    def headline(**changes: Any) -> str:
        backup = samples.backup(**changes.pop("backup", {}))
        return plain(run_texts.result(backup, changes["deliveries"], NOW, ZONE)).splitlines()[0]

    assert headline(deliveries=(samples.delivery(1),)) == "✅ Backup done"
    assert headline(deliveries=(samples.MUST_START,)) == "⚠️ Backup stored, not delivered to user 77"
    gap = {"skipped": (samples.skipped(),), "state": BackupState.PARTIAL}
    assert headline(backup=gap, deliveries=()) == "⚠️ Backup incomplete"


def test_a_backup_known_from_the_chat_lies_there() -> None:
    """After `recover --rebuild` nobody has asked for it, and no delivery is known; yet the chat has it."""
    backup = replace(worst_backup(), trigger=Trigger.COMMAND, requested_by=Actor.CHAT)
    seen = samples.status(latest=backup, latest_proven=backup, latest_deliveries=(), in_telegram=True)
    shown = plain(status_texts.status(seen, ZONE))
    assert "📬 It lies in the chat" in shown
    details = BackupDetails(backup=backup, deliveries=(), retention=NO_REASON, volumes=1)
    shown = plain(history_texts.details(details, NOW, ZONE))
    assert "learned from the chat" in shown
    assert "asked for by" not in shown


@pytest.mark.parametrize(
    ("sealed", "asks"),
    [
        ("", ""),
        (BY_PASSPHRASE, "It asks for the passphrase, unless .env has it."),
        ("6A80-4773-9828-40FA", "It asks for the key, unless .env or --identity FILE names its file."),
    ],
)
def test_the_command_that_restores_says_where_it_has_the_key_from(sealed: str, asks: str) -> None:
    """The command can be copied as it stands: on a terminal it asks."""
    backup = samples.backup(sealed=sealed)
    seen = BackupDetails(backup=backup, deliveries=(), retention=NO_REASON, volumes=1, restorable=True)
    shown = plain(history_texts.details(seen, NOW, ZONE))
    command = history_texts.restore_command(seen)
    assert command.endswith(" --in-place")
    assert shown.partition(f"On the server: {command}")[2].strip() == asks


def test_no_room_for_the_archive_names_the_folder_on_the_disk() -> None:
    """Not a setting, whose value nobody has in mind."""
    facts = (("code", "no-space"), ("cause", Cause.NO_SPACE_FOR_ARCHIVE), ("folder", "/mnt/b"), ("said", "full"))
    alarm = Alarm(id="1" * 8, key="run", began_at=NOW, facts=facts)
    assert words_of(alarm, NOW, ZONE).mend.startswith("Free some space on the disk of /mnt/b, or keep fewer backups")


@pytest.mark.parametrize(
    ("minutes", "words"), [(-59, "59 minutes slow"), (-51293, "35 days slow"), (90, "1 h 30 min fast")]
)
def test_how_wrong_a_clock_is_has_a_unit_that_people_read(minutes: int, words: str) -> None:
    """Nobody divides 51,293 minutes."""
    alarm = Alarm(id="1" * 8, key="clock", began_at=NOW, facts=(("minutes", minutes),))
    assert f"This server's clock is {words} by Telegram's." in words_of(alarm, NOW, ZONE).what
