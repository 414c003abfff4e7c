"""Applies the preferences of admins: which chats receive a backup, and which are notified with a sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from loguru import logger

from bot.clock import Clock, wall
from bot.config.settings import Settings
from bot.errors import CourierError, NotFoundError
from bot.models import (
    NO_REASON,
    Action,
    Backup,
    DeliveryState,
    Facts,
    MessageChoice,
    MessageMode,
    QuietHours,
    Recipient,
    WhenUnchanged,
)
from bot.services.catalogue import Catalogue
from bot.services.messages.assignment import (
    DeliveryContext,
    decide_recipients,
    fallback_recipient,
    in_chats,
    same_bytes,
)
from bot.services.messages.digest import MyMessages
from bot.services.messages.tidying import ROUTINE
from bot.services.people.people import People


class Preferences:
    """The choices of the admins. Everybody and everything else (groups, object stores, …) gets every backup."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        people: People,
        *,
        store_folder: Path,
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`changed` hears of every change of a choice."""
        self._catalogue, self._folder, self._clock = catalogue, store_folder, clock
        self.people = people
        self.timezone, self._unchanged = settings.timezone, settings.when_unchanged
        self._chat_keep_hours = settings.chat_keep_hours
        self._changed = changed

    # --- choosing ------------------------------------------------------------------------------------------------

    async def of(self, admin_id: int) -> MessageChoice:
        """Return what an admin chose; the default for everybody else."""
        return (
            await self._catalogue.preferences.choice(admin_id) if admin_id in self.people.admin_ids else MessageChoice()
        )

    async def of_chat(self, recipient: Recipient) -> MessageChoice:
        """Return what was chosen for a chat; the default for a topic and for what is no admin's chat."""
        return await self.of(recipient.chat_id) if recipient.thread_id is None else MessageChoice()

    async def choose_mode(self, admin_id: int, mode: MessageMode, *, actor: str) -> None:
        """Let every backup come, a digest of the day, or trouble alone."""
        if (await self.of(admin_id)).mode is not mode:
            await self._change(admin_id, actor, Action.MODE_CHOSEN, (("mode", mode),), mode=mode, since=self._clock())

    async def choose_quiet(self, admin_id: int, quiet: QuietHours | None, *, actor: str) -> None:
        """Let messages come without a sound in these hours; None is never."""
        action = Action.NO_QUIET_CHOSEN
        if quiet is not None:
            action = Action.QUIET_ALARMS_CHOSEN if quiet.alarms else Action.QUIET_CHOSEN
        hours = (("start", wall(quiet.start)), ("end", wall(quiet.end))) if quiet is not None else ()
        await self._change(admin_id, actor, action, hours, quiet=quiet)

    async def follow(self, admin_id: int, name: str, wanted: bool, *, actor: str) -> None:
        """Add a database to those an admin cares about, or take it away.

        With the last one missing all are chosen, also those to come. Raises `NotFoundError` for an unknown name and
        `CourierError` where none would be left.
        """
        known = await self.known()
        if name not in known:
            raise NotFoundError(f"There is no database {name} any more.")
        choice = await self.of(admin_id)
        chosen = set(known if choice.databases is None else choice.databases)
        chosen = chosen | {name} if wanted else chosen - {name}
        if chosen.isdisjoint(known):
            raise CourierError(
                "At least one database has to stay.", hint="To hear less of all of them, choose “Trouble only”."
            )
        if chosen >= set(known):
            await self.follow_all(admin_id, actor=actor)
        else:
            told = tuple(("database", one) for one in sorted(chosen))
            await self._change(admin_id, actor, Action.DATABASES_CHOSEN, told, databases=frozenset(chosen))

    async def follow_all(self, admin_id: int, *, actor: str) -> None:
        """Care about every database, also those to come."""
        await self._change(admin_id, actor, Action.ALL_CHOSEN, (), databases=None)

    async def known(self) -> tuple[str, ...]:
        """Return the names of the databases that were ever backed up, or are to be, in the order they were met in."""
        met = (await self._catalogue.databases.known_names()).values()
        return tuple(dict.fromkeys((*met, *sorted(await self._catalogue.backups.latest_by_database()))))

    async def my_messages(self, admin_id: int) -> MyMessages:
        """Return everything the screen of an admin shows."""
        contexts = in_chats(await self._contexts(None))
        takers = [
            one
            for one in contexts
            if one.choice.mode is MessageMode.EVERY and one.choice.databases is None and not one.parked
        ]
        fallback = None if takers else fallback_recipient(contexts)
        name = (await self._catalogue.recipients.statuses([fallback]))[0].name if fallback else ""
        return MyMessages(
            admin_id=admin_id,
            choice=await self.of(admin_id),
            known=await self.known(),
            receives=any(one.recipient == Recipient(chat_id=admin_id) for one in contexts),
            fallback=fallback,
            fallback_name=name,
            unchanged=self._unchanged,
            chat_keep_hours=self._chat_keep_hours,
        )

    # --- what follows --------------------------------------------------------------------------------------------

    async def loudness(self, admin_id: int, now: datetime) -> bool:
        """Tell whether an alarm may sound in an admin's chat: always, unless they want quiet hours for alarms too."""
        quiet = (await self.of(admin_id)).quiet
        return quiet is None or not quiet.alarms or not quiet.hold(now, self.timezone)

    async def silent_recipients(self, recipients: Iterable[Recipient], now: datetime) -> tuple[Recipient, ...]:
        """Return those in whose chats what is no alarm comes without a sound now."""
        found = []
        for recipient in recipients:
            choice = await self.of_chat(recipient)
            quiet = choice.quiet
            if choice.mode is not MessageMode.EVERY or (quiet is not None and quiet.hold(now, self.timezone)):
                found.append(recipient)
        return tuple(found)

    async def affected_databases(self, recipient: Recipient, names: Collection[str]) -> frozenset[str]:
        """Return with which of these databases' trouble somebody is to be bothered.

        Those they chose, and those that nobody chose: trouble is never shown to nobody.
        """
        recipients = await self._catalogue.recipients.all_current(self.people.recipients)
        choices = [await self.of_chat(one) for one in recipients if one.is_chat or one.is_mailbox]
        mine = await self.of_chat(recipient)
        return frozenset(
            name for name in names if mine.follows({name}) or not any(choice.follows({name}) for choice in choices)
        )

    async def assign_recipients(self, backup: Backup, *, asked_in: int | None = None) -> tuple[Recipient, ...]:
        """Write down to whom a backup is due and why not to the others; return to whom.

        Of what is not due nothing is owed; the reason stands in the ledger. Raises `CatalogueError`.
        """
        contexts = await self._contexts(asked_in)
        routine = backup.trigger in ROUTINE
        decisions = decide_recipients(
            backup, contexts, unchanged=self._unchanged, routine=routine, timezone=self.timezone
        )
        for decision in decisions:
            logger.debug("backup {} to {}: {} ({})", backup.id, decision.recipient.address, decision.due, decision.why)
        await self._catalogue.deliveries.assign(
            backup.id,
            [one.recipient for one in decisions if one.due],
            [(one.recipient, one.reason) for one in decisions if not one.due],
            same_as=same_bytes(backup, in_chats(contexts))
            if routine and self._unchanged is not WhenUnchanged.SEND
            else None,
        )
        return tuple(one.recipient for one in decisions if one.due)

    async def reassign_if_unreachable(self, backup: Backup) -> Recipient | None:
        """Where everybody to whom a backup was due turned out to be unreachable, owe it to one of the others instead.

        None where it has arrived, may still arrive, or nobody is left; and where it is unchanged: somebody has it.
        """
        rows = [row for row in await self._catalogue.deliveries.of(backup.id) if row.recipient.is_chat]
        due = [row for row in rows if row.state is not DeliveryState.NOT_DUE]
        if not due or any(row.state is not DeliveryState.PARKED for row in due):
            return None
        spared = {row.recipient: row for row in rows if row.state is DeliveryState.NOT_DUE}
        contexts = [context for context in await self._contexts(None) if context.recipient in spared]
        has_same = (await self._catalogue.backups.get(backup.id)).same_as is not None
        fallback = None if has_same else fallback_recipient(contexts)
        if fallback is not None:
            await self._catalogue.deliveries.save(
                replace(spared[fallback], state=DeliveryState.PENDING, reason=NO_REASON)
            )
            logger.info("backup {} goes to {}: nobody else can be reached", backup.id, fallback.address)
        return fallback

    async def is_redundant(self, backup: Backup) -> bool:
        """Tell whether an archive can go: WHEN_UNCHANGED=skip, nobody is due it, and the disk holds the same."""
        if self._unchanged is not WhenUnchanged.SKIP or backup.same_as is None or backup.trigger not in ROUTINE:
            return False
        rows = await self._catalogue.deliveries.of(backup.id)
        older = await self._catalogue.backups.get(backup.same_as)
        return all(row.state is DeliveryState.NOT_DUE for row in rows) and await self._on_disk(older)

    # --- within --------------------------------------------------------------------------------------------------

    async def _change(self, admin_id: int, actor: str, action: Action, facts: Facts, **changes: Any) -> None:
        """Change what an admin chose, and write it down; nothing where it is so already."""
        before = await self.of(admin_id)
        choice = replace(before, **changes)
        if choice == before:
            return
        if admin_id not in self.people.admin_ids:
            raise NotFoundError(f"{admin_id} is no admin.")
        await self._catalogue.preferences.set_choice(admin_id, choice)
        await self._catalogue.service.audit(actor, action, *facts)
        logger.info("{} {}: {}", actor, action, ", ".join(str(value) for _, value in facts))
        self._changed()

    async def _contexts(self, asked_in: int | None) -> Sequence[DeliveryContext]:
        recipients = await self._catalogue.recipients.all_current(self.people.recipients)
        last = await self._catalogue.deliveries.last_delivered(recipients)
        parked = await self._catalogue.recipients.parked()
        contexts = []
        for recipient in recipients:
            newest = last.get(recipient)
            contexts.append(
                DeliveryContext(
                    recipient=recipient,
                    choice=await self.of_chat(recipient),
                    last=newest,
                    on_disk=newest is not None and await self._on_disk(newest),
                    parked=recipient in parked,
                    asked=recipient.chat_id == asked_in,
                )
            )
        return contexts

    async def _on_disk(self, backup: Backup) -> bool:
        """Whether the disk holds the archive whole, as far as its size and what was found of it tell."""
        try:
            found = await asyncio.to_thread((self._folder / backup.archive_name).stat)
        except OSError:
            return False
        return backup.sound and found.st_size == backup.archive_bytes
