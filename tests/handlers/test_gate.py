"""The admin gate: who is heard, who is not, and what strangers can't do to the log."""

from __future__ import annotations

import pytest

from bot.handlers.gate import StrangerLog
from tests.world.office import Office


@pytest.mark.parametrize("text", ["/start", "/admin", "/backup", "hello", "/nonsense"])
async def test_strangers_get_silence_and_a_log_line(office: Office, log_lines: list[str], text: str) -> None:
    """Whatever a stranger writes, nothing comes back, and the log says who and what."""
    await office.eve.send(text)
    await office.heard_everything()
    assert [message for message in office.eve.messages if message.sender_id != 66] == []
    assert any("stranger 66 was ignored" in line and text in line for line in log_lines)
    assert office.manager.requests == office.manager.started == []


async def test_a_forged_press_of_a_stranger_does_nothing(office: Office, log_lines: list[str]) -> None:
    """A press from outside the gate is not even answered."""
    menu = await office.open_menu()
    press = office.eve.press_data("run", menu)
    await office.heard_everything()
    assert press.answer is None
    assert office.manager.requests == []
    assert any("pressed 'run'" in line for line in log_lines)


async def test_a_demoted_admins_old_buttons_are_dead_at_once(office: Office) -> None:
    """Rights are asked at each press: an open menu is worth nothing after the demotion."""
    await office.open_menu()
    office.manager.admin_ids = (22,)
    press = await office.ann.press("💾 Manual Backup")
    await office.heard_everything()
    assert press.answer is None
    assert office.manager.requests == []


async def test_in_a_group_an_admin_is_shown_the_private_chat_and_others_nothing(office: Office) -> None:
    """The menu never opens where others read along."""
    group = office.api.add_group(-100500, members=[office.ann, office.eve])
    await office.eve.send("/admin", to=group.chat)
    await office.ann.send("/admin", to=group.chat)
    pointer = await office.ann.wait_for(lambda seen: "private chat" in seen.text, where=group.chat)
    assert [button.url for row in pointer.buttons for button in row] == ["https://t.me/courier_bot?start=admin"]
    shown = [message.text for message in office.ann.conversation(group.chat) if message.sender_id not in (11, 66)]
    assert shown == [pointer.text]
    await office.say("/start admin", "Admin menu")


async def test_a_press_in_a_group_is_answered_but_draws_nothing(office: Office) -> None:
    """A button that got into a group opens no screen there."""
    group = office.api.add_group(-100500, members=[office.ann])
    await office.ann.send("/admin", to=group.chat)
    pointer = await office.ann.wait_for(lambda seen: "private chat" in seen.text, where=group.chat)
    press = office.ann.press_data("go:status", pointer)
    assert (await press.answered()).text == "Please use the private chat with me."


async def test_admins_talk_in_a_group_is_left_alone_and_is_no_strangers(office: Office, log_lines: list[str]) -> None:
    """What admins tell one another, or other bots, gets neither an answer nor a line in the log."""
    group = office.api.add_group(-100500, members=[office.ann])
    await office.ann.send("/weather Berlin", to=group.chat)
    await office.heard_everything()
    assert [message.text for message in office.ann.conversation(group.chat)] == ["/weather Berlin"]
    assert not [line for line in log_lines if "stranger" in line]


def test_a_flood_of_strangers_leaves_few_lines(log_lines: list[str]) -> None:
    """In a window each stranger is named once and only some are; the rest is a number, told when it is over."""
    time = [0.0]
    log = StrangerLog(monotonic=lambda: time[0], window=600, most=3)
    for stranger in range(100):
        log.note(stranger, "'/start'")
        log.note(stranger, "'/start'")
    assert len(log_lines) == 3
    time[0] = 600
    log.note(5, "'/start'")
    assert len(log_lines) == 5
    assert "197 more attempts" in log_lines[3]


async def test_a_strangers_words_forge_no_log_line(office: Office, log_lines: list[str]) -> None:
    """Line breaks, braces and colours in a message arrive in the log as their escapes, cut."""
    await office.eve.send("x\nERROR all is lost {0} \x1b[31m" + "y" * 500)
    await office.heard_everything()
    (line,) = [line for line in log_lines if "stranger" in line]
    assert "\\nERROR all is lost {0} \\x1b[31m" in line
    assert len(line) < 150
