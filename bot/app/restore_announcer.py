"""Announces restores to all admins: who restored what, what failed, and what a restore that was cut off left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from loguru import logger

from bot.config.settings import Settings
from bot.errors import CourierError
from bot.models import RestorePlan, RestoreResult
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import settled
from bot.services.contracts.destination import Notice, NoticeButton, Outcome
from bot.services.delivery.notices import NoticeSender
from bot.services.files.under_way import RunsUnderWay
from bot.services.messages.live import LiveKind, LiveMessages
from bot.services.people.people import People
from bot.services.restore.unannounced import BY_HAND, CUT_OFF, forget_by_hand
from bot.services.restore_chat.confirmed import CONFIRMED
from bot.services.restore_chat.pending_plans import Requester
from bot.texts import restoring as restoring_texts

AGAIN_AFTER = 60.0
"""Seconds between two attempts to tell of a restore whom Telegram did not reach."""


class RestoreAnnouncer:
    """Sends the words about restores, loudly; a `RestoreListener`."""

    def __init__(
        self,
        settings: Settings,
        people: People,
        catalogue: Catalogue,
        notifier: NoticeSender,
        *,
        under_way: RunsUnderWay,
        live: LiveMessages,
        news: Callable[[], None],
    ) -> None:
        """`news` is called when something changed that the pinned messages tell."""
        self._catalogue, self._notifier = catalogue, notifier
        self._under_way, self._live, self._news = under_way, live, news
        self._people = people
        self._timezone = settings.timezone
        self._telling = asyncio.Lock()

    async def restored(self, requester: Requester, plan: RestorePlan, result: RestoreResult) -> None:
        """Tell everybody but the one who did it, each until they have it; what is pinned follows."""
        self._news()
        html = restoring_texts.announce_restore(requester.name, plan, result, self._timezone)
        await self._tell_each(html, besides=requester)

    async def failed(
        self, requester: Requester, plan: RestorePlan, error: BaseException, *, also_requester: bool
    ) -> None:
        """Tell everybody, each until they have it; who asked reads it on their screen, if that is still drawn."""
        html = restoring_texts.announce_failed_restore(requester.name, plan, error, self._timezone)
        await self._tell_each(html, besides=None if also_requester else requester)

    async def tell_of_others(self) -> None:
        """Tell all admins what came about without this service: restores of the command line, and one that was cut off.

        As long as nobody has heard of it; raises nothing.
        """
        if self._telling.locked():
            return
        async with self._telling:
            try:
                # To its end, also in a shutdown: what they have heard they are not told again.
                while True:
                    if await settled(self._tell_once()):
                        return
                    await asyncio.sleep(AGAIN_AFTER)
            except CourierError as error:
                logger.error("the admins could not be told of a restore: {}", error.sentence)

    async def _tell_once(self) -> bool:
        """Tell what has yet to be told; return whether somebody has heard it, or there was nothing."""
        catalogue = self._catalogue
        pending = await CUT_OFF.get(catalogue)
        if pending is not None:
            from bot.handlers.restore_buttons import undo_cut_off  # noqa: PLC0415 - it imports aiogram

            notice = Notice(
                html=restoring_texts.restore_cut_off(pending, self._timezone), buttons=undo_cut_off(pending)
            )
            if not await self._tell(notice.html, buttons=notice.buttons):
                return False
            await self._put_screen_right(notice)
            await CUT_OFF.forget(catalogue)
        for word in await BY_HAND.get(catalogue) or ():
            if not await self._tell(restoring_texts.announce_cli_restore(word, self._timezone)):
                return False
            self._news()
            await forget_by_hand(catalogue, word)
        return True

    async def _put_screen_right(self, notice: Notice) -> None:
        """Let the message in which the restore was followed say how it ended, where it still says "running"."""
        if (run := self._under_way.here) is not None and run.is_restore:
            return
        for kept in await self._live.left():
            if kept.kind == LiveKind.RESTORE:
                with suppress(Outcome):  # deleted, or not to be edited any more: the word about it has arrived
                    await self._notifier.edit(kept.recipient, kept.message_id, notice)
                await self._live.end_message(kept.recipient.chat_id, kept.message_id, LiveKind.RESTORE)
        await CONFIRMED.forget(self._catalogue)

    async def _tell_each(self, html: str, *, besides: Requester | None) -> None:
        """Tell the admins but one until each has heard it, or is parked: a network may be gone for long."""
        told = {besides.admin_id} if besides is not None else set()
        while True:
            parked = await self._catalogue.recipients.parked()
            waiting = [one for one in self._people.admins if one.chat_id not in told and one not in parked]
            told |= {one.chat_id for one in await self._notifier.notify(html, loud=True, to=waiting)}
            if told.issuperset(one.chat_id for one in waiting):
                return
            await asyncio.sleep(AGAIN_AFTER)

    async def _tell(self, html: str, *, buttons: tuple[NoticeButton, ...] = ()) -> bool:
        """Tell the admins themselves, also those whose backups go to a group; return whether one has heard it."""
        return bool(await self._notifier.notify(html, loud=True, to=self._people.admins, buttons=buttons))
