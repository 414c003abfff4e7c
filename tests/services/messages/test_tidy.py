"""The tidying of chats, in the stand-in's chats: what goes is gone, what stays can bring everything back."""

from dataclasses import replace
from itertools import chain

import pytest

from bot.models import Trigger
from bot.services.messages.tidying import TidyReason
from bot.texts import history as history_texts
from tests.world import faults
from tests.world.messages import House, MakeHouse, archives


def small_volumes(house: House) -> None:
    """Let small archives have volumes."""
    outgoing = house.courier.ledger._attempts.outgoing
    outgoing._settings = replace(outgoing._settings, volume_bytes=1500)


async def test_hourly_archives_leave_and_the_way_back_stays(make_house: MakeHouse) -> None:
    """After a day and a half each chat holds the last hours and one of each day; the list of restore points agrees."""
    house = await make_house(CHAT_KEEP_HOURS="4", ADMIN_IDS="11")
    await house.hours(*[house.users] * 36)
    await house.upkeep.refresh()
    left = archives(house.ann)
    hours = [round((house.standin.clock.now() - message.date) / 3600) for message in left]
    assert hours == [18, 3, 2, 1]  # 18 hours ago it was the last run of its day, in UTC
    points = await house.courier.catalogue.restore_points.select()
    assert [point.archive for point in points] == [m.document.name for m in reversed(left) if m.document]
    assert len(house.on_disk()) == 36
    assert min(house.slept) >= 1
    drill = await house.courier.drills.drill_newest()
    assert (drill.ok, drill.source) == (True, "telegram")
    gone = await house.courier.details(5)
    zone = house.courier.settings.timezone
    assert "since tidied away" in history_texts.details(gone, house.now, zone)
    assert "No chat has a copy of it any more" in history_texts.confirm_delete(gone, house.now, zone)


async def test_nothing_is_tidied_by_default(make_house: MakeHouse) -> None:
    """Who does not ask for it keeps every message."""
    house = await make_house(ADMIN_IDS="11")
    await house.hours(*[house.users] * 8)
    house.pass_by(hours=30)
    await house.upkeep.refresh()
    assert len(archives(house.ann)) == 8
    assert house.standin.calls_of("deleteMessage") == []


async def test_what_only_the_chat_has_stays(make_house: MakeHouse) -> None:
    """Archives that left the disk, pinned ones and those somebody asked for are not touched."""
    house = await make_house(CHAT_KEEP_HOURS="3", ADMIN_IDS="11")
    await house.hours(*[house.users] * 2)
    house.change(house.users)
    asked = await house.run(Trigger.BUTTON, asked_in=11)
    await house.courier.housekeeping.pin(1, True, actor="Ann")
    await house.courier.housekeeping.delete(2, actor="Ann")
    await house.hours(*[house.users] * 6)
    await house.upkeep.refresh()
    left = [message.document.name for message in archives(house.ann) if message.document]
    kept = [(await house.courier.catalogue.backups.get(id)).archive_name for id in (1, 2, asked.id)]
    assert left[:3] == kept
    assert len(left) == 3 + 2  # and those of the last hours


async def test_volumes_go_together(make_house: MakeHouse) -> None:
    """All slices of an archive in one request, or none."""
    house = await make_house(CHAT_KEEP_HOURS="1", ADMIN_IDS="11", VOLUME_SIZE_MB="1")
    small_volumes(house)
    await house.hours(*[house.users] * 4)
    await house.upkeep.refresh()
    by_archive: dict[str, int] = {}
    for message in archives(house.ann):
        by_archive[message.document.name[:35]] = by_archive.get(message.document.name[:35], 0) + 1
    assert list(by_archive.values()) == [3]
    assert [call.ok for call in house.standin.calls_of("deleteMessages")] == [True] * 3


async def test_one_volume_that_must_stay_does_not_keep_the_others(make_house: MakeHouse) -> None:
    """Telegram refuses the whole call for one message: then they go one by one, and the refusal is remembered."""
    house = await make_house(CHAT_KEEP_HOURS="1", ADMIN_IDS="11", VOLUME_SIZE_MB="1")
    small_volumes(house)
    house.standin.inject(faults.bad_request("message can't be deleted for everyone"), "deleteMessages")
    house.standin.inject(faults.bad_request("message can't be deleted for everyone"), "deleteMessage")
    await house.hours(*[house.users] * 2)
    await house.upkeep.refresh()
    names = [message.document.name[-3:] for message in archives(house.ann) if message.document]
    assert names[0] == "001", "the one that must stay"
    assert names.count("001") == 1 + names.count("002") == 1 + names.count("003")
    why = {d.delivery.backup_id: d.why for d in await house.upkeep.plan_tidy()}
    assert why[1] == TidyReason.UNDELETABLE


async def test_a_refusal_is_remembered_and_not_asked_for_again(make_house: MakeHouse) -> None:
    """`message can't be deleted` is an answer for good."""
    house = await make_house(CHAT_KEEP_HOURS="2", ADMIN_IDS="11")
    rule = house.standin.inject(faults.bad_request("message can't be deleted"), "deleteMessage")
    await house.hours(*[house.users] * 4)
    await house.upkeep.refresh()
    await rule.struck(1)
    asked = len(house.standin.calls_of("deleteMessage"))
    await house.restart()
    await house.upkeep.refresh()
    assert len(house.standin.calls_of("deleteMessage")) == asked
    why = {d.delivery.backup_id: d.why for d in await house.upkeep.plan_tidy()}
    assert why[1] == TidyReason.UNDELETABLE
    assert why[2] == TidyReason.ALREADY_DELETED


async def test_a_message_that_a_person_deleted_is_no_error(make_house: MakeHouse) -> None:
    """It is gone, which is what was wanted; it is not asked for again."""
    house = await make_house(CHAT_KEEP_HOURS="2", ADMIN_IDS="11")
    await house.hours(*[house.users] * 2)
    await house.ann.delete(archives(house.ann)[0])
    await house.hours(*[house.users] * 2)
    await house.upkeep.refresh()
    assert len(archives(house.ann)) == 1
    asked = len(house.standin.calls_of("deleteMessage"))
    await house.upkeep.refresh()
    assert len(house.standin.calls_of("deleteMessage")) == asked


async def test_a_wait_is_obeyed(make_house: MakeHouse) -> None:
    """No deletion in that chat before `retry_after` is over, and none is lost."""
    house = await make_house(CHAT_KEEP_HOURS="2", ADMIN_IDS="11")
    await house.hours(*[house.users] * 3)
    house.pass_by(hours=1)
    house.standin.inject(faults.flood(90), "deleteMessage")
    assert await house.upkeep.refresh() == 90
    asked = len(house.standin.calls_of("deleteMessage"))
    assert await house.upkeep.refresh() == pytest.approx(90)
    assert len(house.standin.calls_of("deleteMessage")) == asked
    house.pass_by(seconds=91)
    assert await house.upkeep.refresh() == 0
    assert len(archives(house.ann)) == 1


async def test_after_two_days_off_nothing_is_tried_in_vain(make_house: MakeHouse) -> None:
    """What grew too old while the service was down is left alone."""
    house = await make_house(CHAT_KEEP_HOURS="2", ADMIN_IDS="11")
    await house.hours(*[house.users] * 2)
    house.pass_by(hours=50)
    await house.restart()
    await house.hours(*[house.users] * 1)
    assert house.standin.calls_of("deleteMessage") == []
    assert len(archives(house.ann)) == 3
    assert {d.why for d in await house.upkeep.plan_tidy()} >= {TidyReason.TOO_OLD}


async def test_groups_are_tidied_too(make_house: MakeHouse) -> None:
    """The bot's own messages in a group count like any other chat's."""
    house = await make_house(CHAT_KEEP_HOURS="2", ADMIN_IDS="11", DELIVER_TO="11,-1001")
    group = house.standin.add_group(-1001, members=[house.ann])
    await house.hours(*[house.users] * 4)
    await house.upkeep.refresh()
    assert len(archives(group)) == len(archives(house.ann)) == 1


async def test_numbers_from_before_a_move_to_a_supergroup_mean_nothing(make_house: MakeHouse) -> None:
    """What people write there afterwards has the same numbers: none of it is deleted or written over."""
    house = await make_house(CHAT_KEEP_HOURS="1", ADMIN_IDS="11", DELIVER_TO="-500")
    group = house.standin.add_group(-500, members=[house.ann], bot_status="administrator")
    await house.courier.alarms.raise_("drill")
    await house.courier.alarm_loop.deliver()
    await house.hours(*[house.users] * 4)
    group = group.upgrade(-1001500)
    written = [await house.ann.send(f"talk {number}", to=group.chat) for number in range(10)]
    await house.hours(*[house.users] * 4)
    await house.upkeep.refresh()
    await house.courier.alarms.clear("drill")
    await house.courier.alarm_loop.deliver()
    assert archives(group)
    assert len(archives(group)) < 4  # those after the move are tidied as ever
    assert [message for message in group.messages if message.sender_id == house.ann.id] == written
    calls = (house.standin.calls_of(method, chat_id=group.id) for method in ("deleteMessage", "editMessageText"))
    theirs = {str(message.id) for message in written}
    assert not [call for call in chain(*calls) if call.params["message_id"] in theirs]
