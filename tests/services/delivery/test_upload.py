"""A volume is uploaded once, and nobody waits for whoever can't take it."""

import asyncio

import pytest

from bot.demo.stand_in.calls import CallStage
from bot.errors import TelegramError
from bot.models import DeliveryReason, DeliveryState, OutcomeCode
from tests.world import faults
from tests.world.delivery import House, documents, joined

SENT = DeliveryState.SENT
BIG = 40_000_000  # bytes; more than the sockets between here and there can hold


async def test_everybody_gets_the_archive_for_one_upload(house: House) -> None:
    """Ten admins have the archive, byte for byte, and its bytes went up once."""
    people = await house.people(10)
    backup = await house.back_up(900_000)
    rows = await house.delivered(backup)
    assert {row.state for row in rows.values()} == {SENT}
    for person in people:
        assert documents(person) == [backup.archive_name]
        assert joined(person) == house.archive(backup).read_bytes()
        assert person.last.text == f"{backup.archive_name} 1 of 1"
        assert person.last.silent
    assert house.standin.uploaded_bytes == backup.archive_bytes


async def test_volumes_go_up_once_and_arrive_in_order(house: House) -> None:
    """Three volumes for five admins cost one archive's worth of bytes, and join into the archive."""
    people = await house.people(5)
    backup = await house.back_up(2_345_678)
    rows = await house.delivered(backup)
    for person in people:
        assert documents(person) == [f"{backup.archive_name}.{number:03}" for number in (1, 2, 3)]
        assert joined(person) == house.archive(backup).read_bytes()
        assert [sent.message_id for sent in rows[person.id].volumes] == [message.id for message in person.messages]
    assert house.standin.uploaded_bytes == backup.archive_bytes
    assert all([await house.catalogue.volumes.file_id(backup.id, number) for number in (1, 2, 3)])


async def test_progress_counts_each_byte_once(house: House) -> None:
    """Progress never falls, and ends at the size of the archive."""
    await house.people(3)
    backup = await house.back_up(2_345_678)
    seen: list[tuple[int, int]] = []
    await house.delivered(backup, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (backup.archive_bytes, backup.archive_bytes)


async def test_a_blocked_uploader_is_replaced_at_once(house: House) -> None:
    """The first one to upload has blocked the bot since its last backup: the next one uploads, nobody sleeps."""
    ann, *others = await house.people(3)
    await house.delivered(await house.back_up())
    ann.block_bot()
    backup = await house.back_up()
    rows = await house.ledger.deliver(backup)  # no retry is due: this returns without any sleep
    assert [row.state for row in rows] == [DeliveryState.PARKED, SENT, SENT]
    assert all(joined(person).endswith(house.archive(backup).read_bytes()) for person in others)
    assert house.uploads()[1:] == [ann.id, others[0].id]


async def test_an_unlisted_refusal_of_a_file_id_is_worth_the_bytes_once(house: House) -> None:
    """What nobody has listed may mean a stale file_id: the bytes go up once for that recipient, not at each retry."""
    ann, bob = await house.people(2)
    by_id = house.standin.inject(
        faults.bad_request("FILE_REFERENCE_77_STRANGE"),
        "sendDocument",
        chat_id=bob.id,
        when=lambda call: call.uploaded_bytes == 0,
        times=None,
    )
    rows = await house.delivered(await house.back_up())
    assert {row.state for row in rows.values()} == {SENT}
    assert house.uploads() == [ann.id, bob.id]
    by_id.cancel()
    house.standin.inject(faults.bad_request("SOMETHING_ELSE"), "sendDocument", chat_id=bob.id, times=None)
    await house.delivered(await house.back_up())
    assert house.uploads()[2:].count(bob.id) == 1


async def test_those_who_never_pressed_start_cost_no_upload(house: House) -> None:
    """Whoever never took a backup is knocked at before bytes are spent on them."""
    strangers = await house.people(4, started=False)
    bob = house.standin.add_user(50, "Bob")
    house.receive(bob.id)
    backup = await house.back_up()
    rows = await house.delivered(backup)
    assert {chat for chat, row in rows.items() if row.state is DeliveryState.PARKED} == {one.id for one in strangers}
    assert rows[50].state is SENT
    assert house.standin.uploaded_bytes == backup.archive_bytes


async def test_who_took_the_last_backup_uploads_the_next(house: House) -> None:
    """The likeliest to succeed goes first, whatever the order of the settings."""
    ann, bob = await house.people(2)
    await house.delivered(await house.back_up(), to=[house.recipients[1]])
    await house.delivered(await house.back_up())
    assert house.uploads() == [bob.id, bob.id]
    assert len(documents(ann)) == 1


async def test_a_flooded_uploader_is_replaced_and_served_after_its_wait(house: House) -> None:
    """429 lets the next one upload at once; the flooded one waits as told, loses no attempt, and gets the file_id."""
    ann, bob = await house.people(2)
    house.standin.inject(faults.flood(30), "sendDocument", chat_id=ann.id)
    backup = await house.back_up()
    delivering = house.deliver(backup)
    assert await house.time.asleep(lambda seconds: seconds == 30) == 30
    await house.standin.until(lambda: documents(bob) != [])
    house.time.advance(29)
    assert documents(ann) == []
    house.time.advance(1)
    rows = await delivering
    assert [(row.state, row.attempts) for row in rows] == [(SENT, 0), (SENT, 0)]
    assert house.uploads() == [ann.id, bob.id]


async def test_a_stalled_upload_lets_another_one_begin(house: House) -> None:
    """A connection that hangs in the middle keeps nobody; its own recipient is served by file_id as well."""
    ann, bob, cid = await house.people(3)
    house.choose(volume_bytes=BIG)
    gate = house.standin.hold("sendDocument", chat_id=ann.id, stage=CallStage.BODY, times=1)
    _, delivering = await house.delivering(gate, BIG)
    await house.time.stall()
    rows = await asyncio.wait_for(delivering, 20)  # the gate is still closed
    assert {row.state for row in rows} == {SENT}
    assert house.uploads()[:2] == [ann.id, bob.id]
    assert [len(documents(person)) for person in (ann, bob, cid)] == [1, 1, 1]
    gate.open()


async def test_an_upload_that_was_sent_whole_is_waited_for(house: House) -> None:
    """Once the last byte is out a second copy might arrive: its recipient waits for the answer, the others don't."""
    ann, bob, cid = await house.people(3)
    gate = house.standin.hold("sendDocument", chat_id=ann.id, times=1)
    backup, delivering = await house.delivering(gate)
    await house.time.stall()
    await house.standin.until(lambda: bool(documents(bob)) and bool(documents(cid)))
    assert not delivering.done()
    gate.open()
    assert {row.state for row in await delivering} == {SENT}
    assert documents(ann) == [backup.archive_name]


async def test_a_dead_line_does_not_make_everybody_upload(house: House) -> None:
    """Every upload that hangs doubles the patience before the next one begins."""
    people = await house.people(6)
    gate = house.standin.hold("sendDocument")
    _, delivering = await house.delivering(gate)
    patience = await house.time.stall()
    await gate.reached(2)
    assert {seconds for _, seconds in house.time.sleepers.values()} == {2 * patience}
    assert gate.waiting == 2
    gate.open()
    assert {row.state for row in await delivering} == {SENT}
    assert all(len(documents(person)) == 1 for person in people)


async def test_a_reset_in_mid_body_is_taken_over(house: House) -> None:
    """A cut connection passes the upload on, and its recipient is served by file_id at its retry."""
    ann, bob = await house.people(2)
    house.choose(volume_bytes=BIG)
    house.standin.inject(faults.reset(CallStage.BODY, after_bytes=2_000_000), "sendDocument", chat_id=ann.id)
    backup = await house.back_up(BIG)
    rows = await house.delivered(backup)
    assert [(row.state, row.attempts) for row in rows.values()] == [(SENT, 1), (SENT, 0)]
    assert house.uploads() == [ann.id, bob.id]
    assert joined(ann) == joined(bob) == house.archive(backup).read_bytes()


async def test_a_server_in_trouble_is_not_hammered_with_uploads(house: House) -> None:
    """When two uploads in a row fail the trouble is the server's: the others come again later instead of uploading."""
    await house.people(6)
    house.choose(attempts=1)
    gate = house.standin.hold("sendDocument")
    house.standin.inject(faults.server_error(502, html=True), "sendDocument", times=None)
    backup, delivering = await house.delivering(gate)
    (shared,) = (await house.ledger._attempts.outgoing.prepare(backup)).volumes
    async with asyncio.timeout(5):
        while len(shared._queue) < 5:
            await asyncio.sleep(0.001)
    gate.open()
    assert {(row.state, row.attempts) for row in await delivering} == {(DeliveryState.PENDING, 1)}
    assert len(house.uploads()) == 2


async def test_a_volume_too_large_is_tried_once_for_everybody(house: House) -> None:
    """413 parks the delivery with the setting to change, and the recipients stay well."""
    await house.people(4)
    house.standin.inject(faults.too_large(html=True), "sendDocument", times=None)
    rows = await house.delivered(await house.back_up())
    assert {row.state for row in rows.values()} == {DeliveryState.PARKED}
    assert all(row.reason.code == OutcomeCode.VOLUME_TOO_LARGE for row in rows.values())
    assert len(house.uploads()) == 1
    assert await house.catalogue.recipients.parked() == {}


async def test_a_stale_file_id_is_replaced_once_for_everybody(house: House) -> None:
    """The archive is uploaded again, and the new file_id is remembered."""
    people = await house.people(3)
    backup = await house.tried()
    before = await house.catalogue.volumes.file_id(backup.id, 1)
    house.standin.forget_files()
    rows = await house.delivered(backup, force=True)
    assert {row.state for row in rows.values()} == {SENT}
    assert len(house.uploads()) == 2
    assert await house.catalogue.volumes.file_id(backup.id, 1) not in (before, None)
    assert all(len(documents(person)) == 2 for person in people)


async def test_another_bot_uploads_for_itself(house: House) -> None:
    """A file_id belongs to one bot: with a new token the archive goes up once more."""
    ann, bob = await house.people(2)
    backup = await house.back_up()
    await house.delivered(backup, to=[house.recipients[0]])
    token = house.standin.create_bot_token("second_bot")
    for person in (ann, bob):
        person.unblock_bot(token)
    await house.restart(token)
    rows = await house.delivered(backup)
    assert {row.state for row in rows.values()} == {SENT}
    assert len(bob.conversation(token)) == 1
    assert ann.conversation(token) == []
    assert len(house.uploads()) == 2


async def test_an_archive_deleted_in_mid_way_ends_the_delivery(house: House) -> None:
    """What is gone is not owed any more; nobody gets half a file."""
    people = await house.people(2)
    house.choose(volume_bytes=BIG)
    gate = house.standin.hold("sendDocument", stage=CallStage.BODY)
    backup, delivering = await house.delivering(gate, BIG)
    house.archive(backup).unlink()
    gate.open()
    rows = await delivering
    assert {(row.state, row.reason.code) for row in rows} == {(DeliveryState.SUPERSEDED, DeliveryReason.PRUNED)}
    assert [person.messages for person in people] == [[], []]


@pytest.mark.parametrize("count", [1, 4])
async def test_a_refused_token_stops_the_pass(house: House, count: int) -> None:
    """401 is an error for everybody at once, and everything stays owed."""
    await house.people(count)
    backup = await house.back_up()
    house.standin.revoke_token(house.bot.token)
    with pytest.raises(TelegramError, match="token"):
        await house.delivered(backup)
    assert set((await house.states(backup)).values()) == {DeliveryState.PENDING}
