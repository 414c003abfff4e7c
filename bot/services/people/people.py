"""Keeps who is an admin and which chats receive, as it is now; every press, run and notice asks here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from loguru import logger

from bot.clock import Clock, utc_now
from bot.config.settings import Settings
from bot.errors import CourierError, NotFoundError
from bot.models import Action, DeliveryReason, OutcomeCode, Reason, Recipient, RecipientStatus
from bot.services.catalogue import Catalogue
from bot.services.people.choices import ADMINS, PLACES, ListChoice
from bot.services.people.lists import Lists

COMES_WITHIN = timedelta(days=1)
"""An admin of the settings who has yet to press Start is a step of setting up for so long, then a trouble."""

_NEVER_CAME = (OutcomeCode.NOT_STARTED, OutcomeCode.NO_SUCH_CHAT)


class People(Lists):
    """The live lists. Before `load` they are those of the settings."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        *,
        changed: Callable[[], None] = lambda: None,
        clock: Clock = utc_now,
    ) -> None:
        """`changed` hears of what is changed here, after it is in force."""
        super().__init__(settings)
        self._clock = clock
        self._catalogue, self._changed = catalogue, changed
        self._changing = asyncio.Lock()

    # --- as it is now --------------------------------------------------------------------------------------------

    async def statuses(self, recipients: Iterable[Recipient]) -> tuple[RecipientStatus, ...]:
        """Return what is known of each, under its present id, and who of them was invited and has yet to come."""
        current = [await self._catalogue.recipients.current(one) for one in recipients]
        found = await self._catalogue.recipients.statuses(current)
        return tuple([replace(one, invited=self._has_yet_to_come(one)) for one in found])

    def _has_yet_to_come(self, one: RecipientStatus) -> bool:
        """Tell whether an admin has never pressed Start: added in the chat, or in the settings for a day at most."""
        if one.recipient not in self.admins or not one.parked_reason or one.last_sent_at is not None:
            return False
        if one.recipient in self.invited:
            return True
        never_came, since = one.parked_reason.code in _NEVER_CAME, one.parked_since
        return never_came and since is not None and self._clock() - since < COMES_WITHIN

    async def load(self) -> bool:
        """Take over what the catalogue says; return whether anything is different from before.

        Raises `CatalogueError`.
        """
        before = self.everybody, self.admin_ids
        self.take_over(await self._catalogue.service.overrides())
        return before != (self.everybody, self.admin_ids)

    async def tidy(self) -> None:
        """Forget what was chosen in the chat and is what the settings say by themselves.

        Else it would come into force again once somebody takes it out of the settings. Raises `CatalogueError`.
        """
        async with self._newest():
            for setting, stored in (await self._catalogue.service.overrides()).items():
                if setting not in (ADMINS, PLACES) or str(choice := self.choice(setting)) == stored.value:
                    continue
                if choice:
                    await self._catalogue.service.set_override(setting, str(choice), stored.set_by)
                else:
                    await self._catalogue.service.clear_override(setting)

    # --- changes -------------------------------------------------------------------------------------------------

    async def add_admin(self, admin: int, name: str, *, actor: str) -> bool:
        """Let somebody use the bot; return whether that is new. Raises `CatalogueError`."""
        recipient = Recipient(chat_id=admin)
        async with self._newest():
            if name:
                await self._catalogue.recipients.set_name(recipient, name)
            if admin in self.admin_ids:
                return False
            await self._choose(ADMINS, recipient, actor=actor, added=True)
            return True

    async def remove_admin(self, admin: int, *, actor: str) -> None:
        """Let somebody use the bot no longer.

        Raises `NotFoundError` for one who is none, `CourierError` for the last, and for the last who can be reached. As
        long as DELIVER_TO names nobody, backups no longer go to them either.
        """
        async with self._newest():
            if admin not in self.admin_ids:
                raise NotFoundError("They are no admin any more.")
            if len(self.admin_ids) == 1:
                raise CourierError("The last admin has to stay.", hint="Add somebody else first.")
            others = [one for one in self.admins if one.chat_id != admin]
            if all(one.parked_reason for one in await self._catalogue.recipients.statuses(others)):
                raise CourierError("No other admin can be reached.", hint="First, one of them has to press Start.")
            await self._choose(ADMINS, Recipient(chat_id=admin), actor=actor, added=False)

    async def add_chat(self, chat: Recipient, name: str, *, actor: str) -> bool:
        """Let backups go to a chat or a topic; return whether that is new. Raises `CatalogueError`."""
        async with self._newest():
            if name:
                await self._catalogue.recipients.set_name(chat, name)
            if chat in await self._catalogue.recipients.all_current(self.chats):
                return False
            await self._choose(PLACES, chat, actor=actor, added=True)
            return True

    async def remove_chat(self, chat: Recipient, *, actor: str) -> None:
        """Let backups go there no longer. Raises `NotFoundError`, and `CourierError` where nobody would be left."""
        async with self._newest():
            if chat not in self.chats:
                raise NotFoundError("No backups go there any more.")
            if len(self.recipients) == 1:
                raise CourierError("The last place has to stay.", hint="Add another one first.")
            await self._choose(PLACES, chat, actor=actor, added=False)

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
            action = Action.ADMINS_RESET if setting == ADMINS else Action.PLACES_RESET
            await self._store(setting, ListChoice(), actor, action)
            return True

    @asynccontextmanager
    async def _newest(self) -> AsyncIterator[None]:
        """Let one change at a time be made, on what holds by now: two admins must not remove each other."""
        async with self._changing:
            await self.load()
            yield

    async def _choose(self, setting: str, about: Recipient, *, actor: str, added: bool) -> None:
        choice = self._choices[setting]
        choice = choice.plus(about.address) if added else choice.minus(about.address)
        known = (await self._catalogue.recipients.statuses([about]))[0].name
        if setting == ADMINS:
            action = Action.ADMIN_ADDED if added else Action.ADMIN_REMOVED
        else:
            action = Action.PLACE_ADDED if added else Action.PLACE_REMOVED
        who = f"{known} ({about.address})" if known else about.address
        await self._store(setting, choice.fitted(self._base(setting)), actor, action, who)

    async def _store(self, setting: str, choice: ListChoice, actor: str, action: Action, who: str = "") -> None:
        before = self.everybody
        if choice:
            await self._catalogue.service.set_override(setting, str(choice), actor)
        else:
            await self._catalogue.service.clear_override(setting)
        await self.load()
        await self._catalogue.service.audit(actor, action, *((("who", who),) if who else ()))
        logger.warning("{} {} {}", actor, action, who)
        await self._catalogue.recipients.let_go(
            [one for one in before if one not in self.recipients],
            Reason(DeliveryReason.NO_RECIPIENT),
            keep=self.everybody,
        )
        self._changed()
