"""What a run came to is on record, however it was ended."""

import asyncio

from bot.models import BackupState, Trigger
from bot.services.catalogue import Catalogue, recorded
from tests.world.catalogue import NOW


async def test_a_failure_is_recorded_however_often_its_run_is_cancelled(catalogue: Catalogue) -> None:
    """The second cancellation comes while the first is written down, whatever instant that is."""
    for ticks in range(6):
        begun = asyncio.get_running_loop().create_future()

        async def run(begun: asyncio.Future[int] = begun) -> None:
            record = recorded(catalogue, trigger=Trigger.COMMAND, requested_by="a test", started_at=NOW)
            async with record as backup_id:
                begun.set_result(backup_id)
                await asyncio.Event().wait()

        running = asyncio.create_task(run())
        backup_id = await begun
        others = [asyncio.create_task(catalogue.bot.token_was_good("x")) for _ in range(5)]  # it has to wait for them
        await asyncio.sleep(0)
        running.cancel()
        for _ in range(ticks):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running, *others])
        assert running.cancelled()
        assert (await catalogue.backups.get(backup_id)).state is BackupState.INTERRUPTED, ticks
