"""Admins and Where backups go, changed in the chat with Telegram's own pickers, on a running service."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.stand_in.state import Message
from bot.models import Recipient
from tests.world.clock import MovedClock, until
from tests.world.messages import archives
from tests.world.service import Town, opened, pressed, refused, town_in


async def admins_of(town: Town) -> Message:
    return await opened(town.ann, "Database Backup", "⚙️ Settings", "👮 Admins")


async def test_an_admin_is_added_by_a_pick_and_comes_in_when_they_press_start(town: Town) -> None:
    """An invitation to forward, silence about who has yet to come, and all that the others have from the Start on."""
    cid = town.api.add_user(13, "Cid", started=False)
    screen = await admins_of(town)
    assert "• Ann (11) · you" in screen.text
    await (await town.ann.press("➕ Add an admin", message=screen)).answered()
    await town.ann.wait_for(lambda m: "Who is to be an admin?" in m.text)
    await town.ann.pick("👤 Choose a person", cid)
    invitation = await town.ann.wait_for(lambda m: "made you an admin" in m.text)
    assert "https://t.me/courier_bot?start=admin" in invitation.text
    assert not invitation.buttons
    screen = await town.ann.wait_for(lambda m: "⏳ Cid (13): has yet to press Start" in m.text)
    assert town.ann.keyboard == []
    await town.ben.wait_for(lambda m: "Ann made Cid (13) an admin" in m.text, since=0)

    await town.back_up()
    await town.service.courier.alarm_loop.deliver()
    status = await town.service.courier.status()
    assert status.alarms == ()
    assert [one.recipient.chat_id for one in status.recipients if one.invited] == [13]

    await cid.send("/start admin")
    await cid.wait_for(lambda m: "Admin menu" in m.text)
    await until_archives(town, cid)
    await cid.send("/admin")
    await cid.wait_for(lambda m: "💾 Database Backup" in m.button_texts)
    assert [name for name, _ in cid.commands()] == ["admin", "status", "backup"]


async def until_archives(town: Town, person: object) -> None:
    await town.api.until(lambda: bool(archives(person)))  # type: ignore[arg-type]


async def test_an_admin_who_is_one_already_stays_one(town: Town) -> None:
    """Telegram's list offers everybody; a choice that changes nothing says so."""
    await (await town.ann.press("➕ Add an admin", message=await admins_of(town))).answered()
    await town.ann.wait_for(lambda m: "Who is to be an admin?" in m.text)
    await town.ann.pick("👤 Choose a person", town.ben)
    await town.ann.wait_for(lambda m: "(12) is on the list already." in m.text)
    assert town.service.courier.people.admin_ids == (11, 12)


async def test_who_is_removed_is_heard_no_more_and_the_last_one_stays(town: Town) -> None:
    """Two presses, and at once: no press, no backup, no menu of commands. Over a restart, until .env holds again."""
    await town.service.courier.timers.ask(12)  # Ben's name is known
    menu = await opened(town.ben, "Database Backup")
    town.service.courier.pins.nudge()
    screen = await admins_of(town)
    sure = await pressed(town.ann, "🗑 Ben", screen, "from the admins?")
    left = await pressed(town.ann, "🗑 Yes, remove", sure, "Changed here by")
    assert "Ben" not in left.text
    assert not [button for button in left.button_texts if button.startswith("🗑")]
    stale = await town.ben.press("Backup Status", message=menu)
    await town.back_up()
    await until_archives(town, town.ann)
    assert stale.answer is None
    assert archives(town.ben) == []
    await town.api.until(lambda: town.ben.newest_pinned() is None)
    assert town.ben.commands() == []

    # Two open screens: the second yes is refused, also on oneself.
    await town.restart()
    people = town.service.courier.people
    assert people.admin_ids == (11,)
    with pytest.raises(Exception, match="last admin"):
        await people.remove_admin(11, actor="Ann (11)")
    again = await admins_of(town)
    reset = await pressed(town.ann, "↩️ Back to .env", again, "again?")
    await pressed(town.ann, "↩️ Yes, back to .env", reset, "As .env says.")
    assert people.admin_ids == (11, 12)
    actions = [entry.action for entry in await town.service.courier.catalogue.service.audits()]
    assert {"removed an admin", "reset ADMIN_IDS"} <= set(actions)


async def test_who_is_removed_and_is_a_place_too_is_said_to_go_on_receiving(tmp_path: Path) -> None:
    """DELIVER_TO names chats, whoever is an admin: backups and alarms go there as to any other."""
    async with town_in(tmp_path, DELIVER_TO="12,11,-1001") as town:
        sure = await pressed(town.ann, "🗑 Ben", await admins_of(town), "from the admins?")
        assert "no alarms" not in sure.text
        assert (
            "Backups and alarms still go to their chat, until you take it out of “Where backups go” too." in sure.text
        )
        await pressed(town.ann, "🗑 Yes, remove", sure, "Changed here by")
        await town.back_up()
        await until_archives(town, town.ben)
    async with town_in(tmp_path / "other") as town:
        sure = await pressed(town.ann, "🗑 Ben", await admins_of(town), "from the admins?")
        assert sure.text.endswith("no answer any more, and no alarms. What was sent to their chat stays there.")


async def test_a_group_is_picked_and_taken_out_again(town: Town) -> None:
    """Only groups that the bot is in are offered; a line there says so, and its backups stop with a yes."""
    group = town.api.add_group(-100500, members=[town.ann, town.ben])
    await town.service.courier.timers.ask(12)
    other = town.api.add_group(-100600, members=[town.ann], bot_status="left")
    screen = await opened(town.ann, "Database Backup", "⚙️ Settings", "Where backups go")
    await (await town.ann.press("➕ Add a group", message=screen)).answered()
    await town.ann.wait_for(lambda m: "To which group" in m.text)
    with pytest.raises(LookupError, match="does not offer"):
        await town.ann.pick("👥 Choose a group", other.chat)
    await town.ann.pick("👥 Choose a group", group.chat)
    await town.ann.wait_for(lambda m: "Backups go to Admins (-100500) from now on" in m.text)
    screen = await town.ann.wait_for(lambda m: "👥 Admins (-100500)" in m.text)
    assert "lets backups come here" in group.messages[-1].text
    await town.back_up()
    await town.api.until(lambda: bool(archives(group)))

    sure = await pressed(town.ann, "🗑 Admins", screen, "Send no more backups to")
    await pressed(town.ann, "🗑 Yes, remove", sure, "As .env says.")
    await town.back_up()
    assert len(archives(group)) == 1

    # An admin whose chat is not to have backups is still an admin.
    screen = await pressed(town.ann, "🗑 Ben", await opened(town.ann, "Database Backup", "⚙️ Settings", "Where"), "12")
    screen = await pressed(town.ann, "🗑 Yes, remove", screen, "Changed here by")
    assert "➕ Ben" in screen.button_texts
    assert Recipient(chat_id=12) in town.service.courier.people.readers
    alert = await refused(town.ann, "🗑 Yes, remove", await stale_question(town))
    assert "The last place has to stay" in alert


async def test_a_group_with_topics_gets_one_of_its_own(town: Town) -> None:
    """Asked at the choice; it is made at once, and the next backup comes into it."""
    group = town.api.add_group(-1005002, members=[town.ann], is_forum=True, bot_status="administrator")
    screen = await opened(town.ann, "Database Backup", "⚙️ Settings", "Where backups go")
    await (await town.ann.press("➕ Add a group", message=screen)).answered()
    await town.ann.wait_for(lambda m: "To which group" in m.text)
    await town.ann.pick("👥 Choose a group", group.chat)
    asked = await town.ann.wait_for(lambda m: "Where in Admins?" in m.text)
    assert town.ann.keyboard == []
    await pressed(town.ann, "🧵 A topic of its own", asked, "Admins (-1005002/auto)")
    (topic,) = group.chat.topics.values()
    assert "lets backups come here" in group.messages_in(topic.id)[0].text
    await town.back_up()
    await town.api.until(lambda: [m.thread_id for m in archives(group)] == [topic.id])


async def stale_question(town: Town) -> Message:
    """Ann's question whether to take a chat out, which is the last one by the time she says yes."""
    screen = await opened(town.ann, "Database Backup", "⚙️ Settings", "Where backups go")
    screen = await pressed(town.ann, "➕ Ben", screen, "As .env says.")
    asked = await pressed(town.ann, "🗑 Ann", screen, "Send no more backups to")
    await town.service.courier.people.remove_chat(Recipient(chat_id=12), actor="Ben (12)")
    return asked


async def test_a_choice_that_nobody_waits_for_changes_nothing(tmp_path: Path) -> None:
    """Cancelled, or five minutes late: the keyboard goes, and so does a pick by somebody who was not asked."""
    clock = MovedClock()
    async with town_in(tmp_path, clock=clock) as town:
        cid = town.api.add_user(13, "Cid")
        for act in ("cancel", "late"):
            screen = await admins_of(town)
            await (await town.ann.press("➕ Add an admin", message=screen)).answered()
            await town.ann.wait_for(lambda m: "Who is to be" in m.text)
            if act == "cancel":
                await town.ann.pick("✖️ Cancel")
                await town.ann.wait_for(lambda m: "Nothing has changed." in m.text)
                assert town.ann.keyboard == []
            else:
                clock.go(301)
                await town.ann.pick("👤 Choose a person", cid)
                await town.ann.wait_for(lambda m: "no longer waited" in m.text)
        assert town.service.courier.people.admin_ids == (11, 12)
        assert town.service.courier.people.choice("ADMIN_IDS").added == ()


async def test_a_second_process_resets_what_was_chosen(town: Town) -> None:
    """What the command line has reset holds in the running service, without a restart."""
    people = town.service.courier.people
    await people.add_admin(13, "Cid", actor="Ann (11)")
    await town.service.courier.catalogue.service.clear_override("ADMIN_IDS")
    assert people.admin_ids == (11, 12, 13)

    async def reset() -> bool:
        await people.load()
        return people.admin_ids == (11, 12)

    await until(reset)
