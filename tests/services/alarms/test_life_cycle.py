"""An alarm from its beginning to its end, over days, as the phones show it."""

from tests.services.alarms.scene import HOUR, Scene, texts_of
from tests.world import faults
from tests.world.messages import texts


async def test_an_alarm_is_one_message_from_its_beginning_to_its_end(scene: Scene) -> None:
    """Loud once, edited as it changes, one message however many hourly runs, and at the end a word that it is over."""
    users = scene.sources[0]
    away = users.rename(users.with_suffix(".away"))
    await scene.back_up()
    (began,) = texts(scene.ann)
    assert not began.silent
    assert "users.db is not backed up" in began.text
    await scene.pass_time(5 * HOUR, scene.back_up)
    assert [message.id for message in texts(scene.ann)] == [began.id]
    assert all(message.silent for message in scene.ann.messages if message.document)
    assert len(scene.standin.calls_of("editMessageText")) == 0
    away.rename(users)
    await scene.pass_time(HOUR, scene.back_up)
    over, recovered = texts(scene.ann)
    assert over.id == began.id
    assert over.text.startswith("✅ users.db is backed up again")
    assert recovered.text == "✅ users.db is backed up again. It was missing for 6 h."
    assert over.button_texts == []
    assert recovered.silent
    assert recovered.reply_to == over.id
    assert texts_of(scene.ben) == texts_of(scene.ann)
    await scene.pass_time(48 * HOUR, scene.back_up)
    assert len(texts(scene.ann)) == 2


async def test_reminders_come_at_their_interval_and_take_the_place_of_the_message(scene: Scene) -> None:
    """In two days an alarm rings at its beginning and every six hours, and is never in the chat twice."""
    scene.sources[1].unlink()
    await scene.pass_time(48 * HOUR, scene.back_up)
    sent = scene.standin.calls_of("sendMessage", chat_id=11, ok=True)
    assert len(sent) == 1 + 7
    assert not any(call.params.get("disable_notification") == "true" for call in sent)
    (message,) = texts(scene.ann)
    assert "shop.db is not backed up" in message.text
    assert "for 42 h now" in message.text


async def test_a_restart_in_the_middle_changes_nothing(scene: Scene) -> None:
    """Another process knows the message, does not repeat it, reminds in time and ends it."""
    away = scene.sources[0].rename(scene.sources[0].with_suffix(".away"))
    await scene.back_up()
    (began,) = texts(scene.ann)
    await scene.pass_time(2 * HOUR, scene.back_up)
    await scene.restart()
    await scene.pass_time(2 * HOUR, scene.back_up)
    assert [message.id for message in texts(scene.ann)] == [began.id]
    await scene.restart()
    await scene.pass_time(2 * HOUR, scene.back_up)
    (reminder,) = texts(scene.ann)
    assert reminder.id > began.id
    await scene.restart()
    away.rename(scene.sources[0])
    await scene.back_up()
    assert texts(scene.ann)[0].id == reminder.id
    assert "It was missing for 6 h" in texts(scene.ann)[1].text


async def test_while_telegram_is_down_an_alarm_is_kept(scene: Scene) -> None:
    """What can't be told is told later, once; a restart in between loses nothing."""
    scene.sources[0].unlink()
    scene.standin.inject(faults.server_error(502, html=True), times=None)
    await scene.pass_time(3 * HOUR, scene.back_up)
    await scene.restart()
    await scene.pass_time(HOUR, scene.back_up)
    assert not scene.ann.messages
    scene.standin.clear_faults()
    await scene.pass_time(HOUR)
    (message,) = texts(scene.ann)
    assert "users.db is not backed up" in message.text
    assert "for 4 h now" in message.text
    assert not message.silent


async def test_what_began_and_ended_while_telegram_was_down_is_told_in_one_silent_message(scene: Scene) -> None:
    """Nobody is rung for what is over, and nobody is left without a word either."""
    away = scene.sources[0].rename(scene.sources[0].with_suffix(".away"))
    scene.standin.inject(faults.server_error(502, html=True), times=None)
    await scene.pass_time(3 * HOUR, scene.back_up)
    away.rename(scene.sources[0])
    await scene.pass_time(HOUR, scene.back_up)
    scene.standin.clear_faults()
    await scene.pass_time(HOUR)
    (message,) = texts(scene.ann)
    assert message.silent
    assert message.text.startswith("✅ users.db is backed up again")


async def test_what_was_accepted_before_somebody_could_be_told_is_no_word_to_them(scene: Scene) -> None:
    """Ann has said that all is as it should be: Ben, who never heard the alarm, has nothing to be put right."""
    scene.sources[0].unlink()
    down = scene.standin.inject(faults.server_error(), "sendMessage", chat_id=scene.ben.id, times=None)
    await scene.back_up()
    await scene.accept("skipped")
    down.cancel()
    await scene.pass_time(2 * HOUR, scene.back_up)
    assert texts_of(scene.ann)[-1].startswith("✅ users.db was removed on purpose")
    assert texts_of(scene.ben) == []


async def test_a_clock_that_is_set_back_silences_no_alarm(scene: Scene) -> None:
    """Neither the pause after a failure nor the time to the next reminder lasts until the old date is back."""
    scene.sources[0].unlink()
    down = scene.standin.inject(faults.server_error(502, html=True), "sendMessage", times=None)
    await scene.back_up()
    down.cancel()
    scene.pass_to(scene.now - 100 * HOUR)
    await scene.courier.alarm_loop.deliver()
    (began,) = texts(scene.ann)
    assert "users.db is not backed up" in began.text
    scene.pass_to(scene.now - 100 * HOUR)
    await scene.courier.alarm_loop.deliver()
    (reminder,) = texts(scene.ann)
    assert reminder.id > began.id
    await scene.pass_time(5 * HOUR)
    assert [message.id for message in texts(scene.ann)] == [reminder.id]


async def test_a_message_that_was_deleted_is_sent_anew(scene: Scene) -> None:
    """An admin who deleted the alarm still hears of its end."""
    away = scene.sources[0].rename(scene.sources[0].with_suffix(".away"))
    await scene.back_up()
    (began,) = texts(scene.ann)
    del began.chat.messages[began.id]
    away.rename(scene.sources[0])
    await scene.pass_time(HOUR, scene.back_up)
    (over,) = texts(scene.ann)
    assert "backed up again" in over.text


async def test_one_who_can_not_be_reached_keeps_nobody_from_hearing(scene: Scene) -> None:
    """Ben blocked the bot: Ann is told of the alarm, and that Ben does not hear; once he is back, he is told too."""
    scene.ben.block_bot()
    scene.sources[0].unlink()
    await scene.back_up()
    assert await scene.pass_time(HOUR, scene.back_up) == ["skipped:users.db", "unreachable:12"]
    assert len(texts(scene.ann)) == 2
    assert texts(scene.ben) == []
    scene.ben.unblock_bot()
    await scene.courier.recipient_started(12, "Ben")
    assert await scene.pass_time(HOUR) == ["skipped:users.db"]
    (message,) = texts(scene.ben)
    assert "users.db is not backed up" in message.text


async def test_a_changed_alarm_is_edited_without_a_sound(scene: Scene) -> None:
    """The reason of the same trouble is another one now: same message, new words."""
    users = scene.sources[0]
    users.unlink()
    await scene.back_up()
    (began,) = texts(scene.ann)
    users.write_bytes(b"this is no database, whatever it is called" * 100)
    await scene.pass_time(HOUR, scene.back_up)
    (message,) = texts(scene.ann)
    assert message.id == began.id
    assert message.text != began.text
    assert "no SQLite database" in message.text


async def test_what_can_not_be_watched_is_logged_once_and_the_rest_is_watched(
    scene: Scene, log_lines: list[str]
) -> None:
    """A folder that can't be read for days is one line, and another one when that comes again."""
    folder = scene.courier.settings.backup_dir
    for number in (1, 2):
        away = folder.rename(folder.with_name("away"))
        folder.touch()
        for _ in range(3):
            await scene.courier.alarm_loop.deliver()
        assert sum("something could not be watched" in line for line in log_lines) == number
        folder.unlink()
        away.rename(folder)
        await scene.courier.alarm_loop.deliver()
