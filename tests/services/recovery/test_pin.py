"""The pinned message: one in each chat, found again, never written over unread."""

import asyncio

import pytest

from bot.services.recovery.document import DOCUMENT_NAME
from tests.world.faults import bad_request, flood, reset, server_error
from tests.world.recovery import Scene, pin_by_hand, unpin_by_hand


async def test_one_silent_message_is_pinned_and_then_edited(scene: Scene) -> None:
    """The first backup sends it without a sound; every later one edits that very message."""
    first = await scene.publish()
    (pinned,) = scene.pins()
    assert pinned.silent
    assert [call.params.get("disable_notification") for call in scene.standin.calls_of("pinChatMessage")] == ["true"]
    assert [point.archive for point in scene.pinned_document().points] == [first.archive_name]

    second = await scene.publish()
    assert [message.id for message in scene.pins()] == [pinned.id]
    assert [point.archive for point in scene.pinned_document().points] == [second.archive_name, first.archive_name]
    assert scene.ann.newest_pinned().text.startswith("2 restore points")
    assert len(scene.standin.calls_of("pinChatMessage")) == 1


async def test_the_pin_survives_a_restart(scene: Scene) -> None:
    """A new process with the same catalogue edits the message of the one before."""
    await scene.publish()
    (pinned,) = scene.pins()
    await scene.restart()
    await scene.publish()
    assert [message.id for message in scene.pins()] == [pinned.id]
    assert len(scene.pinned_document().points) == 2


async def test_a_new_machine_merges_before_it_writes(scene: Scene) -> None:
    """With an empty catalogue the pinned message is adopted, and no restore point in it is lost."""
    old = await scene.publish(2_500_000, names=("shop.db", "users.db"))
    (pinned,) = scene.pins()
    before = scene.pinned_document().points
    await scene.lose_the_machine()
    new = await scene.publish()
    assert [message.id for message in scene.pins()] == [pinned.id]
    points = scene.pinned_document().points
    assert [point.archive for point in points] == [new.archive_name, old.archive_name]
    assert points[1:] == before
    known = await scene.catalogue.restore_points.backup_of(before[0])
    assert not known.on_disk
    assert [database.name for database in known.databases] == ["shop.db", "users.db"]


async def test_a_catalogue_rebuilt_from_the_disk_learns_the_file_ids_again(scene: Scene) -> None:
    """An archive that is known, but not where it lies in the chat, gets its file_ids from the pinned document."""
    backup = await scene.publish()
    await scene.catalogue.volumes.set_file_id(backup.id, 1, None, bytes=backup.archive_bytes)
    assert await scene.catalogue.restore_points.select() == ()
    point = scene.pinned_document().points[0]
    assert await scene.catalogue.restore_points.learn([point]) == 1
    assert await scene.catalogue.restore_points.select() == (point,)
    assert (await scene.catalogue.backups.get(backup.id)).on_disk
    assert await scene.catalogue.restore_points.learn([point]) == 0


async def test_two_machines_with_one_bot_do_not_lose_each_others_points(scene: Scene) -> None:
    """What another process wrote into our message is read before it is written over."""
    await scene.publish()
    other = await Scene(scene.standin, scene.folder, now=scene.now, machines=9).open()
    try:
        await other.publish()
        scene.now = other.now
        await scene.publish()
    finally:
        await other.close()
    assert len(scene.pins()) == 1
    assert len(scene.pinned_document().points) == 3


async def test_an_unpinned_message_is_pinned_again(scene: Scene) -> None:
    """Somebody unpinned it: the same message comes back, and only one."""
    await scene.publish()
    (pinned,) = scene.pins()
    unpin_by_hand(pinned)
    await scene.refresh()
    assert [message.id for message in scene.pins()] == [pinned.id]


async def test_a_deleted_message_is_sent_anew(scene: Scene) -> None:
    """Somebody deleted it: a new one is sent and pinned."""
    await scene.publish()
    (pinned,) = scene.pins()
    pinned.chat.messages.pop(pinned.id)
    await scene.refresh()
    (anew,) = scene.pins()
    assert anew.id != pinned.id
    assert len(scene.pinned_document().points) == 1


async def test_a_pin_of_the_admins_own_stays_and_does_not_hide_ours(scene: Scene) -> None:
    """getChat shows the newest pinned message alone, so ours is sent anew above theirs, which stays pinned."""
    await scene.publish()
    (ours,) = scene.pins()
    theirs = await scene.ann.send("shopping list")
    pin_by_hand(theirs)
    await scene.refresh()
    assert [message.id for message in scene.pins()] == [theirs.id, scene.ann.newest_pinned().id]
    assert len(scene.pinned_document().points) == 1
    assert ours.id not in ours.chat.messages
    count = len(scene.ann.messages)
    await scene.refresh()
    assert len(scene.ann.messages) == count


async def test_an_older_pin_of_the_admins_own_is_no_trouble(scene: Scene) -> None:
    """Below ours it hides nothing: nothing is sent anew."""
    await scene.back_up()
    pin_by_hand(await scene.ann.send("shopping list"))
    await scene.refresh()
    await scene.refresh()
    assert len(scene.pins()) == 2
    assert len([m for m in scene.ann.messages if m.document and m.document.name == DOCUMENT_NAME]) == 1


async def test_nothing_is_sent_before_there_is_a_restore_point(scene: Scene) -> None:
    """An admin of a new service is not greeted with an empty list."""
    assert await scene.refresh() == 0
    assert scene.ann.messages == []


async def test_the_document_is_uploaded_once_for_all_admins(scene: Scene) -> None:
    """The second admin gets it by file_id; one who never pressed Start is passed over without harm."""
    ben = scene.standin.add_user(12, "Ben")
    scene.standin.add_user(13, "Cleo", started=False)
    scene.keep(11, 12, 13)
    await scene.back_up()
    sent = len(scene.standin.calls_of("sendDocument"))
    assert await scene.refresh() == 0
    mine = scene.standin.calls_of("sendDocument", ok=True)[sent:]
    assert [bool(call.uploaded_bytes) for call in mine] == [True, False]
    assert scene.pinned_document(ben) == scene.pinned_document()


async def test_the_list_is_taken_from_who_is_no_admin_any_more_once_telegram_answers(scene: Scene) -> None:
    """Without a network nothing is taken for done; it is tried again until the message is gone."""
    ben = scene.standin.add_user(12, "Ben")
    scene.keep(11, 12)
    await scene.publish()
    assert scene.pins(ben)
    scene.keep(11)
    down = scene.standin.inject(reset(), "deleteMessage", times=None)
    assert await scene.refresh() > 0
    down.cancel()
    assert await scene.refresh() == 0
    assert [message for message in ben.messages if message.document] == []
    assert await scene.catalogue.messages.pinned(12) is None


async def test_an_unreadable_document_is_left_alone(scene: Scene) -> None:
    """What a newer version wrote is not written over: ours goes on top of it."""
    strange = await scene.chats.post(11, DOCUMENT_NAME, b'{"format":"sqlite-courier restore points","version":9}', "")
    await scene.chats.pin(11, strange.message_id)
    await scene.publish()
    await scene.refresh()
    kept = next(message for message in scene.ann.messages if message.id == strange.message_id)
    assert kept.edit_date is None
    assert len(scene.pinned_document().points) == 1
    assert len(scene.pins()) == 2


async def test_a_stranger_s_document_of_the_same_name_is_not_believed(scene: Scene) -> None:
    """Only what this bot sent itself is adopted."""
    await scene.publish()
    (ours,) = scene.pins()
    forged = await scene.ann.send_document(ours.document.path, name=DOCUMENT_NAME)
    pin_by_hand(forged)
    await scene.lose_the_machine()
    new = await scene.publish()
    assert [point.archive for point in await scene.catalogue.restore_points.select()] == [new.archive_name]
    assert scene.ann.newest_pinned().sender_id == scene.bot.id


@pytest.mark.parametrize("method", ["getChat", "getFile", "download"])
async def test_a_document_that_can_t_be_read_now_is_not_written_over(scene: Scene, method: str) -> None:
    """A passing trouble with reading puts the writing off; the next time everything is there."""
    await scene.publish()
    await scene.lose_the_machine()
    scene.standin.inject(server_error(502, html=True), method)
    assert await scene.refresh() > 0
    assert len(scene.pinned_document().points) == 1
    assert await scene.refresh() == 0
    assert len(scene.pinned_document().points) == 1
    assert len(scene.pins()) == 1


async def test_retry_after_is_obeyed(scene: Scene) -> None:
    """A flood limit is waited out, in the background, and then the message is right."""
    await scene.back_up()
    scene.standin.inject(flood(77), "sendDocument")
    running = asyncio.create_task(scene.keeper.run())
    try:
        await scene.standin.until(lambda: bool(scene.pins()))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert 77 in scene.slept


async def test_an_edit_that_fails_for_no_reason_is_tried_again(scene: Scene) -> None:
    """An unknown refusal sends nothing anew: it may pass."""
    await scene.publish()
    scene.standin.inject(bad_request("something unheard of"), "editMessageMedia")
    assert await scene.refresh() > 0
    assert await scene.refresh() == 0
    assert len(scene.pins()) == 1
    assert len([message for message in scene.ann.messages if message.document]) == 2


async def test_a_forwarded_copy_is_never_taken_for_ours(scene: Scene) -> None:
    """An admin pins a copy of the list above it: ours is sent anew on top and kept up to date, the copy stays."""
    first = await scene.publish()
    (ours,) = scene.pins()
    (copy,) = await scene.ann.forward(ours)
    pin_by_hand(copy)
    for _ in range(2):
        newest = await scene.back_up()
        assert await scene.refresh() == 0
        top = scene.ann.newest_pinned()
        assert top.forwarded_from is None
        assert scene.pinned_document().points[0].archive == newest.archive_name
    assert first.archive_name in [point.archive for point in scene.pinned_document().points]
    assert {message.id for message in scene.pins()} == {copy.id, top.id}
    assert scene.standin.calls_of("editMessageMedia", ok=False) == []
    assert copy.chat.messages[copy.id] == copy


async def test_a_new_machine_learns_from_a_copy_and_lets_it_be(scene: Scene) -> None:
    """Where nothing but a copy is on top, its restore points are taken over into a message of our own."""
    old = await scene.publish()
    (ours,) = scene.pins()
    (copy,) = await scene.ann.forward(ours)
    await scene.ann.delete(ours)
    pin_by_hand(copy)
    await scene.lose_the_machine()
    new = await scene.back_up()
    assert await scene.refresh() == 0
    assert [point.archive for point in scene.pinned_document().points] == [new.archive_name, old.archive_name]
    assert scene.ann.newest_pinned() != copy
    assert scene.standin.calls_of("editMessageMedia", ok=False) == []
    assert copy.chat.messages[copy.id] == copy
