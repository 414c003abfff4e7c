"""Builds every part of the product, bottom up and once.

It stands on what `runs.py` builds. This file alone may be long: it is one list, in the order in which the parts
know one another. A part gets what it needs when it is made; what it has to tell parts that are made after it, it tells
by `Events`, which are connected here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from bot.app.drills import DrillSchedule
from bot.app.events import Events
from bot.app.first_backup import FirstBackup
from bot.app.heartbeat import HeartbeatWriter
from bot.app.planned_runs import PlannedRuns
from bot.app.restore_announcer import RestoreAnnouncer
from bot.app.runs import build_runs
from bot.app.supervision import Supervision
from bot.app.telegram import Telegram
from bot.charts.png import can_draw
from bot.charts.week import weekly_picture
from bot.clock import Clock, Sleep
from bot.config.alarms import split_urls
from bot.config.settings import Settings
from bot.models import RestorePoint
from bot.services.alarms.apprise import AppriseTarget
from bot.services.alarms.chat import ChatAlarms
from bot.services.alarms.checks import AlarmChecks
from bot.services.alarms.lifecycle import Listener
from bot.services.alarms.loop import AlarmLoop
from bot.services.alarms.signals import ClockCheck, ConflictCheck, LocalFilesCheck, NewBotCheck, TokenCheck
from bot.services.alarms.watchdog import Watchdog
from bot.services.catalogue import Catalogue, KeptMessage
from bot.services.contracts.destination import Notice
from bot.services.contracts.polling import PollingState
from bot.services.drill.drill import Drills
from bot.services.fetch.recognition import CLOUD_LIMIT
from bot.services.files.store import Store
from bot.services.inbox import Inbox, InboxContext
from bot.services.manager import Courier
from bot.services.messages.live import LiveMessages, TellLeft
from bot.services.messages.maintenance import ChatMaintenance
from bot.services.messages.timers import Timers
from bot.services.people.choices import ADMINS, PLACES
from bot.services.recovery.document import TOPICS, kept_settings
from bot.services.recovery.pin import PinKeeper, PinnedWords
from bot.services.restore.context import RestoreContext
from bot.services.restore_chat.session import RestoreSessions
from bot.services.schedule.timetable import Timetable
from bot.services.status.inventory import Inventory
from bot.texts.notices import KeptTexts, NoticeTexts
from bot.texts.restore_points import pinned_buttons
from bot.texts.restore_points import pinned_caption as pinned_caption_of

if TYPE_CHECKING:
    from aiogram import Bot

    from bot.app.polling import Poller


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceParts:
    """The product, and what runs it as a service."""

    courier: Courier
    bot: Bot
    poller: Poller
    planned: PlannedRuns
    drill_schedule: DrillSchedule
    watchdog: Watchdog
    heartbeat: HeartbeatWriter
    supervision: Supervision
    announcer: RestoreAnnouncer
    local_files: LocalFilesCheck
    first: FirstBackup


def build_courier(
    settings: Settings,
    catalogue: Catalogue,
    store: Store,
    bot: Bot | None,
    *,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> Courier:
    """Build the product for one command; without a `bot` it does not talk to Telegram. Nothing is sent yet."""
    courier, _, _ = _build(settings, catalogue, store, bot, events=Events(), polling=None, clock=clock, sleep=sleep)
    return courier


def build_service(
    settings: Settings, catalogue: Catalogue, store: Store, bot: Bot, *, events: Events, clock: Clock
) -> ServiceParts:
    """Build the product and what runs it; nothing has begun yet. `bot` must give its answers' times to `events`."""
    from bot.app.polling import Poller  # noqa: PLC0415 - it imports aiogram
    from bot.handlers import Pace, build_dispatcher  # noqa: PLC0415

    polling, started_at = PollingState(), clock()
    courier, announcer, local_files = _build(
        settings, catalogue, store, bot, events=events, polling=polling, clock=clock
    )
    watchdog = Watchdog(settings.heartbeat_url.get_secret_value())
    planned = PlannedRuns(courier, watchdog, started_at=started_at, next_run_changed=events.next_run_changed)
    heartbeat = HeartbeatWriter(catalogue, planned.scheduler.next_run, started_at=started_at)
    poller = Poller(
        bot,
        build_dispatcher(courier, pace=Pace(archive_waits=courier.ledger.archive_waits)) if settings.receive else None,
        catalogue,
        state=polling,
        conflict=events.poll_conflict,
        token_changed=events.alarm_nudge,
        answers_again=courier.ledger.answers_again,
    )
    supervision = Supervision(planned.scheduler, restoring=lambda: courier.restores.running is not None)
    events.delivered_later.connect(planned.delivered_later)
    events.schedule_changed.connect(planned.follow)
    events.next_run_changed.connect(heartbeat.beat)
    events.next_run_changed.connect(supervision.report)
    return ServiceParts(
        courier=courier,
        bot=bot,
        poller=poller,
        planned=planned,
        drill_schedule=DrillSchedule(courier),
        watchdog=watchdog,
        heartbeat=heartbeat,
        supervision=supervision,
        announcer=announcer,
        local_files=local_files,
        first=FirstBackup(courier=courier, planned=planned),
    )


def _build(
    settings: Settings,
    catalogue: Catalogue,
    store: Store,
    bot: Bot | None,
    *,
    events: Events,
    polling: PollingState | None,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> tuple[Courier, RestoreAnnouncer, LocalFilesCheck]:
    """Build every part from those below it. Without `polling`, nobody polls in this process."""
    texts = NoticeTexts(timezone=settings.timezone, server=settings.server_name)
    telegram = Telegram.over(bot, settings) if bot is not None else Telegram.absent()
    made = build_runs(settings, catalogue, store, telegram, events=events, polling=polling, clock=clock)
    inventory, runs = made.inventory, made.runs
    preferences, ledger, notifier = made.preferences, made.ledger, made.notifier
    people, alarms, under_way = inventory.people, inventory.alarms, inventory.under_way
    timers = Timers(catalogue, telegram.chats, people, clock=clock)
    timetable = Timetable(
        catalogue, settings, notifier=notifier, notices=texts, listener=events.schedule_changed, clock=clock
    )

    # --- restores, and what is sent to be restored ---
    live = LiveMessages(catalogue)
    announcer = RestoreAnnouncer(
        settings, people, catalogue, notifier, under_way=under_way, live=live, news=events.news
    )
    restoring = RestoreContext.of(settings, store, catalogue, clock=clock)
    restores = RestoreSessions(
        restoring,
        patterns=settings.databases,
        discover=inventory.discover,
        under_way=under_way,
        listener=announcer,
        files=telegram.files,
    )
    under_way.add(lambda: restores.running)
    drills = Drills(catalogue, store, telegram.files, recorded=events.happened, keys=restoring.keys, clock=clock)
    inbox = Inbox(
        InboxContext(
            chats=telegram.chats,
            store=store,
            catalogue=catalogue,
            offers=restores.offers,
            clock=clock,
            limit=None if settings.telegram_local else CLOUD_LIMIT,
            keys=restoring.keys,
        )
    )

    # --- who looks, and who is told ---
    checks = AlarmChecks(
        alarms,
        catalogue,
        store,
        timetable,
        running=lambda: runs.running,
        stale_after=settings.stale_after,
        people=people,
        take_stock=inventory.housekeeping.take_stock,
    )
    local_files = LocalFilesCheck(
        alarms, catalogue, telegram.require_readable if settings.telegram_local else None, clock=clock
    )
    alarm_checks = [*checks.all, NewBotCheck(alarms, catalogue, people).check, timers.ask_if_due]
    if polling is not None:
        clock_check, conflicts = ClockCheck(alarms), ConflictCheck(alarms, clock=clock)
        events.server_time.connect(clock_check.note)
        events.poll_conflict.connect(conflicts.note)
        alarm_checks += [clock_check.check, conflicts.check, TokenCheck(alarms, polling).check, local_files.check]
    urls = split_urls(settings.notify_urls.get_secret_value())
    phones = tuple(AppriseTarget(url, wording=texts.alarm_on_phone, clock=clock) for url in urls)

    async def audience() -> Iterable[Listener]:
        from bot.handlers.alarm_buttons import alarm_buttons, no_buttons  # noqa: PLC0415 - it imports aiogram

        parked = await catalogue.recipients.parked()
        current = await catalogue.recipients.all_current(people.readers)
        chats = (
            ChatAlarms(
                notifier,
                recipient,
                wording=texts,
                buttons=alarm_buttons if recipient in people.admins else no_buttons,
                preferences=preferences,
                reminder=settings.alarm_reminder,
                clock=clock,
            )
            for recipient in current
            if recipient not in parked
        )
        return (*chats, *phones)

    alarm_loop = AlarmLoop(
        alarms,
        alarm_checks if bot is not None else (),
        audience if bot is not None else nobody,
        reminder=settings.alarm_reminder,
        clock=clock,
    )

    # --- what stands in the chats ---
    async def pinned_caption(points: tuple[RestorePoint, ...], others: tuple[str, ...]) -> str:
        return pinned_caption_of(await inventory.status(), points, settings.timezone, others)

    async def settings_now() -> dict[str, str]:
        plan = await timetable.plan()
        chosen = {"SCHEDULE": plan.expression} if plan.override is not None else {}
        lists = {ADMINS: map(str, people.admin_ids), PLACES: (chat.address for chat in people.chats)}
        chosen |= {name: ",".join(lists[name]) for name in people.overrides}
        made = await catalogue.recipients.all_current([chat for chat in people.chats if chat.is_auto])
        if topics := ",".join(topic.address for topic in made if not topic.is_auto):
            chosen[TOPICS] = topics
        return settings_to_keep(settings) | chosen

    pins = PinKeeper(
        catalogue,
        telegram.chats,
        people=people,
        server=settings.server_name,
        words=PinnedWords(caption=pinned_caption, buttons=pinned_buttons),
        settings=settings_now,
        clock=clock,
    )

    maintenance = ChatMaintenance(
        settings,
        catalogue,
        telegram.messages,
        preferences,
        KeptTexts(
            status=inventory.status,
            days=inventory.backup_days,
            timezone=settings.timezone,
            left=left_messages(live, inventory),
            draw_week=weekly_picture if settings.weekly_report and can_draw() else None,
        ),
        tidied=pins.nudge,
        clock=clock,
        sleep=sleep,
    )

    # --- who hears of what ---
    events.alarm_nudge.connect(alarm_loop.nudge)
    events.choice_changed.connect(maintenance.nudge)
    events.people_changed.connect(events.happened)
    events.delivered_later.connect(lambda _delivery: events.happened())
    for follows in (pins.nudge, maintenance.nudge):
        events.news.connect(follows)
    courier = Courier(
        **{part.name: getattr(inventory, part.name) for part in fields(inventory)},
        notifier=notifier,
        ledger=ledger,
        runs=runs,
        restores=restores,
        timetable=timetable,
        preferences=preferences,
        alarm_loop=alarm_loop,
        drills=drills,
        inbox=inbox,
        pins=pins,
        maintenance=maintenance,
        live=live,
        timers=timers,
        round_trip=telegram.round_trip,
        asked=telegram.asked,
        news=events.news,
    )
    return courier, announcer, local_files


def left_messages(live: LiveMessages, inventory: Inventory) -> TellLeft:
    """Return what asks for the messages that show work which has ended without them."""

    async def left() -> Sequence[tuple[KeptMessage, Notice | None]]:
        if not (messages := await live.left()):
            return ()
        from bot.handlers.left_messages import left_notice  # noqa: PLC0415 - it imports aiogram

        return [(kept, await left_notice(kept, inventory)) for kept in messages]

    return left


async def nobody() -> tuple[Listener, ...]:
    """The audience of alarms in a process that tells nobody."""
    return ()


def settings_to_keep(settings: Settings) -> dict[str, str]:
    """Return the settings that a new machine needs again: those that were set, no secret, and no path beside a seal."""
    # As they were written: a list of paths over several lines is one with commas.
    kept = kept_settings({name: ",".join(text.splitlines()) for name, text in settings.given.texts.items()})
    if settings.seal is not None:
        kept.pop("DATABASES", None)  # the sealed archives tell where their databases were
    return kept
