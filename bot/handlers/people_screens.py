"""Draws Admins and Where backups go, and does what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiogram.types import ReplyKeyboardMarkup, ReplyKeyboardRemove, User

from bot.clock import Clock
from bot.errors import NotFoundError
from bot.handlers import people_buttons as buttons
from bot.handlers.commands import withdraw_commands
from bot.handlers.drawing.keyboards import Section
from bot.handlers.drawing.screen import ButtonPress, MessageSlot, Screen, actor_of
from bot.handlers.people_buttons import OfAdmins, OfPlaces
from bot.models import Recipient, RecipientStatus
from bot.services.people.choices import ADMINS, PLACES
from bot.texts import people as words

if TYPE_CHECKING:
    from bot.services.catalogue import Catalogue
    from bot.services.delivery.notices import NoticeSender
    from bot.services.people.people import People


@dataclass(frozen=True, slots=True)
class PeopleScreens:
    """Draws both lists, and does what is asked of them."""

    people: People
    catalogue: Catalogue
    notifier: NoticeSender
    clock: Clock

    async def of(self, section: Section, you: int) -> Screen:
        """Draw one of the lists."""
        return await (self.admins(you) if section is Section.ADMINS else self.places())

    async def admins(self, you: int) -> Screen:
        """Draw who may use the bot."""
        people = self.people
        statuses = await self.statuses(people.admins)
        chosen = people.overrides.get(ADMINS)
        text = words.admins(statuses, you, chosen=chosen, now=self.clock())
        return Screen(text, buttons.admins(statuses, chosen=chosen is not None))

    async def places(self) -> Screen:
        """Draw where backups go."""
        people = self.people
        statuses = await self.statuses(people.chats)
        chosen = people.overrides.get(PLACES)
        elsewhere = [one for one in people.recipients if not one.is_chat]
        absent = await self.statuses([admin for admin in people.admins if admin not in people.chats])
        keys = buttons.places(statuses, absent, chosen=chosen is not None, last=len(people.recipients) == 1)
        return Screen(words.places(statuses, elsewhere, chosen, self.clock()), keys)

    async def statuses(self, recipients: Sequence[Recipient]) -> list[RecipientStatus]:
        """Return what is known of each, under the id that it has in the lists."""
        found = await self.people.statuses(recipients)
        return [replace(status, recipient=one) for one, status in zip(recipients, found, strict=True)]

    async def add_admin(self, one: Recipient, called: str, by: User, slot: MessageSlot) -> None:
        """Make somebody an admin; who has never pressed Start gets an invitation, by the hands of who added them."""
        actor = actor_of(by)
        if not await self.people.add_admin(one.chat_id, called, actor=actor):
            await say(slot, words.already(one, called))
            await slot.draw(await self.admins(by.id))
            return
        reached = bool(await self.notifier.notify(words.you_are_admin(by.full_name), loud=True, to=[one]))
        await say(slot, words.admin_added(one, called, reached=reached))
        if not reached:
            me = await slot.bot.me()
            await say(slot, words.invitation(me.username or "", by.full_name))
        await slot.draw(await self.admins(by.id))
        await self.tell_others(words.told_of_admin(actor, one, called, added=True), by.id, one.chat_id)

    async def add_chat(self, one: Recipient, called: str, by: User, slot: MessageSlot) -> None:
        """Let backups go to a chat. A line there shows whether it can be written to."""
        actor = actor_of(by)
        if not await self.people.add_chat(one, called, actor=actor):
            await say(slot, words.already(one, called))
            await slot.draw(await self.places())
            return
        reached = await self.notifier.notify(words.backups_come_here(by.full_name), loud=False, to=[one])
        await say(slot, words.place_added(one, called, reached=bool(reached)))
        await slot.draw(await self.places())
        await self.tell_others(words.told_of_place(actor, one, called, added=True), by.id, one.chat_id)

    async def note_name(self, press: ButtonPress) -> None:
        """Remember what an admin is called who has not pressed Start since the catalogue was made."""
        one = Recipient(chat_id=press.admin_id)
        if not (await self.people.statuses([one]))[0].name:
            await self.catalogue.recipients.set_name(one, press.person)

    async def tell_others(self, html: str, *but: int) -> None:
        """Tell the admins silently, save those who know it."""
        others = [admin for admin in self.people.admins if admin.chat_id not in but]
        await self.notifier.notify(html, loud=False, to=others)

    async def find(self, data: OfAdmins | OfPlaces) -> RecipientStatus:
        """Return whom a button is about. Raises `NotFoundError` where that one is in the list no longer."""
        if isinstance(data, OfAdmins):
            found = [admin for admin in self.people.admins if admin.chat_id == data.id]
        else:
            found = [chat for chat in (*self.people.chats, *self.people.admins) if buttons.key_of(chat) == data.key]
        if not found:
            raise NotFoundError(words.GONE)
        return (await self.statuses(found[:1]))[0]

    async def remove(self, data: OfAdmins | OfPlaces, press: ButtonPress) -> str:
        """Take somebody, or a chat, out; return what the others are told. Raises `CourierError` with why not."""
        one = await self.find(data)
        if isinstance(data, OfPlaces):
            await self.people.remove_chat(one.recipient, actor=press.actor)
            return words.told_of_place(press.actor, one.recipient, one.name, added=False)
        await self.people.remove_admin(one.recipient.chat_id, actor=press.actor)
        await withdraw_commands(press.slot.bot, one.recipient.chat_id)
        return words.told_of_admin(press.actor, one.recipient, one.name, added=False)

    async def reset(self, setting: str, press: ButtonPress) -> str:
        """Let `.env` hold again; return what the others are told. Raises `CourierError` with why not."""
        before = self.people.admin_ids
        await self.people.reset(setting, actor=press.actor, admin_id=press.admin_id)
        for admin in set(before) - set(self.people.admin_ids):
            await withdraw_commands(press.slot.bot, admin)
        return words.told_of_reset(press.actor, setting)


async def say(slot: MessageSlot, html: str, keyboard: ReplyKeyboardMarkup | None = None) -> None:
    """Send a message that brings a picker, or puts it away."""
    await slot.bot.send_message(slot.chat_id, html, parse_mode="HTML", reply_markup=keyboard or ReplyKeyboardRemove())
