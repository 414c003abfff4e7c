"""Each recipient has an outcome of their own, and what was confirmed is never sent twice."""

import asyncio

import pytest

from bot.demo.stand_in.calls import CallStage
from bot.errors import AbortedError
from bot.models import Backup, DeliveryReason, DeliveryState, OutcomeCode, Recipient, Volume
from bot.services.concurrency.abort import Abort
from bot.services.contracts.destination import Caption
from bot.words.outcomes import reason_words
from tests.world import faults
from tests.world.delivery import Everybody, House, caption, documents, joined
from tests.world.faults import CutError, Fault, Gate

PARKED, PENDING, SENT = DeliveryState.PARKED, DeliveryState.PENDING, DeliveryState.SENT


async def test_nobody_waits_for_a_slow_recipient(house: House) -> None:
    """While one chat does not answer, everybody else has the archive and is recorded as served."""
    slow, *others = await house.people(4)
    await house.delivered(await house.back_up(), to=house.recipients[1:])  # one of these will upload the next
    gate = house.standin.hold("sendDocument", chat_id=slow.id)
    backup, delivering = await house.delivering(gate)
    async with asyncio.timeout(5):
        while list((await house.states(backup)).values()).count(SENT) < 3:
            await asyncio.sleep(0)
    assert all(len(documents(person)) == 2 for person in others)
    assert not delivering.done()
    gate.open()
    assert {row.state for row in await delivering} == {SENT}


async def test_failures_are_retried_with_growing_waits_and_then_left_to_the_background(house: House) -> None:
    """RETRY_ATTEMPTS tries are made; the row says why and when it goes on, and the others are served."""
    ann, bob = await house.people(2)
    house.standin.inject(faults.server_error(), "sendDocument", chat_id=ann.id, times=None)
    backup = await house.back_up()
    delivering = house.deliver(backup)
    waits = []
    while len(waits) < 2:
        waits.append(await house.time.asleep(lambda seconds: seconds < 15))
        house.time.advance(waits[-1])
    rows = {row.recipient.chat_id: row for row in await delivering}
    assert 1 <= waits[0] <= 1.25
    assert 2 <= waits[1] <= 2.5
    assert (rows[ann.id].state, rows[ann.id].attempts) == (PENDING, 3)
    assert "restart" in reason_words(rows[ann.id].reason)
    assert rows[ann.id].next_try_at is not None
    assert rows[bob.id].state is SENT


async def test_what_nobody_foresaw_of_one_recipient_costs_no_other(house: House) -> None:
    """It counts as a failed try of that one, now and in the background; the others have the archive at once."""
    ann, bob, cat = await house.people(3)
    trouble = True

    async def odd(backup: Backup, volume: Volume, recipient: Recipient) -> Caption:
        if trouble and recipient.chat_id == ann.id:
            raise ZeroDivisionError("nobody thought of that")
        return await caption(backup, volume, recipient)

    house.choose(caption=odd, attempts=1)
    backup = await house.back_up()
    rows = {row.recipient.chat_id: row for row in await house.deliver(backup)}
    assert (rows[bob.id].state, rows[cat.id].state) == (SENT, SENT)
    assert (rows[ann.id].state, rows[ann.id].attempts) == (PENDING, 1)
    assert "ZeroDivisionError" in reason_words(rows[ann.id].reason)
    trouble = False
    house.time.advance(3600)
    rows = {row.recipient.chat_id: row for row in await house.deliver(backup)}
    assert rows[ann.id].state is SENT


async def test_a_long_flood_is_left_to_the_background(house: House) -> None:
    """A wait of ten minutes ends the first pass at once: pending, no attempt spent, due when Telegram said."""
    ann, bob = await house.people(2)
    house.standin.inject(faults.flood(600), "sendDocument", chat_id=ann.id)
    rows = await house.delivered(await house.back_up())
    assert (rows[ann.id].state, rows[ann.id].attempts) == (PENDING, 0)
    assert rows[ann.id].next_try_at is not None
    assert (rows[ann.id].next_try_at - house.time.now).total_seconds() == 600
    assert rows[bob.id].state is SENT


async def test_floods_without_end_do_not_hold_the_pass(house: House) -> None:
    """Short waits add up: after two minutes of them the pass is over for that recipient."""
    ann, _ = await house.people(2)
    house.standin.inject(faults.flood(50), "sendDocument", chat_id=ann.id, times=None)
    delivering = house.deliver(await house.back_up())
    for _ in range(2):
        await house.time.asleep(lambda seconds: seconds == 50)
        house.time.advance(50)
    rows = await delivering
    assert (rows[0].state, rows[0].attempts) == (PENDING, 0)
    assert rows[1].state is SENT


async def test_delivered_without_an_answer_is_sent_again_after_a_longer_wait(house: House) -> None:
    """A copy too many is better than one too few."""
    (ann,) = await house.people(1)
    house.standin.inject(faults.lost_answer(), "sendDocument")
    delivering = house.deliver(await house.back_up())
    wait = await house.time.asleep(lambda seconds: seconds < 15)
    assert 2 <= wait <= 2.5
    house.time.advance(wait)
    (row,) = await delivering
    assert (row.state, row.attempts) == (SENT, 1)
    assert len(documents(ann)) == 2


async def test_answers_lost_twice_running_are_not_followed_by_a_third_upload(house: House) -> None:
    """A server that always hangs up makes two copies in all, whatever the admins and hours; both are told.

    "Send again" is a person's wish, and worth another upload.
    """
    people = await house.people(2)
    rule = house.standin.inject(faults.lost_answer(), "sendDocument", times=None)
    backup = await house.tried()
    async with house.running():
        for _ in range(4 * 60):
            await house.time.asleep(lambda seconds: seconds > 0)
            house.time.advance(60)
            await asyncio.sleep(0)
    rows = await house.catalogue.deliveries.of(backup.id)
    assert sum(len(documents(person)) for person in people) == 2
    assert len(house.uploads()) == 2
    for row in rows:
        assert row.state is PARKED
        assert row.reason.code == OutcomeCode.UNANSWERED
    assert await house.catalogue.recipients.parked() == {}, "only this backup waits"
    rule.cancel()
    (row,) = (await house.delivered(backup, to=house.recipients[:1], force=True)).values()
    assert row.state is SENT
    fresh = await house.delivered(await house.back_up())
    assert {row.state for row in fresh.values()} == {SENT}


async def test_a_parked_recipient_says_what_to_do_and_is_not_tried_again(house: House) -> None:
    """A refusal that lasts is no failure to retry; the reason is for people, and the next run does not upload to it."""
    ann, _ = await house.people(2)
    ann.block_bot()
    rows = await house.delivered(await house.back_up())
    assert (rows[ann.id].state, rows[ann.id].attempts) == (PARKED, 0)
    assert rows[ann.id].reason.code == OutcomeCode.BLOCKED
    calls = len(house.standin.calls)
    rows = await house.delivered(await house.back_up())
    assert rows[ann.id].state is PARKED
    assert not [call for call in house.standin.calls[calls:] if call.chat_id == ann.id]


async def test_a_migration_is_followed_and_remembered_over_a_restart(house: House) -> None:
    """The archive arrives in the supergroup at once, and the old id is never asked again."""
    group = house.group(-5)
    new = group.upgrade()
    rows = await house.delivered(await house.back_up())
    assert [row.state for row in rows.values()] == [SENT]
    assert list(rows) == [new.id]
    assert len(documents(new)) == 1
    await house.restart()
    asked = len(house.standin.calls)
    second = await house.tried()
    assert {call.chat_id for call in house.standin.calls[asked:]} == {new.id}
    assert await house.states(second) == {new.id: SENT}


async def test_a_notice_follows_a_chat_that_has_moved_on_its_only_try(house: House) -> None:
    """RETRY_ATTEMPTS=1 is one try at the chat, and the move is none."""
    group = house.group(-5)
    house.choose(attempts=1)
    new = group.upgrade()
    assert await house.notices.notify("moved", loud=False) == (Recipient(chat_id=-5),)
    assert [message.text for message in new.messages if message.text] == ["moved"]


async def test_a_topic_is_a_recipient_of_its_own(house: House) -> None:
    """Two topics and General of one forum each get the archive; a closed one is parked alone."""
    ann = house.standin.add_user(11)
    forum = house.standin.add_group(-1005, members=[ann], is_forum=True)
    one, two = forum.add_topic("One"), forum.add_topic("Two")
    house.receive(*(Recipient(chat_id=-1005, thread_id=thread) for thread in (None, one.id, two.id)))
    two.closed = True
    rows = await house.ledger.deliver(await house.back_up())
    assert [row.state for row in rows] == [SENT, SENT, PARKED]
    assert [len(forum.messages_in(thread)) for thread in (None, one.id, two.id)] == [1, 1, 0]
    assert {recipient.thread_id for recipient in await house.catalogue.recipients.parked()} == {two.id}


async def test_a_restart_in_mid_delivery_sends_only_what_is_missing(house: House) -> None:
    """Closed after volume 1 of 3, the next process sends volumes 2 and 3, and uploads nothing twice."""
    ann, bob = await house.people(2)
    gate = Gate(house.standin._state.changes)
    lost = Fault(CallStage.CALL, CutError(), gate=gate)  # held, and never carried out
    rule = house.standin.inject(lost, "sendDocument", when=lambda call: "2 of 3" in call.params["caption"], times=None)
    backup, delivering = await house.delivering(gate, 2_500_000)
    async with asyncio.timeout(5):
        while any(len(row.volumes) < 1 for row in await house.catalogue.deliveries.of(backup.id)):
            await asyncio.sleep(0)
    await house.close()
    with pytest.raises(AbortedError):
        await delivering
    gate.open()
    await house.standin.until(lambda: all(call.done for call in house.standin.calls))
    rule.cancel()
    await house.open()
    assert set((await house.states(backup)).values()) == {PENDING}
    before = len(house.standin.calls)
    async with house.running():
        await house.standin.until(lambda: len(documents(ann)) == len(documents(bob)) == 3)
    names = [f"{backup.archive_name}.{number:03}" for number in (1, 2, 3)]
    assert documents(ann) == documents(bob) == names
    assert joined(ann) == joined(bob) == house.archive(backup).read_bytes()
    assert sum(call.uploaded_bytes for call in house.standin.calls[before:]) == 1_500_000


async def test_a_changed_volume_size_does_not_change_a_backup_already_sent(house: House) -> None:
    """Volumes sent before and after the change must join: a backup keeps the cut it was first sent in."""
    ann, bob = await house.people(2)
    backup = await house.back_up(2_500_000)
    await house.delivered(backup, to=[house.recipients[0]])
    house.settings["volume_bytes"] = 700_000
    await house.restart()
    await house.delivered(backup)
    assert documents(ann) == documents(bob)
    assert joined(bob) == house.archive(backup).read_bytes()


async def test_the_same_backup_is_delivered_once(house: House) -> None:
    """Delivering again, twice at a time and after a restart, sends nothing more."""
    (ann, bob) = await house.people(2)
    backup = await house.back_up()
    await asyncio.gather(house.ledger.deliver(backup), house.ledger.deliver(backup))
    await house.restart()
    await house.ledger.deliver(backup)
    assert len(documents(ann)) == len(documents(bob)) == 1


async def test_send_it_again_goes_by_file_id_to_anybody(house: House) -> None:
    """A forced send needs no row and no bytes, and owes nobody anything."""
    (ann,) = await house.people(1)
    backup = await house.tried(2_500_000)
    guest = house.standin.add_user(99, "Guest")
    house.archive(backup).unlink()
    for person in (ann, guest):
        (row,) = await house.ledger.deliver(backup, to=[Recipient(chat_id=person.id)], force=True, silent=False)
        assert (row.state, len(row.volumes)) == (SENT, 3)
        assert not person.last.silent
    assert len(documents(ann)) == 6
    assert len(documents(guest)) == 3
    assert house.standin.uploaded_bytes == 2_500_000
    assert await house.states(backup) == {ann.id: SENT}


async def test_send_it_again_says_when_nothing_is_left_to_send(house: House) -> None:
    """Neither archive nor file_id: the row says so, and the ledger stays as it was."""
    (ann,) = await house.people(1)
    backup = await house.back_up()
    house.archive(backup).unlink()
    (row,) = await house.ledger.deliver(backup, to=[Recipient(chat_id=ann.id)], force=True)
    assert (row.state, row.reason.code) == (DeliveryState.SUPERSEDED, DeliveryReason.PRUNED)
    assert await house.states(backup) == {}


async def test_an_abort_ends_the_waits_between_tries(house: House) -> None:
    """A stopped run raises, and everything unconfirmed is still owed."""
    (ann,) = await house.people(1)
    house.standin.inject(faults.server_error(), "sendDocument", times=None)
    backup, abort = await house.back_up(), Abort()
    delivering = house.deliver(backup, abort=abort)
    await house.time.asleep(lambda seconds: seconds < 15)
    abort.set("stopped by Ann")
    with pytest.raises(AbortedError, match="stopped by Ann"):
        await delivering
    assert await house.states(backup) == {ann.id: PENDING}


async def test_a_cancelled_delivery_is_owed_and_its_confirmed_volumes_are_recorded(house: House) -> None:
    """Cancelling between two volumes loses no confirmation."""
    (ann,) = await house.people(1)
    gate = Gate(house.standin._state.changes)
    house.standin.inject(faults.delay(gate=gate), "sendDocument", nth=2)
    backup, delivering = await house.delivering(gate, 2_500_000)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    row = await house.row(backup, ann.id)
    assert (row.state, [sent.number for sent in row.volumes]) == (PENDING, [1])
    gate.open()


async def test_draining_lets_a_send_finish(house: House) -> None:
    """What is in the air at shutdown is waited for and recorded, and nothing new is begun."""
    (ann,) = await house.people(1)
    gate = house.standin.hold("sendDocument")
    _, delivering = await house.delivering(gate, 2_500_000)
    draining = asyncio.create_task(house.ledger.drain(30))
    await asyncio.sleep(0)
    gate.open()
    await draining
    (row,) = await delivering
    assert (row.state, [sent.number for sent in row.volumes]) == (PENDING, [1])
    assert len(documents(ann)) == 1


async def test_notices_reach_everybody_who_can_be_reached(house: House) -> None:
    """One admin's trouble is nobody else's; who blocked the bot is parked by it."""
    ann, bob, cid = await house.people(3)
    ann.block_bot()
    house.standin.inject(faults.server_error(), "sendMessage", chat_id=bob.id, times=1)
    reached = await house.time.pass_until(asyncio.create_task(house.notices.notify("<b>trouble</b>", loud=True)))
    assert {recipient.chat_id for recipient in reached} == {bob.id, cid.id}
    assert (bob.last.text, bob.last.silent) == ("trouble", False)
    assert list(await house.catalogue.recipients.parked()) == [Recipient(chat_id=ann.id)]


async def test_an_admin_without_deliveries_is_found_again_too(house: House) -> None:
    """Who only gets notices and blocked the bot gets them again after Start."""
    await house.people(1)
    cid = house.standin.add_user(77, "Cid", started=False)
    house.choose(people=Everybody(house.recipients, (Recipient(chat_id=77),)))
    assert await house.notices.notify("one", loud=False) == ()
    await cid.start()
    await house.ledger.recipient_started(77)
    assert await house.notices.notify("two", loud=False) == (Recipient(chat_id=77),)
    assert cid.last.silent
