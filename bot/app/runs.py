"""Builds what makes a backup and records what is owed of it, on what `inventory.py` builds.

`build.py` builds everything else on this; a command that backs up and delivers nothing needs no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.app.destinations import build_routers
from bot.app.events import Events
from bot.app.inventory import build_inventory
from bot.app.telegram import Telegram
from bot.clock import Clock, utc_now
from bot.config.settings import Settings
from bot.models import Backup, Recipient, Volume
from bot.services.backup.runs import Runs
from bot.services.backup.startup import open_store
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.contracts.destination import Caption
from bot.services.contracts.polling import PollingState
from bot.services.delivery.attempts import Attempts
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.delivery.policy import DeliverySettings
from bot.services.delivery.recording import RecordingLedger, SilentNoticeSender
from bot.services.delivery.topics import Topics
from bot.services.files.store import Store
from bot.services.messages.preferences import Preferences
from bot.services.status.inventory import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParts:
    """What makes backups, and what it stands on."""

    inventory: Inventory
    preferences: Preferences
    ledger: Ledger
    notifier: NoticeSender
    runs: Runs


@asynccontextmanager
async def open_runs(settings: Settings) -> AsyncIterator[RunParts]:
    """Open what makes backups, for a command that does not talk to Telegram: what is due is recorded as owed."""
    async with open_store(settings) as (store, catalogue):
        parts = build_runs(settings, catalogue, store, Telegram.absent(), events=Events(), clock=utc_now)
        await parts.inventory.people.load()
        yield parts


def build_runs(
    settings: Settings,
    catalogue: Catalogue,
    store: Store,
    telegram: Telegram,
    *,
    events: Events,
    polling: PollingState | None = None,
    clock: Clock,
) -> RunParts:
    """Build what makes backups. Where Telegram is absent, they are delivered nowhere and nobody is told anything."""
    inventory = build_inventory(
        settings, catalogue, store, events=events, polling=polling, files=telegram.files, clock=clock
    )
    people, delivers = inventory.people, telegram.files is not None
    preferences = Preferences(
        settings, catalogue, people, store_folder=store.folder, changed=events.choice_changed, clock=clock
    )

    async def caption(backup: Backup, volume: Volume, recipient: Recipient) -> Caption:
        from bot.texts.delivery import caption as caption_of  # noqa: PLC0415 - only who delivers

        followed = (await preferences.of_chat(recipient)).databases
        read_alone = recipient.is_private or recipient.is_mailbox
        html = caption_of(backup, volume, settings.timezone, followed, server=settings.server_name, in_full=read_alone)
        if recipient not in people.admins or not settings.receive or volume.number > 1:
            return Caption(html=html)  # nobody else's presses are heard
        from bot.handlers.archives import archive_buttons  # noqa: PLC0415 - it imports aiogram

        return Caption(html=html, buttons=archive_buttons(backup))

    delivery = DeliverySettings(
        people=people,
        store_folder=store.folder,
        volume_bytes=settings.volume_size_mb * 1024 * 1024,
        attempts=max(settings.retry_attempts, 1),
        delay=settings.retry_delay,
        owed=settings.send_owed,
        hear=settings.receive,
    )
    nursery = Nursery(asyncio.sleep)
    destinations, channels = build_routers(settings, catalogue, telegram, clock=clock)
    topics = Topics(catalogue, telegram.topics, telegram.messages, name=settings.server)
    attempts = Attempts(
        catalogue, destinations, channels, delivery, nursery, topics=topics, caption=caption, clock=clock
    )
    ledger = (Ledger if delivers else RecordingLedger)(attempts, settled=events.delivered_later)
    notifier = (NoticeSender if delivers else SilentNoticeSender)(catalogue, channels, delivery, nursery, topics=topics)
    runs = Runs(
        settings,
        catalogue,
        store,
        ledger=ledger,
        preferences=preferences,
        alarms=inventory.alarms,
        housekeeping=inventory.housekeeping,
        under_way=inventory.under_way,
    )
    inventory.under_way.add(lambda: runs.running)
    return RunParts(inventory=inventory, preferences=preferences, ledger=ledger, notifier=notifier, runs=runs)
