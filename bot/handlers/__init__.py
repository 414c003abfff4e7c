"""Telegram's handlers: read a press, call the services, draw a screen. Here: the gate and the order of the routers."""

from __future__ import annotations

import bot.services.telegram  # noqa: F401 - it imports aiogram the light way, before any line below does

# isort: split
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiogram import BaseMiddleware, Bot, Dispatcher, Router
from aiogram.types import CallbackQuery, Message, TelegramObject

from bot.handlers.alarms import build_alarm_router
from bot.handlers.archives import build_archive_router
from bot.handlers.backup import LiveRuns, build_backup_router
from bot.handlers.commands import register_commands
from bot.handlers.dashboard import build_dashboard_router
from bot.handlers.databases import build_databases_router
from bot.handlers.drawing.live import LiveView, Pace
from bot.handlers.drawing.questions import VALID_FOR, Question
from bot.handlers.drawing.screen import Albums, MessageOwners
from bot.handlers.errors import build_error_router
from bot.handlers.fallback import build_fallback_router
from bot.handlers.first_backup import build_card_router
from bot.handlers.gate import InPrivate, IsAdmin, StrangerLog, build_stranger_router
from bot.handlers.groups import build_group_router
from bot.handlers.health import build_health_router
from bot.handlers.history import build_history_router
from bot.handlers.inbox import LiveInbox, build_inbox_router
from bot.handlers.logs import build_logs_router
from bot.handlers.membership import build_membership_router
from bot.handlers.notes import build_notes_router
from bot.handlers.people import build_people_router
from bot.handlers.people_screens import PeopleScreens
from bot.handlers.pictures import build_picture_router
from bot.handlers.pin_notices import build_pin_notices_router
from bot.handlers.preferences import build_preferences_router
from bot.handlers.restore import LiveRestores, build_restore_router
from bot.handlers.schedule import PROPOSAL_VALID_FOR, ScheduleScreens, build_schedule_router
from bot.services.concurrency.tickets import Tickets

if TYPE_CHECKING:
    from bot.services.manager import Courier

__all__ = ["Pace", "StrangerLog", "build_dispatcher", "build_root_router", "register_commands"]


def build_dispatcher(
    courier: Courier, *, pace: Pace | None = None, patience: float = 0.5, stranger_log: StrangerLog | None = None
) -> Dispatcher:
    """Make the dispatcher; its handlers get the parts that they use by name.

    `pace` bounds how often a live view is redrawn; after `patience` seconds a slow screen says that it is checking.
    """
    clock = courier.clock
    view = LiveView(pace or Pace(), courier.live)
    proposals = Tickets[str](clock, most=100, valid=PROPOSAL_VALID_FOR)
    dispatcher = Dispatcher(
        disable_fsm=True,
        people=courier.people,
        people_screens=PeopleScreens(courier.people, courier.catalogue, courier.notifier, clock),
        manager=courier,
        timetable=courier.timetable,
        preferences=courier.preferences,
        alarms=courier.alarms,
        inbox=courier.inbox,
        timers=courier.timers,
        ledger=courier.ledger,
        owners=MessageOwners(clock),
        view=view,
        live_runs=LiveRuns(courier, view),
        live_restores=LiveRestores(courier, view),
        live_inbox=LiveInbox(courier, view),
        albums=Albums(),
        questions=Tickets[Question](clock, most=200, valid=VALID_FOR),
        schedule_screens=ScheduleScreens(courier, courier.timetable, proposals),
    )
    dispatcher.include_router(build_root_router(patience=patience, stranger_log=stranger_log))
    return dispatcher


def build_root_router(*, patience: float = 0.5, stranger_log: StrangerLog | None = None) -> Router:
    """Make all routers in their order: errors first, then what admins do, strangers last.

    One gate guards everything an admin can do, at each message and each press.
    """
    root = Router(name="root")
    root.include_routers(
        build_error_router(),
        build_pin_notices_router(),
        build_membership_router(),
        _gated(_private(patience), build_group_router()),
        build_stranger_router(stranger_log or StrangerLog()),
    )
    return root


def _gated(*routers: Router) -> Router:
    gate = Router(name="gate")
    gate.message.filter(IsAdmin())
    gate.callback_query.filter(IsAdmin())
    gate.message.middleware(ReadEvent())
    gate.callback_query.middleware(ReadEvent())
    gate.include_routers(*routers)
    return gate


def _private(patience: float) -> Router:
    """Make the dashboard, the last resort at its end."""
    private = Router(name="private")
    private.message.filter(InPrivate())
    private.callback_query.filter(InPrivate())
    private.include_routers(
        build_people_router(),
        build_schedule_router(),  # before the commands: one of them ends a question
        build_notes_router(),
        build_dashboard_router(),
        build_backup_router(),
        build_history_router(),
        build_databases_router(),
        build_restore_router(),
        build_logs_router(),
        build_health_router(patience),
        build_picture_router(),
        build_preferences_router(),
        build_alarm_router(),
        build_archive_router(),
        build_card_router(),
        build_inbox_router(),
        build_fallback_router(),
    )
    return private


class ReadEvent(BaseMiddleware):
    """Gives handlers of buttons the `press`, those of messages the `person` and the `slot` that an answer goes to."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        owners: MessageOwners = data["owners"]
        bot: Bot = data["bot"]
        if isinstance(event, CallbackQuery):
            data["press"] = owners.press(bot, event)
        elif isinstance(event, Message):
            data["person"], data["slot"] = event.from_user, owners.new(bot, event.chat.id)
        return await handler(event, data)
