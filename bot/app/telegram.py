"""Builds the Bot API client and the ledger from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from loguru import logger

from bot.app.destinations import build_routers
from bot.app.monitoring import notice_recipients
from bot.clock import Clock
from bot.config.settings import Settings
from bot.errors import TelegramError, how_to_install
from bot.models import Backup, Delivery, Recipient, Volume
from bot.services.catalogue import Catalogue
from bot.services.concurrency.nursery import Nursery
from bot.services.delivery.ledger import Ledger
from bot.services.delivery.notices import NoticeSender
from bot.services.delivery.policy import DeliverySettings
from bot.services.files.store import Store
from bot.texts import Texts

if TYPE_CHECKING:
    from aiogram import Bot


def build_bot(settings: Settings) -> Bot:
    """Make the Bot API client for the configured server and proxy; sends nothing yet."""
    from aiogram import Bot  # noqa: PLC0415 - 2.5 s and 170 MB that only Telegram's commands pay
    from aiogram.client.default import DefaultBotProperties  # noqa: PLC0415
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer  # noqa: PLC0415

    from bot.services.telegram.session import DatedSession  # noqa: PLC0415

    server = PRODUCTION
    if settings.telegram_api:
        server = TelegramAPIServer.from_base(settings.telegram_api, is_local=settings.telegram_local)
    try:
        proxy = settings.proxy.get_secret_value() if settings.proxy else None
        session = DatedSession(api=server, proxy=proxy)
    except RuntimeError as error:
        raise TelegramError(
            "PROXY is set, but the package that speaks to proxies is not installed.",
            hint=how_to_install("proxy"),
        ) from error
    return Bot(
        settings.bot_token.get_secret_value(),
        session=session,
        default=DefaultBotProperties(parse_mode="HTML", link_preview_is_disabled=True),
    )


async def recognise_bot(bot: Bot, catalogue: Catalogue) -> tuple[int, int] | None:
    """Let the catalogue know which bot it serves now; return the ids of the old and the new one if that has changed.

    To be called before anything is sent or edited. Raises `TelegramError` where Telegram refuses the token of another
    bot than before: nothing is forgotten for a mistyped one.
    """
    before = await catalogue.bot.served_by()
    if before is not None and before != bot.id:
        await _require_token(bot)
        logger.warning(
            "bot {} serves here now, and no longer bot {}: every admin must open it and press Start", bot.id, before
        )
    old = await catalogue.bot.serve(bot.id)
    return None if old is None else (old, bot.id)


async def _require_token(bot: Bot) -> None:
    from bot.services.contracts.destination import Outcome, Refused  # noqa: PLC0415
    from bot.services.telegram.destination import TelegramDestination  # noqa: PLC0415

    try:
        await TelegramDestination(bot).round_trip()
    except Refused as outcome:
        sentence = f"{outcome.sentence}."
    except Outcome:
        return  # nobody answers: as good a token as any
    else:
        return
    raise TelegramError(sentence, hint="Copy BOT_TOKEN again from @BotFather; a revoked token never works again.")


def build_delivery(
    settings: Settings,
    store: Store,
    catalogue: Catalogue,
    bot: Bot,
    *,
    clock: Clock,
    settled: Callable[[Delivery], None] = lambda _delivery: None,
) -> tuple[Ledger, NoticeSender]:
    """Make the ledger that delivers to Telegram and elsewhere, and what sends notices there.

    `settled` is told of what was delivered later on. What both have under way ends when the ledger is drained.
    """
    texts = Texts(timezone=settings.timezone)

    async def caption(backup: Backup, volume: Volume, recipient: Recipient) -> str:
        followed = None
        if recipient.thread_id is None and recipient.chat_id in settings.admin_ids:
            followed = (await catalogue.preferences.choice(recipient.chat_id)).databases
        return texts.caption(backup, volume, followed)

    delivery = DeliverySettings(
        recipients=settings.recipients,
        notice_recipients=notice_recipients(settings),
        store_folder=store.folder,
        volume_bytes=settings.volume_size_mb * 1024 * 1024,
        attempts=max(settings.retry_attempts, 1),
        delay=settings.retry_delay,
        owed=settings.send_owed,
    )
    nursery = Nursery(asyncio.sleep)
    destinations, channels = build_routers(settings, catalogue, bot, clock=clock)
    ledger = Ledger(catalogue, destinations, channels, delivery, nursery, caption=caption, clock=clock, settled=settled)
    return ledger, NoticeSender(catalogue, channels, delivery, nursery)
