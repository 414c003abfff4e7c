"""Builds the Bot API client from the settings, and recognises which bot serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from bot.config.settings import Settings
from bot.errors import TelegramError, how_to_install
from bot.models import StoredVolume, TokenReport
from bot.services.catalogue import Catalogue
from bot.services.contracts.asked import Asked
from bot.services.contracts.chats import Chats, Files
from bot.services.contracts.destination import ArchiveDestination, TopicMaker
from bot.services.contracts.no_telegram import NoTelegram

if TYPE_CHECKING:
    from aiogram import Bot

    from bot.services.messages.maintenance import EditableMessages


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """What the product asks of Telegram; `files` is None where nothing can be fetched back."""

    destination: ArchiveDestination
    topics: TopicMaker
    chats: Chats
    messages: EditableMessages
    files: Files | None
    round_trip: Callable[[], Awaitable[float]]
    require_readable: Callable[[StoredVolume], Awaitable[None]] | None
    asked: Asked

    @classmethod
    def over(cls, bot: Bot, settings: Settings) -> Telegram:
        """Talk to Telegram as this bot, in messages that begin with the server's name where it was given one."""
        from bot.services.telegram.chat import TelegramChat  # noqa: PLC0415 - these import aiogram
        from bot.services.telegram.destination import TelegramDestination  # noqa: PLC0415
        from bot.services.telegram.notices import TelegramNotices  # noqa: PLC0415
        from bot.services.telegram.probe import LISTEN, TokenProbe  # noqa: PLC0415
        from bot.services.telegram.session import DatedSession  # noqa: PLC0415
        from bot.texts.markup import signed  # noqa: PLC0415

        chats, destination = TelegramChat(bot), TelegramDestination(bot)
        return cls(
            destination=destination,
            topics=destination,
            chats=chats,
            messages=TelegramNotices(bot, sign=partial(signed, settings.server_name), buttons=settings.receive),
            files=chats,
            round_trip=destination.round_trip,
            require_readable=chats.require_readable,
            asked=Asked(
                token=lambda listens: TokenProbe(bot).report(listen=LISTEN if listens else 0),
                ahead=lambda: bot.session.ahead if isinstance(bot.session, DatedSession) else None,
            ),
        )

    @classmethod
    def absent(cls) -> Telegram:
        """Stand in for Telegram in a process that does not talk to it."""
        nothing = NoTelegram()
        return cls(
            destination=nothing,
            topics=nothing,
            chats=nothing,
            messages=nothing,
            files=None,
            round_trip=nothing.round_trip,
            require_readable=None,
            asked=Asked(token=_no_token, ahead=lambda: None),
        )


async def _no_token(_listens: bool) -> TokenReport:
    return TokenReport(fault="BOT_TOKEN is not set.", mend="Put the token that @BotFather gives you.")


def build_bot(settings: Settings, *, dated: Callable[[datetime, datetime], None] = lambda _server, _here: None) -> Bot:
    """Make the Bot API client for the configured server and proxy; sends nothing yet.

    `dated` hears at each answer the server's time and this machine's.
    """
    import bot.services.telegram  # noqa: F401, PLC0415, I001 - imports aiogram the light way, before the lines below

    from aiogram import Bot  # noqa: PLC0415 - 1 s and 40 MB that only Telegram's commands pay
    from aiogram.client.default import DefaultBotProperties  # noqa: PLC0415
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer  # noqa: PLC0415

    from bot.services.telegram.session import DatedSession  # noqa: PLC0415

    server = PRODUCTION
    if settings.telegram_api:
        server = TelegramAPIServer.from_base(settings.telegram_api, is_local=settings.telegram_local)
    try:
        proxy = settings.proxy.get_secret_value() or None
        session = DatedSession(on_date=dated, api=server, proxy=proxy)
    except RuntimeError as error:
        raise TelegramError(
            "PROXY is set, but the package that speaks to proxies is not installed.", hint=how_to_install("proxy")
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
