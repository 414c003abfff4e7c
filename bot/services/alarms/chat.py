"""Alarms in a chat: one message each, edited as it changes, moved to the end of the chat to remind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock
from bot.models import Alarm, AlarmKind, AlarmNotice, Recipient
from bot.services.alarms.lifecycle import EDITABLE_FOR, AlarmStep, NotNotifiedError, fingerprint
from bot.services.contracts.destination import Notice, NoticeButton, Outcome, Wait
from bot.services.delivery.notices import NoticeSender
from bot.services.messages.preferences import Preferences

Buttons = Callable[[Alarm, bool], tuple[NoticeButton, ...]]
"""What can be pressed under an alarm, which a listener may have hushed."""

OF_ONE_DATABASE = (AlarmKind.SKIPPED, AlarmKind.SHRUNKEN)


class Wording(Protocol):
    """What an alarm says, as HTML. `reminder` is how often it is repeated, after `quiet_until` where that is wanted."""

    def alarm(self, alarm: Alarm, now: datetime, reminder: timedelta, quiet_until: datetime | None) -> str: ...

    def alarm_over(self, alarm: Alarm) -> str: ...

    def alarm_recovered(self, alarm: Alarm) -> str: ...

    def alarm_moved(self, alarm: Alarm) -> str: ...


class ChatAlarms:
    """One recipient's chat.

    The beginning and each reminder sound, unless the admin wants quiet then; a change and the end don't. The end edits
    the message to say that it is over, and a short answer to it says what is good again: nobody sees an edit far up.
    """

    def __init__(
        self,
        notices: NoticeSender,
        recipient: Recipient,
        *,
        wording: Wording,
        buttons: Buttons,
        preferences: Preferences,
        reminder: timedelta,
        clock: Clock,
    ) -> None:
        self._notices, self._recipient = notices, recipient
        self._wording, self._buttons, self._preferences = wording, buttons, preferences
        self._reminder, self._clock = reminder, clock

    @property
    def address(self) -> str:
        return self._recipient.address

    async def is_wanted(self, alarm: Alarm) -> bool:
        """Leave out the trouble of a database that they did not choose and somebody else did."""
        if alarm.kind not in OF_ONE_DATABASE or alarm.is_of_many:
            return True
        return bool(await self._preferences.affected_databases(self._recipient, [alarm.subject]))

    async def notify(self, step: AlarmStep, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        try:
            return await self._notify(step, alarm, notice)
        except Wait as outcome:
            raise NotNotifiedError(outcome.sentence, seconds=outcome.seconds) from None
        except Outcome as outcome:
            raise NotNotifiedError(outcome.sentence) from None

    async def _notify(self, step: AlarmStep, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        now = self._clock()
        match step:
            case AlarmStep.BEGIN | AlarmStep.REMIND:
                message_id = await self._send(await self._notice(alarm, notice, now, aloud=True))
                await self._take_away(notice, alarm)
                shown = fingerprint(alarm, notice.quiet_until)
                return replace(notice, message_id=message_id, sent_at=now, reminded_at=now, shown=shown)
            case AlarmStep.CHANGE:
                return await self._change(alarm, notice, now)
            case AlarmStep.END:
                return await self._end(alarm, notice)
            case AlarmStep.END_UNHEARD:
                await self._send(Notice(html=self._wording.alarm_over(alarm)))
                return replace(notice, done=True)
            case _:
                return notice

    async def _change(self, alarm: Alarm, notice: AlarmNotice, now: datetime) -> AlarmNotice:
        old = notice.message_id if notice.sent_at is not None and now - notice.sent_at < EDITABLE_FOR else None
        message_id = await self._send(await self._notice(alarm, notice, now, aloud=False), message_id=old)
        if message_id != notice.message_id:
            if old is None:
                await self._take_away(notice, alarm)
            notice = replace(notice, message_id=message_id, sent_at=now)
        return replace(notice, shown=fingerprint(alarm, notice.quiet_until))

    async def _end(self, alarm: Alarm, notice: AlarmNotice) -> AlarmNotice:
        over = Notice(html=self._wording.alarm_over(alarm))
        if notice.message_id is not None and not alarm.accepted:
            try:
                await self._notices.edit(self._recipient, notice.message_id, over)
            except Outcome:
                pass  # gone, moved or out of reach: below it is dealt with
            else:
                await self._send(Notice(html=self._wording.alarm_recovered(alarm), answers=notice.message_id))
                return replace(notice, done=True)
        return replace(notice, message_id=await self._send(over, message_id=notice.message_id), done=True)

    async def _send(self, notice: Notice, *, message_id: int | None = None) -> int:
        return await self._notices.send_or_edit(self._recipient, notice, message_id=message_id)

    async def _notice(self, alarm: Alarm, told: AlarmNotice, now: datetime, *, aloud: bool) -> Notice:
        private = self._recipient.is_private
        loud = aloud and (not private or await self._preferences.loudness(self._recipient.chat_id, now))
        quiet_until = told.quiet_until if told.quiet_until is not None and told.quiet_until > now else None
        return Notice(
            html=self._wording.alarm(alarm, now, self._reminder, quiet_until),
            silent=not loud,
            buttons=self._buttons(alarm, quiet_until is not None),
        )

    async def _take_away(self, notice: AlarmNotice, alarm: Alarm) -> None:
        """Let the newer message stand alone: the older one goes, or at least loses its buttons."""
        if notice.message_id is None:
            return
        with suppress(Outcome):
            moved = Notice(html=self._wording.alarm_moved(alarm))
            await self._notices.delete(self._recipient, notice.message_id, instead=moved)
