"""Handles Admins and Where backups go: chosen with Telegram's own pickers, removed in two steps."""

from __future__ import annotations

from dataclasses import replace

from aiogram import Bot, F, Router
from aiogram.types import CallbackQuery, Message, User
from loguru import logger

from bot.errors import CourierError
from bot.handlers import people_buttons as buttons
from bot.handlers.drawing.keyboards import Section, SettingsButton
from bot.handlers.drawing.questions import Answers, Question
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen
from bot.handlers.people_buttons import Act, InGroup, OfAdmins, OfPlaces
from bot.handlers.people_screens import PeopleScreens, say
from bot.models import AUTO_TOPIC, Recipient
from bot.services.concurrency.tickets import Tickets
from bot.services.people.choices import ADMINS, PLACES
from bot.services.telegram.answers import get_chat
from bot.texts import people as words

_PERSON, _GROUP = "person", "group"
ANSWER_SECONDS = 10


def build_people_router() -> Router:
    """Make the router of both lists; for admins, in private chats, before routers that take any text."""
    router = Router(name="people")
    router.callback_query.register(open_list, SettingsButton.filter(F.section.in_({Section.ADMINS, Section.PLACES})))
    router.callback_query.register(ask_for_person, OfAdmins.filter(F.act == Act.ADD))
    router.callback_query.register(ask_for_group, OfPlaces.filter((F.act == Act.ADD) & (F.key == "")))
    router.callback_query.register(add_group, InGroup.filter())
    router.callback_query.register(add_admins_chat, OfPlaces.filter(F.act == Act.ADD))
    router.callback_query.register(ask_to_change, OfAdmins.filter(F.act.in_({Act.ASK, Act.ASK_RESET})))
    router.callback_query.register(ask_to_change, OfPlaces.filter(F.act.in_({Act.ASK, Act.ASK_RESET})))
    router.callback_query.register(change, OfAdmins.filter())
    router.callback_query.register(change, OfPlaces.filter())
    router.message.register(choose_person, F.users_shared)
    router.message.register(choose_group, F.chat_shared)
    router.message.register(cancel, F.text == words.CANCEL)
    router.message.register(cancel, F.text, Answers(_PERSON))
    router.message.register(cancel, F.text, Answers(_GROUP))
    return router


def _section(data: OfAdmins | OfPlaces) -> Section:
    return Section.ADMINS if isinstance(data, OfAdmins) else Section.PLACES


async def open_list(
    _: CallbackQuery,
    callback_data: SettingsButton,
    press: ButtonPress,
    people_screens: PeopleScreens,
    questions: Tickets[Question],
) -> None:
    questions.drop(press.admin_id)
    await people_screens.note_name(press)
    await press.draw(await people_screens.of(callback_data.section, press.admin_id))


async def ask_for_person(_: CallbackQuery, press: ButtonPress, questions: Tickets[Question]) -> None:
    questions.issue(Question(_PERSON), under=press.admin_id)
    await press.answer()
    await say(press.slot, words.ask_person(), buttons.person_picker())


async def ask_for_group(_: CallbackQuery, press: ButtonPress, questions: Tickets[Question]) -> None:
    questions.issue(Question(_GROUP), under=press.admin_id)
    await press.answer()
    await say(press.slot, words.ask_group(), buttons.group_picker())


async def add_admins_chat(
    _: CallbackQuery, callback_data: OfPlaces, press: ButtonPress, people_screens: PeopleScreens
) -> None:
    one = await people_screens.find(callback_data)
    await people_screens.people.add_chat(one.recipient, one.name, actor=press.actor)
    await press.draw(await people_screens.places(), words.ADDED)
    told = words.told_of_place(press.actor, one.recipient, one.name, added=True)
    await people_screens.tell_others(told, press.admin_id)


async def ask_to_change(
    _: CallbackQuery, callback_data: OfAdmins | OfPlaces, press: ButtonPress, people_screens: PeopleScreens
) -> None:
    section = _section(callback_data)
    if callback_data.act is Act.ASK_RESET:
        question = words.ask_reset(ADMINS if section is Section.ADMINS else PLACES)
        label, act = "↩️ Yes, back to .env", Act.RESET
    else:
        one = await people_screens.find(callback_data)
        receives = people_screens.people.receives_anyway(one.recipient)
        question = words.ask_removal(one, admin=section is Section.ADMINS, receives=receives)
        label, act = "🗑 Yes, remove", Act.REMOVE
    yes = callback_data.model_copy(update={"act": act})
    await press.draw(Screen(question, buttons.sure(label, yes, section)))


async def change(
    _: CallbackQuery, callback_data: OfAdmins | OfPlaces, press: ButtonPress, people_screens: PeopleScreens
) -> None:
    """Remove, or reset, after a yes; why not is said in an alert."""
    section, told, toast = _section(callback_data), "", words.REMOVED
    try:
        if callback_data.act is Act.RESET:
            toast = words.RESET
            told = await people_screens.reset(ADMINS if section is Section.ADMINS else PLACES, press)
        else:
            told = await people_screens.remove(callback_data, press)
    except CourierError as error:
        await press.answer(f"{error.sentence} {error.hint}".strip(), alert=True)
    if press.admin_id in people_screens.people.admin_ids:
        await press.draw(await people_screens.of(section, press.admin_id), toast)
    else:
        await press.draw(Screen(words.no_admin_any_more()), toast)
    if told:
        await people_screens.tell_others(told, press.admin_id)


async def choose_person(
    message: Message, person: User, slot: MessageSlot, people_screens: PeopleScreens, questions: Tickets[Question]
) -> None:
    """Make who was chosen an admin."""
    if message.users_shared is None or not await _expected(_PERSON, person, slot, questions):
        return
    for one in message.users_shared.users:
        called = " ".join(filter(None, (one.first_name, one.last_name)))
        await people_screens.add_admin(Recipient(chat_id=one.user_id), called, person, slot)


async def choose_group(
    message: Message, person: User, slot: MessageSlot, people_screens: PeopleScreens, questions: Tickets[Question]
) -> None:
    """Let backups go to the group that was chosen."""
    if message.chat_shared is None or not await _expected(_GROUP, person, slot, questions):
        return
    one, called = Recipient(chat_id=message.chat_shared.chat_id), message.chat_shared.title or ""
    if await _has_topics(slot.bot, one.chat_id):
        await people_screens.catalogue.recipients.set_name(one, called)
        await say(slot, words.group_chosen(called))
        await slot.draw(Screen(words.ask_topic(called), buttons.topic_or_group(one.chat_id)))
        return
    await people_screens.add_chat(one, called, person, slot)


async def add_group(
    callback: CallbackQuery, callback_data: InGroup, press: ButtonPress, people_screens: PeopleScreens
) -> None:
    """Let backups go into the group, or into a topic that is made there at once."""
    group = Recipient(chat_id=callback_data.chat)
    called = (await people_screens.people.statuses([group]))[0].name
    await press.answer()
    one = replace(group, thread_id=AUTO_TOPIC) if callback_data.topic else group
    await people_screens.add_chat(one, called, callback.from_user, press.slot)


async def _has_topics(bot: Bot, chat_id: int) -> bool:
    """Tell whether a group has topics; where Telegram does not say, it is taken as it is."""
    try:
        return (await get_chat(bot, chat_id, request_timeout=ANSWER_SECONDS)).is_forum
    except Exception as error:  # the network, a proxy's page
        logger.info("whether {} has topics is not known: {}", chat_id, type(error).__name__)
        return False


async def cancel(_: Message, person: User, slot: MessageSlot, questions: Tickets[Question]) -> None:
    """Put the picker away; nothing has changed."""
    questions.drop(person.id)
    await say(slot, words.cancelled())


async def _expected(kind: str, person: User, slot: MessageSlot, questions: Tickets[Question]) -> bool:
    """Tell whether the choice answers a question that still waits; else say so."""
    ticket = questions.find(person.id)
    if ticket is not None and ticket.value.kind == kind:
        questions.drop(ticket.id)
        if not questions.is_late(ticket):
            return True
    await say(slot, words.too_late())
    return False
