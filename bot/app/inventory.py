"""Opens the store and the catalogue, and builds what answers from them alone.

`build.py` builds everything else on this; a command that runs nothing needs no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from bot.app.events import Events
from bot.clock import Clock, utc_now
from bot.config.settings import Settings
from bot.services.alarms.alarms import Alarms
from bot.services.backup.discover import discover
from bot.services.backup.startup import open_store
from bot.services.catalogue import Catalogue
from bot.services.contracts.chats import Files
from bot.services.contracts.polling import PollingState
from bot.services.files.locks import RunLock
from bot.services.files.store import Store
from bot.services.files.under_way import RunsUnderWay
from bot.services.people.people import People
from bot.services.restore.cut_off import CutOffRestores
from bot.services.retention.housekeeping import Housekeeping
from bot.services.status.inventory import Inventory


@asynccontextmanager
async def open_inventory(settings: Settings, *, reading: bool = False) -> AsyncIterator[Inventory]:
    """Open what is stored and recorded, for one command. With `reading`, BACKUP_DIR is taken as it is."""
    async with open_store(settings, reading=reading) as (store, catalogue):
        inventory = build_inventory(settings, catalogue, store, events=Events(), clock=utc_now)
        await inventory.people.load()
        yield inventory


def build_inventory(
    settings: Settings,
    catalogue: Catalogue,
    store: Store,
    *,
    events: Events,
    polling: PollingState | None = None,
    files: Files | None = None,
    clock: Clock,
) -> Inventory:
    """Build what answers from the store and the catalogue; with `files`, this is the process that tells people."""
    cut_off = CutOffRestores(settings, store, catalogue, clock=clock)
    return Inventory(
        settings=settings,
        people=People(settings, catalogue, changed=events.people_changed, clock=clock),
        catalogue=catalogue,
        store=store,
        alarms=Alarms(
            catalogue,
            shrink_percent=settings.shrink_alarm,
            nudge=events.alarm_nudge,
            forgets=files is not None,
            clock=clock,
        ),
        housekeeping=Housekeeping(settings, catalogue, store, clock=clock),
        under_way=RunsUnderWay(RunLock(store.folder, clock=clock), ended=events.happened, settle=cut_off.settle),
        cut_off=cut_off,
        polling=polling or PollingState(),
        files=files,
        discover=partial(discover, settings, catalogue),
        clock=clock,
    )
