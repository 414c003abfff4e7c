"""A whole conversation: polling, handlers, buttons, edits and answers."""

import asyncio

from aiogram import Bot, Dispatcher, F
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from tests.world.phones import Person
from tests.world.stand_in import StandIn
from tests.world.telegram import keyboard


async def test_a_dispatcher_polls_answers_and_edits(standin: StandIn, bot: Bot, ann: Person) -> None:
    """A command brings a panel; a press edits it and is answered."""
    dispatcher = Dispatcher()

    @dispatcher.message(Command("admin"))
    async def show(message: Message) -> None:
        await message.answer("<b>Courier</b> &amp; co", reply_markup=keyboard("Back up now", "run"))

    @dispatcher.callback_query(F.data == "run")
    async def run(callback: CallbackQuery) -> None:
        assert isinstance(callback.message, Message)
        await callback.message.edit_text("done")
        await callback.answer("Started")

    polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
    try:
        await ann.send("/admin")
        shown = await ann.wait_for(lambda m: "Courier" in m.text)
        assert shown.text == "Courier & co"
        assert shown.html == "<b>Courier</b> &amp; co"
        press = await ann.press("Back up now", message=shown)
        assert (await ann.wait_for(lambda m: m.text == "done")).id == shown.id
        assert (await press.answered()).text == "Started"
        assert [alert.text for alert in ann.alerts] == ["Started"]
    finally:
        await dispatcher.stop_polling()
        await polling
