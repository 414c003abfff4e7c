"""Makes the first backup before everybody's eyes, and fetches it back from Telegram at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli import output
from bot.cli.backing_up import back_up_and_tell, opened_courier
from bot.cli.setup.answers import Draft
from bot.cli.setup.people import admins_of
from bot.cli.setup.token import bot_of
from bot.clock import utc_now
from bot.config.settings import Settings
from bot.errors import DamagedArchiveError, DeliveryError
from bot.models import Actor, Backup, Drill, DrillSource, Progress, Recipient, RunInProgress, RunResult, Stage, Trigger
from bot.services.catalogue import stored_names
from bot.services.concurrency.nursery import beside
from bot.services.contracts.destination import Notice, Outcome
from bot.services.files.locks import ServiceLock
from bot.services.schedule.load import chat_load
from bot.texts import runs
from bot.texts.load import load_words
from bot.texts.measures import count, duration, human_size
from bot.texts.setup import proven
from bot.words.causes import in_full
from bot.words.drills import drill_words
from bot.words.outcomes import reason_words

if TYPE_CHECKING:
    from bot.services.telegram.notices import TelegramNotices

_EVERY = 2.0  # seconds between two edits of the live message: a chat takes about 20 a minute


async def first_backup(draft: Draft, settings: Settings, key: Path | None, *, first: bool) -> None:
    """Back up, deliver, fetch back and test-restore; `key` opens what is sealed, although it is not to stay here.

    `first` tells that it is the first one. Raises `DeliveryError` where nobody received it, `DamagedArchiveError` where
    it did not come back whole, and what a run raises.
    """
    from bot.services.telegram.notices import TelegramNotices  # noqa: PLC0415 - imports aiogram

    names = await asyncio.to_thread(stored_names, settings.backup_dir) | draft.names
    if key is not None:
        settings = settings.model_copy(update={"age_identity_file": key})
    async with (
        ServiceLock(settings.backup_dir, timezone=settings.timezone),
        bot_of(draft) as bot,
        opened_courier(settings) as courier,
    ):
        for recipient, name in draft.names.items():
            await courier.catalogue.recipients.set_name(recipient, name)
        phones = _Phones(TelegramNotices(bot), admins_of(draft), settings)
        with output.progress(quiet=False) as show:

            def report(progress: Progress) -> None:
                show(progress)
                phones.progress = progress

            async with beside(phones.follow()):
                result = await back_up_and_tell(courier, report)
        await phones.say(runs.result(result.backup, result.deliveries, utc_now(), settings.timezone, names))
        _say_what_it_is(result, names, settings)
        output.tell("Fetching it back …")
        started = time.perf_counter()
        drill = await courier.drills.drill_newest()
        took = duration(time.perf_counter() - started)
        _require_delivered(result)
        sentence = _told(drill, result.backup, took)
        output.tell(f"✓ {sentence}")
        if drill is not None and drill.opened:
            phones.begin_anew()
            await phones.say(proven(*_contents(result.backup), took, first=first))


class _Phones:
    """The chats of the admins, each with one message that follows the run; a chat that can't be reached is no fault."""

    def __init__(self, notices: TelegramNotices, admins: list[int], settings: Settings) -> None:
        self._notices, self._settings = notices, settings
        self._messages: dict[Recipient, int] = {Recipient(chat_id=admin): 0 for admin in admins}
        self._began = utc_now()
        self.progress = Progress(stage=Stage.STARTING)

    async def follow(self) -> None:
        """Redraw until cancelled."""
        while True:
            run = RunInProgress(
                started_at=self._began, trigger=Trigger.COMMAND, requested_by=Actor.SETUP, progress=self.progress
            )
            await self.say(runs.progress(run, utc_now(), self._settings.timezone))
            await asyncio.sleep(_EVERY)

    def begin_anew(self) -> None:
        """Let what is said next be a message of its own."""
        self._messages = dict.fromkeys(self._messages, 0)

    async def say(self, html: str) -> None:
        """Put a text into the place of the one before."""
        for admin, message_id in self._messages.items():
            with suppress(Outcome):
                if message_id:
                    await self._notices.edit(admin, message_id, Notice(html=html))
                else:
                    self._messages[admin] = await self._notices.send(admin, Notice(html=html))


def _say_what_it_is(result: RunResult, names: dict[Recipient, str], settings: Settings) -> None:
    backup = result.backup
    size, volume_mb = backup.archive_bytes, settings.volume_size_mb
    load = chat_load(settings.schedule, settings.timezone, utc_now(), archive_bytes=size, volume_mb=volume_mb)
    sealed = f", sealed for {backup.sealed}" if backup.sealed else ""
    output.tell(
        f"✓ Backed up and proven: {count(len(backup.databases), 'database')}, {human_size(backup.source_bytes)} →"
        f" {human_size(backup.archive_bytes)}{sealed}."
    )
    if load.is_much:
        output.warn(f"that is {load_words(load)}; in the chat, ⚙️ Settings → Schedule offers every 6 h")
    for record in backup.skipped:
        output.complain("skipped", f"{record.name}: {in_full(record.why)}")
    for delivery in result.deliveries:
        who = names.get(delivery.recipient) or delivery.recipient.called
        if delivery.sent_at is not None:
            output.tell(f"✓ Delivered to {who}.")
        else:
            output.warn(f"Not delivered to {who} yet: {reason_words(delivery.reason) or delivery.state}.")


def _require_delivered(result: RunResult) -> None:
    """Raise `DeliveryError` where Telegram holds nothing of it."""
    if not any(delivery.sent_at for delivery in result.deliveries):
        reasons = "; ".join(dict.fromkeys(reason_words(each.reason) for each in result.deliveries if each.reason))
        raise DeliveryError(
            f"The backup is stored and proven, but nobody has received it: {reasons or 'the reason is not known'}.",
            hint="Mend that; the service (`sqlite-courier run`) or the next `sqlite-courier backup` delivers it.",
        )


def _told(drill: Drill | None, backup: Backup, took: str) -> str:
    """Say what came back and from where. Raises `DamagedArchiveError` where it was not whole."""
    if drill is None or not drill.ok:
        detail = drill_words(drill) if drill is not None else "There is no backup to fetch."
        raise DamagedArchiveError(
            f"The backup did not come back whole: {detail}", hint="`sqlite-courier verify latest` looks at the disk's."
        )
    where = "Fetched back from Telegram" if drill.source is DrillSource.TELEGRAM else f"Taken {drill.source.words}"
    if not drill.opened:
        return f"{where}: {drill_words(drill)}"
    databases, rows = _contents(backup)
    return f"{where} and restored: {databases}, {rows}, {took}"


def _contents(backup: Backup) -> tuple[str, str]:
    rows = sum(number for entry in backup.databases for _, number in entry.rows if number > 0)
    return count(len(backup.databases), "database"), count(rows, "row")
