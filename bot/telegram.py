"""Telegram, built from the settings: the Bot API client, and the ledger that delivers through it and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.clock import Clock
from bot.config import Settings
from bot.elsewhere import build_router
from bot.errors import TelegramError, how_to_install
from bot.models import Backup, Delivery, Recipient, Volume
from bot.services.catalogue import Catalogue
from bot.services.delivery.ledger import Ledger
from bot.services.store import Store
from bot.texts import Texts
from bot.watch import who_hears

if TYPE_CHECKING:
    from aiogram import Bot


def build_bot(settings: Settings) -> Bot:
    """Make the Bot API client for the configured server and proxy; sends nothing yet."""
    from aiogram import Bot  # noqa: PLC0415 - 2.5 s and 170 MB that only Telegram's commands pay
    from aiogram.client.default import DefaultBotProperties  # noqa: PLC0415
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer  # noqa: PLC0415

    from bot.services.delivery.telegram_session import DatedSession  # noqa: PLC0415

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


def build_ledger(
    settings: Settings,
    store: Store,
    catalogue: Catalogue,
    bot: Bot,
    *,
    clock: Clock,
    settled: Callable[[Delivery], None] = lambda _delivery: None,
) -> Ledger:
    """Make the ledger that delivers to Telegram and elsewhere; `settled` is told of what was delivered later on."""
    from bot.services.delivery.telegram import TelegramDestination  # noqa: PLC0415

    texts = Texts(timezone=settings.timezone)

    async def caption(backup: Backup, volume: Volume, recipient: Recipient) -> str:
        followed = None
        if recipient.thread_id is None and recipient.chat_id in settings.admin_ids:
            followed = (await catalogue.choice(recipient.chat_id)).databases
        return texts.caption(backup, volume, followed)

    return Ledger(
        catalogue,
        build_router(settings, catalogue, TelegramDestination(bot), clock=clock),
        recipients=settings.recipients,
        admins=who_hears(settings),
        store_folder=store.folder,
        volume_bytes=settings.volume_size_mb * 1024 * 1024,
        attempts=settings.retry_attempts,
        delay=settings.retry_delay,
        owed=settings.send_owed,
        caption=caption,
        clock=clock,
        settled=settled,
    )
