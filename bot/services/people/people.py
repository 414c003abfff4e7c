"""Keeps who is an admin and which chats receive, as it is now; every press, run and notice asks here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loguru import logger

from bot.config.settings import Settings
from bot.errors import CourierError, NotFoundError
from bot.models import Recipient
from bot.services.catalogue import Catalogue, as_recipient
from bot.services.people.choices import ADMINS, PLACES, ListChoice

NO_RECIPIENT = "not a recipient any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleChange:
    """Something that an admin changed: of the list `setting`, with the name of whom it is about where one is known.

    `about` is None where the list is again what the settings say.
    """

    setting: str
    actor: str
    admin_id: int | None
    about: Recipient | None = None
    name: str = ""
    added: bool = False


class People:
    """The live lists. Before `load` they are those of the settings."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, *, changed: Callable[[PeopleChange], None] = lambda _: None
    ) -> None:
        """`changed` hears of what is changed here, after it is in force."""
        self._settings, self._catalogue, self._changed = settings, catalogue, changed
        self._choices = {ADMINS: ListChoice(), PLACES: ListChoice()}
        self._changing = asyncio.Lock()

    # --- as it is now --------------------------------------------------------------------------------------------

    @property
    def admin_ids(self) -> tuple[int, ...]:
        """Who may use the bot."""
        base = tuple(map(str, self._settings.admin_ids))
        return tuple(map(int, self._choices[ADMINS].of(base))) or self._settings.admin_ids

    @property
    def admins(self) -> tuple[Recipient, ...]:
        """Their private chats."""
        return tuple(Recipient(chat_id=admin) for admin in self.admin_ids)

    @property
    def chats(self) -> tuple[Recipient, ...]:
        """The chats that receive backups."""
        return tuple(map(as_recipient, self._choices[PLACES].of(self._base_of_places())))

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody and everything that receives backups: the chats, then the object stores, then the mailboxes."""
        return (*self.chats, *self._settings.places)

    @property
    def readers(self) -> tuple[Recipient, ...]:
        """The admins, and whoever else receives backups and can read."""
        return tuple(dict.fromkeys((*self.admins, *(one for one in self.recipients if one.reads_notices))))

    @property
    def everybody(self) -> tuple[Recipient, ...]:
        """All who receive backups, and the admins."""
        return tuple(dict.fromkeys((*self.recipients, *self.admins)))

    @property
    def invited(self) -> frozenset[Recipient]:
        """Admins who were added in the chat, and may have yet to press Start."""
        return frozenset(map(as_recipient, self._choices[ADMINS].added))

    def choice(self, setting: str) -> ListChoice:
        """Return what was chosen in the chat over a setting."""
        return self._choices[setting]

    async def load(self) -> bool:
        """Take over what the catalogue says; return whether anything is different from before.

        Raises `CatalogueError`.
        """
        before = self.everybody, self.admin_ids
        overrides = await self._catalogue.service.overrides()
        for setting, base in ((ADMINS, tuple(map(str, self._settings.admin_ids))), (PLACES, self._base_of_places())):
            stored = overrides.get(setting)
            self._choices[setting] = ListChoice.read(stored.value if stored else "").fitted(base)
        return before != (self.everybody, self.admin_ids)

    # --- changes -------------------------------------------------------------------------------------------------

    async def add_admin(self, admin: int, name: str, *, actor: str, admin_id: int) -> bool:
        """Let somebody use the bot; return whether that is new. Raises `CatalogueError`."""
        recipient = Recipient(chat_id=admin)
        async with self._newest():
            if name:
                await self._catalogue.recipients.set_name(recipient, name)
            if admin in self.admin_ids:
                return False
            await self._choose(ADMINS, recipient, actor=actor, admin_id=admin_id, added=True)
            return True

    async def remove_admin(self, admin: int, *, actor: str, admin_id: int) -> None:
        """Let somebody use the bot no longer. Raises `NotFoundError` for one who is none, `CourierError` for the last.

        As long as DELIVER_TO names nobody, backups no longer go to them either.
        """
        async with self._newest():
            if admin not in self.admin_ids:
                raise NotFoundError("They are no admin any more.")
            if len(self.admin_ids) == 1:
                raise CourierError("The last admin has to stay.", hint="Add somebody else first.")
            await self._choose(ADMINS, Recipient(chat_id=admin), actor=actor, admin_id=admin_id, added=False)

    async def add_chat(self, chat: Recipient, name: str, *, actor: str, admin_id: int) -> bool:
        """Let backups go to a chat or a topic; return whether that is new. Raises `CatalogueError`."""
        async with self._newest():
            if name:
                await self._catalogue.recipients.set_name(chat, name)
            if chat in await self._catalogue.recipients.all_current(self.chats):
                return False
            await self._choose(PLACES, chat, actor=actor, admin_id=admin_id, added=True)
            return True

    async def remove_chat(self, chat: Recipient, *, actor: str, admin_id: int) -> None:
        """Let backups go there no longer. Raises `NotFoundError`, and `CourierError` where nobody would be left."""
        async with self._newest():
            if chat not in self.chats:
                raise NotFoundError("No backups go there any more.")
            if len(self.recipients) == 1:
                raise CourierError("The last place has to stay.", hint="Add another one first.")
            await self._choose(PLACES, chat, actor=actor, admin_id=admin_id, added=False)

    async def reset(self, setting: str, *, actor: str, admin_id: int | None = None) -> bool:
        """Let the settings hold again; return whether anything was chosen in the chat. Raises `CourierError`.

        Whoever resets the admins in the chat has to be one by the settings.
        """
        async with self._newest():
            if not self._choices[setting]:
                return False
            if setting == ADMINS and admin_id is not None and admin_id not in self._settings.admin_ids:
                raise CourierError(
                    "By .env you would be no admin yourself.", hint="One of those whom ADMIN_IDS names can do it."
                )
            change = PeopleChange(setting=setting, actor=actor, admin_id=admin_id)
            await self._store(ListChoice(), change, f"reset {setting}", "")
            return True

    @asynccontextmanager
    async def _newest(self) -> AsyncIterator[None]:
        """Let one change at a time be made, on what holds by now: two admins must not remove each other."""
        async with self._changing:
            await self.load()
            yield

    async def _choose(self, setting: str, about: Recipient, *, actor: str, admin_id: int, added: bool) -> None:
        choice = self._choices[setting]
        choice = choice.plus(about.address) if added else choice.minus(about.address)
        base = self._base_of_places() if setting == PLACES else tuple(map(str, self._settings.admin_ids))
        known = (await self._catalogue.recipients.statuses([about]))[0].name
        change = PeopleChange(setting=setting, actor=actor, admin_id=admin_id, about=about, name=known, added=added)
        what = "an admin" if setting == ADMINS else "a place for backups"
        detail = f"{known} ({about.address})" if known else about.address
        await self._store(choice.fitted(base), change, f"{'added' if added else 'removed'} {what}", detail)

    async def _store(self, choice: ListChoice, change: PeopleChange, action: str, detail: str) -> None:
        setting, before = change.setting, self.everybody
        if choice:
            await self._catalogue.service.set_override(setting, str(choice), change.actor)
        else:
            await self._catalogue.service.clear_override(setting)
        self._choices[setting] = choice
        await self._catalogue.service.audit(change.actor, action, detail)
        logger.warning("{} {} {}", change.actor, action, detail)
        await self._catalogue.recipients.let_go(
            [one for one in before if one not in self.recipients], NO_RECIPIENT, keep=self.everybody
        )
        self._changed(change)

    def _base_of_places(self) -> tuple[str, ...]:
        """DELIVER_TO, and without it the admins as they are now."""
        chats = self._settings.deliver_to
        if chats == tuple(Recipient(chat_id=admin) for admin in self._settings.admin_ids):
            chats = self.admins
        return tuple(chat.address for chat in chats)
