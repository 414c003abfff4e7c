"""What is owed is kept, and goes out when it can: newest first, across outages and restarts."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.models import (
    OTHER,
    Backup,
    BackupState,
    DeliveryReason,
    DeliveryState,
    OutcomeCode,
    Reason,
    Recipient,
    SkippedRecord,
    SkipReason,
)
from tests.world import faults
from tests.world.catalogue import run_sql
from tests.world.delivery import House, documents
from tests.world.faults import Gate

PARKED, PENDING, SENDING = DeliveryState.PARKED, DeliveryState.PENDING, DeliveryState.SENDING
SENT, SUPERSEDED = DeliveryState.SENT, DeliveryState.SUPERSEDED


async def until_settled(house: House, count: int = 1) -> None:
    """Wait until the background has brought so many tries to an end."""
    async with asyncio.timeout(5):
        while len(house.settled) < count:
            await asyncio.sleep(0.001)


async def test_what_a_first_pass_left_is_retried_in_the_background(house: House) -> None:
    """A pending delivery goes out when its time has come, and the backup then counts as delivered."""
    (ann,) = await house.people(1)
    rule = house.standin.inject(faults.server_error(), "sendDocument", times=None)
    backup = await house.back_up()
    rows = await house.delivered(backup)
    rule.cancel()
    async with house.running():
        wait = await house.time.asleep(lambda seconds: seconds > 1)
        assert documents(ann) == []
        assert wait <= 5
        assert rows[ann.id].attempts == 3
        house.time.advance(wait)
        await until_settled(house)
    assert documents(ann) == [backup.archive_name]
    assert await house.states(backup) == {ann.id: SENT}
    async with asyncio.timeout(5):
        while (await house.catalogue.backups.get(backup.id)).state is not BackupState.DELIVERED:
            await asyncio.sleep(0.001)


async def test_background_waits_grow_up_to_an_hour(house: House) -> None:
    """Failure after failure, the next try is later and never more than an hour away."""
    (ann,) = await house.people(1)
    house.standin.inject(faults.server_error(), "sendDocument", times=None)
    backup = await house.tried()
    waits: list[float] = []
    async with house.running():
        for count in range(1, 14):
            row = await house.row(backup, ann.id)
            assert row.next_try_at is not None
            waits.append((row.next_try_at - house.time.now).total_seconds())
            while house.time.now < row.next_try_at:
                house.time.advance(await house.time.asleep(lambda seconds: seconds > 0))
            await until_settled(house, count)
    assert waits == sorted(waits)
    assert waits[-1] == 3600


async def test_a_clock_that_is_set_back_puts_nothing_off(house: House) -> None:
    """What failed under a clock that was days ahead is tried at once, and not when that date comes."""
    (ann,) = await house.people(1)
    down = house.standin.inject(faults.server_error(), "sendDocument", times=None)
    house.time.advance(3 * 24 * 3600)
    backup = await house.tried()
    down.cancel()
    house.time.now -= timedelta(days=3)
    async with house.running():
        await until_settled(house)
    assert documents(ann) == [backup.archive_name]


async def outage(house: House) -> list[Backup]:
    """Three backups that Telegram was down for; it is an hour after the start of the next process."""
    rule = house.standin.inject(faults.server_error(502, html=True), times=None)
    backups = [await house.tried() for _ in range(3)]
    rule.cancel()
    await house.restart()
    house.time.advance(3600)
    return backups


async def test_after_a_long_outage_the_newest_goes_first_and_the_older_are_superseded(house: House) -> None:
    """Three days without Telegram do not end in a flood of old archives."""
    (ann,) = await house.people(1)
    backups = await outage(house)
    async with house.running():
        await until_settled(house)
    assert documents(ann) == [backups[-1].archive_name]
    for backup in backups[:-1]:
        row = await house.row(backup, ann.id)
        assert row.state is SUPERSEDED
        assert row.reason.code == DeliveryReason.NEWER


async def test_everything_can_be_sent_newest_first(house: House) -> None:
    """With OWED=all nothing is superseded."""
    house.settings["owed"] = "all"
    (ann,) = await house.people(1)
    backups = await outage(house)
    async with house.running():
        await until_settled(house, 3)
    assert documents(ann) == [backup.archive_name for backup in reversed(backups)]


async def test_a_backup_with_a_database_that_the_newer_one_skipped_stays_owed(house: House) -> None:
    """Superseding must not lose the only copy of a database."""
    (ann,) = await house.people(1)
    rule = house.standin.inject(faults.server_error(502, html=True), times=None)
    both = await house.tried(databases=("shop.db", "users.db"))
    one = await house.tried(databases=("shop.db",))
    rule.cancel()
    house.time.advance(3600)
    async with house.running():
        await until_settled(house, 2)
    assert documents(ann) == [one.archive_name, both.archive_name]


async def test_a_pruned_archive_is_owed_no_more(house: House) -> None:
    """Without the archive and without file_ids there is nothing to send; the next owed one gets its turn."""
    house.settings["owed"] = "all"
    (ann,) = await house.people(1)
    rule = house.standin.inject(faults.server_error(502, html=True), times=None)
    older, newer = await house.back_up(), await house.back_up()
    await house.delivered(older)
    await house.delivered(newer)
    rule.cancel()
    house.archive(newer).unlink()
    house.time.advance(3600)
    async with house.running():
        await until_settled(house, 2)
    row = await house.row(newer, ann.id)
    assert (row.state, row.reason.code) == (SUPERSEDED, DeliveryReason.PRUNED)
    assert documents(ann) == [older.archive_name]


async def test_a_pruned_archive_still_goes_out_by_its_file_ids(house: House) -> None:
    """Telegram has the bytes: a recipient is served long after the disk has forgotten them."""
    ann, bob = await house.people(2)
    house.standin.inject(faults.flood(600), "sendDocument", chat_id=bob.id)
    backup = await house.tried()
    house.archive(backup).unlink()
    await house.restart()
    house.time.advance(600)
    async with house.running():
        await house.standin.until(lambda: bool(documents(bob)))
    assert documents(ann) == documents(bob)


async def test_a_parked_admin_who_presses_start_gets_the_newest_at_once(house: House) -> None:
    """Nothing is tried before Start; after it the newest backup comes by file_id and the older ones are superseded."""
    (ann,) = await house.people(1)
    bob = house.standin.add_user(50, "Bob", started=False)
    house.receive(50)
    backups = [await house.tried() for _ in range(3)]
    assert [(await house.states(backup))[50] for backup in backups] == [SUPERSEDED, SUPERSEDED, PARKED]
    await bob.start()
    await house.ledger.recipient_started(50)
    await house.standin.until(lambda: bool(documents(bob)))
    await until_settled(house)
    assert documents(bob) == [backups[-1].archive_name]
    assert await house.catalogue.recipients.parked() == {}
    assert len(house.uploads()) == 3
    await house.ledger.recipient_started(50)
    await house.ledger.recipient_started(ann.id)
    await house.ledger.recipient_started(4711)
    assert len(documents(bob)) == 1


async def test_an_answer_from_before_a_start_parks_nobody_after_it(house: House) -> None:
    """Telegram says that there is no such chat, and while its answer is on the way Bob presses Start."""
    await house.people(1)
    bob = house.standin.add_user(50, "Bob", started=False)
    house.receive(50)
    await house.delivered(await house.back_up())
    house.time.advance(7 * 3600)
    gate = Gate(house.standin._state.changes)
    unknown = replace(faults.refused(400, "Bad Request: chat not found"), gate=gate)
    house.standin.inject(unknown, "sendChatAction", chat_id=50)
    backup = await house.back_up()
    async with house.running():
        delivering = asyncio.create_task(house.delivered(backup))
        await gate.reached()
        await bob.start()
        await house.ledger.recipient_started(50)
        gate.open()
        await delivering
        await house.standin.until(lambda: backup.archive_name in documents(bob))
    assert await house.catalogue.recipients.parked() == {}


async def test_a_parked_recipient_left_alone_may_come_back_at_any_instant(house: House) -> None:
    """Whoever pressed Start since a run has looked is not parked again by that run."""
    ann = Recipient(chat_id=11)
    house.receive(ann)
    await house.catalogue.recipients.park(ann, Reason(OutcomeCode.NO_SUCH_CHAT))
    backup = await house.back_up()
    await house.catalogue.deliveries.owe(backup.id, [ann])
    assert await house.catalogue.recipients.still_parked(ann)
    assert (await house.states(backup)) == {ann.chat_id: PARKED}
    await house.catalogue.recipients.unpark(ann)
    assert not await house.catalogue.recipients.still_parked(ann)
    assert not await house.catalogue.recipients.still_parked(ann, "as was found out before")
    assert (await house.states(backup)) == {ann.chat_id: PENDING}


async def test_a_group_that_lets_the_bot_in_again_is_found(house: House) -> None:
    """No Start is pressed in a group: a knock every six hours, which nobody sees, finds it."""
    group = house.group(-1005)
    group.kick_bot(house.standin.bot())
    await house.tried()
    group.add_bot(house.standin.bot())
    async with house.running():
        await house.time.asleep(lambda seconds: seconds > 0)
        assert documents(group) == []
        for _ in range(7 * 60):
            await house.time.asleep(lambda seconds: seconds > 0)
            house.time.advance(60)
            await asyncio.sleep(0)
        await house.standin.until(lambda: bool(documents(group)))
    knocks = house.standin.calls_of("sendChatAction", chat_id=-1005)
    assert len(knocks) <= 3


async def test_a_deleted_topic_stays_parked_over_restarts_and_knocks(house: House) -> None:
    """sendChatAction is content with a topic that is gone: what it says unparks nobody, not for a moment."""
    forum = house.standin.add_group(-1005, members=[house.standin.add_user(11)], is_forum=True)
    topic = forum.add_topic("Backups")
    recipient = Recipient(chat_id=-1005, thread_id=topic.id)
    house.receive(recipient)
    topic.deleted = True
    backup = await house.tried()
    run_sql(house.catalogue, "CREATE TABLE unparked (address)")
    run_sql(
        house.catalogue,
        "CREATE TRIGGER noted AFTER UPDATE ON recipients WHEN old.parked_reason <> '' AND new.parked_reason = ''"
        " BEGIN INSERT INTO unparked VALUES (new.address); END",
    )
    states = []
    for _ in range(3):
        await house.restart()
        seen = len(house.settled)
        async with house.running():
            await until_settled(house, seen + 1)
        states.append((list(await house.catalogue.recipients.parked()), (await house.states(backup))[-1005]))
    assert states == [([recipient], PARKED)] * 3
    assert run_sql(house.catalogue, "SELECT count(*) FROM unparked") == [(0,)], "not even for a moment"
    tries = len(house.standin.calls_of("sendDocument"))
    await house.delivered(await house.back_up())
    assert len(house.standin.calls_of("sendDocument")) == tries, "an hour later nobody asks again"
    topic.deleted = False
    await house.restart()
    async with house.running():
        await house.standin.until(lambda: bool(documents(forum)))
        await house.nobody_is_parked()


async def test_who_is_owed_nothing_is_found_again_by_a_silent_line(house: House) -> None:
    """An admin who unblocked the bot while it was down misses no alarm until the next backup."""
    (ann,) = await house.people(1)
    await house.catalogue.recipients.park(house.recipients[0], Reason(OutcomeCode.NOT_STARTED))
    async with house.running():
        message = await ann.wait_for(lambda m: "arrive here again" in m.text, since=0)
        assert message.silent
        await house.nobody_is_parked()


async def test_a_new_process_knocks_at_once(house: House) -> None:
    """Somebody may have mended it while the service was down."""
    group = house.group(-1005)
    group.kick_bot(house.standin.bot())
    await house.delivered(await house.back_up())
    group.add_bot(house.standin.bot())
    await house.restart()
    async with house.running():
        await house.standin.until(lambda: bool(documents(group)))


async def test_a_delivery_found_in_mid_send_is_taken_up(house: House) -> None:
    """A killed process leaves "sending" behind; the next one sends it at once."""
    (ann,) = await house.people(1)
    backup = await house.back_up()
    await house.catalogue.deliveries.owe(backup.id, house.recipients)
    await house.ledger._rows.claim(await house.row(backup, ann.id))
    async with house.running():
        await house.standin.until(lambda: bool(documents(ann)))


async def test_a_delivery_that_another_process_is_sending_is_left_alone(house: House) -> None:
    """`sqlite-courier backup` beside the service: nobody gets a second copy while the first is on its way."""
    (ann,) = await house.people(1)
    async with house.running():
        await house.time.asleep(lambda seconds: seconds > 0)
        backup = await house.back_up()
        await house.catalogue.deliveries.owe(backup.id, house.recipients)
        await house.ledger._rows.claim(await house.row(backup, ann.id))
        house.ledger.nudge()
        left = await house.time.asleep(lambda seconds: 0 < seconds <= 60)
        assert left <= 60
        assert house.standin.calls_of("sendDocument") == []


async def test_who_was_taken_out_of_the_settings_gets_nothing_more(house: House) -> None:
    """A former admin is owed nothing, whatever the ledger said."""
    ann, bob = await house.people(2)
    rule = house.standin.inject(faults.server_error(502, html=True), times=None)
    backup = await house.tried()
    rule.cancel()
    house.recipients = house.recipients[:1]
    await house.restart()
    house.time.advance(3600)
    async with house.running():
        await house.standin.until(lambda: bool(documents(ann)))
        await until_settled(house)
    assert documents(bob) == []
    assert (await house.states(backup))[bob.id] is SUPERSEDED


async def test_a_volume_too_large_is_tried_again_with_new_settings_only(house: House) -> None:
    """The background leaves it alone; after a restart it gets one more chance."""
    (ann,) = await house.people(1)
    rule = house.standin.inject(faults.too_large(), "sendDocument", times=None)
    await house.tried()
    rule.cancel()
    house.settings["volume_bytes"] = 100_000
    await house.restart()
    async with house.running():
        await house.standin.until(lambda: len(documents(ann)) == 3)


async def test_a_token_refused_for_a_while_is_asked_again_every_minute(house: House) -> None:
    """401 ends no background work: what is owed stays owed, and goes out when the token is accepted again."""
    ann, bob = await house.people(2)
    backup = await house.back_up()
    await house.catalogue.deliveries.owe(backup.id, house.recipients)
    rule = house.standin.inject(faults.refused(401, "Unauthorized"), times=None)
    async with house.running():

        async def minutes_pass(until: Callable[[], bool]) -> None:
            async with asyncio.timeout(10):
                while not until():
                    house.time.advance(61)
                    await asyncio.sleep(0.01)

        await minutes_pass(lambda: rule.hits >= 4)
        assert set((await house.states(backup)).values()) <= {PENDING, SENDING}  # owed, one of them perhaps being tried
        rule.cancel()
        await minutes_pass(lambda: bool(documents(ann) and documents(bob)))
        await until_settled(house)
    assert documents(ann) == documents(bob) == [backup.archive_name]


async def test_a_partial_backup_stays_partial_when_everybody_has_it(house: House) -> None:
    """Delivered is not whole: a skipped database keeps the backup from being called delivered."""
    (ann,) = await house.people(1)
    skipped = SkippedRecord(
        name="users.db", path="/srv/users.db", reason=SkipReason.BUSY, why=Reason(OTHER, (("said", "It was locked."),))
    )
    backup = await house.back_up(skipped=(skipped,))
    await house.catalogue.backups.set_state(backup.id, BackupState.PARTIAL)
    await house.catalogue.deliveries.owe(backup.id, house.recipients)
    async with house.running():
        await until_settled(house)
        async with asyncio.timeout(5):
            while house.ledger._retries._serving:
                await asyncio.sleep(0.001)
    assert documents(ann) == [backup.archive_name]
    assert (await house.catalogue.backups.get(backup.id)).state is BackupState.PARTIAL


async def test_a_pause_ends_with_the_outage_that_made_it(house: House) -> None:
    """Once in a minute at most, on a line that comes and goes; a wait that the chat itself asked for is kept."""
    ann, ben = await house.people(2)
    house.choose(attempts=1, delay=600.0)
    house.standin.inject(faults.flood(900), "sendDocument", chat_id=ben.id)
    outage = house.standin.inject(faults.server_error(), "sendDocument", times=None)
    backup = await house.tried()
    async with house.running():
        house.ledger.answers_again()
        await until_settled(house)
        assert (await house.row(backup, ann.id)).attempts == 2
        outage.cancel()
        house.ledger.answers_again()
        while house.time.sleeping:
            await asyncio.sleep(0)
        await house.time.someone_sleeps()
        for _ in range(10):
            assert (await house.row(backup, ann.id)).state is PENDING
        house.time.advance(60)
        await until_settled(house, 2)
    assert await house.states(backup) == {ann.id: SENT, ben.id: PENDING}
    assert documents(ben) == []
