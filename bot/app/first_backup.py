"""Makes a first backup when the service starts for the first time, and tells what is protected from now on."""

from __future__ import annotations

from dataclasses import dataclass

from loguru import logger

from bot.app.planned_runs import PlannedRuns
from bot.errors import CourierError
from bot.services.manager import Courier
from bot.texts.first_backup import protected


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstBackup:
    """The run that nobody has to wait for until the hour, and the card that follows it."""

    courier: Courier
    planned: PlannedRuns

    async def make(self) -> None:
        """Back up at once where nothing was ever backed up, unless somebody paused, and tell the admins. Never raises.

        A run that fails is an alarm, as ever, and no card is sent.
        """
        courier = self.courier
        try:
            if await courier.catalogue.backups.count() or (await courier.timetable.plan()).paused is not None:
                return
            await self.planned.run_now()
            status = await courier.status()
            if status.latest_proven is None:
                return
            await self._tell()
        except CourierError as error:
            logger.error("the first backup: {}", error.sentence)
        except Exception:  # the network, a proxy's HTML; the backup itself is made and recorded
            logger.exception("nobody could be told of the first backup")

    async def _tell(self) -> None:
        from bot.handlers.first_backup import card_buttons  # noqa: PLC0415 - it imports aiogram

        courier, settings = self.courier, self.courier.settings
        status = await courier.status()
        effect = await courier.timetable.effect_of(status.schedule)
        load, kept = effect.load, (settings.max_backup_count, settings.max_backup_age_days)
        html = protected(status, load, settings.timezone, kept=kept, reach=effect.reach)
        buttons = (
            card_buttons(rarer=load is not None and load.is_much, invited=any(one.invited for one in status.recipients))
            if settings.receive
            else ()
        )
        await courier.notifier.notify(html, loud=False, to=courier.people.admins, buttons=buttons)
