"""Alarms in a chat: one message each, edited as it changes, moved to the end of the chat to remind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock
from bot.models import Alarm, AlarmNotice, Recipient
from bot.services.alarms.alarms import MANY, SHRUNKEN, SKIPPED, Loudness
from bot.services.alarms.lifecycle import EDITABLE_FOR, AlarmStep, fingerprint
from bot.services.alarms.listener import CanNotTellError
from bot.services.contracts.destination import Notice, NoticeButton, Outcome, Wait
from bot.services.delivery.ledger import Ledger

Buttons = Callable[[Alarm], tuple[NoticeButton, ...]]

Concerned = Callable[[Recipient, Collection[str]], Awaitable[frozenset[str]]]
"""With which of these databases' trouble a recipient is to be bothered."""

OF_ONE_DATABASE = (SKIPPED, SHRUNKEN)


class Wording(Protocol):
    """What an alarm says, as HTML; `reminder` is how often it is repeated."""

    def alarm(self, alarm: Alarm, now: datetime, reminder: timedelta) -> str: ...

    def alarm_over(self, alarm: Alarm) -> str: ...

    def alarm_recovered(self, alarm: Alarm) -> str: ...

    def alarm_moved(self, alarm: Alarm) -> str: ...


class ChatAlarms:
    """One recipient's chat.

    The beginning and each reminder sound, unless the admin wants quiet then; a change and the end don't. The end edits
    the message and is told in a short answer to it as well, since nobody sees an edit far up in a chat.
    """

    def __init__(
        self,
        ledger: Ledger,
        recipient: Recipient,
        *,
        wording: Wording,
        buttons: Buttons,
        loudness: Loudness,
        concerned: Concerned,
        reminder: timedelta,
        clock: Clock,
    ) -> None:
        self._ledger, self._recipient = ledger, recipient
        self._wording, self._buttons, self._loudness = wording, buttons, loudness
        self._concerned = concerned
        self._reminder, self._clock = reminder, clock

    @property
    def address(self) -> str:
        return self._recipient.address

    async def concerned(self, alarm: Alarm) -> bool:
        """Leave out the trouble of a database that they did not choose and somebody else did."""
        if alarm.kind not in OF_ONE_DATABASE or alarm.subject == MANY:
            return True
        return bool(await self._concerned(self._recipient, [alarm.subject]))

    async def tell(self, act: AlarmStep, alarm: Alarm, told: AlarmNotice) -> AlarmNotice:
        try:
            return await self._tell(act, alarm, told)
        except Wait as outcome:
            raise CanNotTellError(outcome.sentence, seconds=outcome.seconds) from None
        except Outcome as outcome:
            raise CanNotTellError(outcome.sentence) from None

    async def _tell(self, act: AlarmStep, alarm: Alarm, told: AlarmNotice) -> AlarmNotice:
        now = self._clock()
        match act:
            case AlarmStep.BEGIN | AlarmStep.REMIND:
                message_id = await self._ledger.post(self._recipient, await self._notice(alarm, now, aloud=True))
                if told.message_id is not None:
                    await self._take_away(told, alarm)
                return self._shown(replace(told, message_id=message_id, sent_at=now, reminded_at=now), alarm)
            case AlarmStep.CHANGE:
                return await self._change(alarm, told, now)
            case AlarmStep.END:
                return await self._end(alarm, told)
            case AlarmStep.END_UNHEARD:
                await self._ledger.post(self._recipient, Notice(html=self._wording.alarm_over(alarm)))
                return replace(told, done=True)
            case _:
                return told

    async def _change(self, alarm: Alarm, told: AlarmNotice, now: datetime) -> AlarmNotice:
        old = told.message_id if told.sent_at is not None and now - told.sent_at < EDITABLE_FOR else None
        message_id = await self._ledger.post(
            self._recipient, await self._notice(alarm, now, aloud=False), message_id=old
        )
        if message_id != told.message_id:
            if old is None:
                await self._take_away(told, alarm)
            told = replace(told, message_id=message_id, sent_at=now)
        return self._shown(told, alarm)

    async def _end(self, alarm: Alarm, told: AlarmNotice) -> AlarmNotice:
        over = Notice(html=self._wording.alarm_over(alarm))
        message_id = await self._ledger.post(self._recipient, over, message_id=told.message_id)
        if message_id == told.message_id and not alarm.accepted:
            recovered = Notice(html=self._wording.alarm_recovered(alarm), answers=message_id)
            await self._ledger.post(self._recipient, recovered)
        return replace(told, message_id=message_id, done=True)

    async def _notice(self, alarm: Alarm, now: datetime, *, aloud: bool) -> Notice:
        private = self._recipient.is_private
        loud = aloud and (not private or await self._loudness(self._recipient.chat_id, now))
        return Notice(
            html=self._wording.alarm(alarm, now, self._reminder),
            silent=not loud,
            buttons=self._buttons(alarm) if private else (),  # presses are only heard in private chats
        )

    async def _take_away(self, told: AlarmNotice, alarm: Alarm) -> None:
        """Let the newer message stand alone: the older one goes, or at least loses its buttons."""
        if told.message_id is None:
            return
        with suppress(Outcome):
            moved = Notice(html=self._wording.alarm_moved(alarm))
            await self._ledger.delete_notice(self._recipient, told.message_id, moved)

    @staticmethod
    def _shown(told: AlarmNotice, alarm: Alarm) -> AlarmNotice:
        return replace(told, shown=fingerprint(alarm))
