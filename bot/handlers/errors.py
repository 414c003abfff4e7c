"""Handles every error that reaches the dispatcher: the chat gets a sentence, the log gets the rest."""

from __future__ import annotations

import secrets

from aiogram import Bot, Router
from aiogram.exceptions import TelegramForbiddenError, TelegramNetworkError, TelegramRetryAfter
from aiogram.types import ErrorEvent, Update, User
from loguru import logger

from bot.errors import CourierError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.screen import MessageOwners, Screen
from bot.services.people.people import People
from bot.texts import answers


def build_error_router() -> Router:
    """Make the router that answers for handlers that raised; it never raises itself."""
    router = Router(name="failures")

    @router.errors()
    async def report_failure(event: ErrorEvent, bot: Bot, owners: MessageOwners, people: People) -> None:
        screen = explain(event.exception)
        person = _person(event.update)
        if person is None or person.id not in people.admin_ids:
            return
        try:
            await _answer(event, screen, bot, owners)
        except Exception as error:  # the chat can't be told; the log was
            logger.warning("the chat of {} could not be told of the error: {}", person.id, type(error).__name__)

    return router


def explain(error: Exception) -> Screen | None:
    """Return what the person is shown, None where Telegram itself is what fails; log what has no sentence."""
    if isinstance(error, CourierError):
        logger.info("an admin was told: {}", error.sentence)
        return Screen(answers.failure(error), keyboards.to_menu())
    if isinstance(error, TelegramRetryAfter):
        logger.warning("Telegram asks to wait {} s", error.retry_after)
        return None
    if isinstance(error, (TelegramNetworkError, TelegramForbiddenError)):
        logger.warning("a screen could not be shown: {}", type(error).__name__)
        return None
    reference = secrets.token_hex(3).upper()
    logger.opt(exception=error).error("error {}, unforeseen in the dashboard", reference)
    return Screen(answers.apology(reference), keyboards.to_menu())


async def _answer(event: ErrorEvent, screen: Screen | None, bot: Bot, owners: MessageOwners) -> None:
    callback, message = event.update.callback_query, event.update.message
    if callback is not None:
        press = owners.press(bot, callback, claim=False)
        if screen is not None and callback.message is not None and callback.message.chat.type == "private":
            error = event.exception
            await press.draw(screen, error.sentence if isinstance(error, CourierError) else answers.NOT_NOW)
        elif isinstance(event.exception, TelegramRetryAfter):
            await press.answer(answers.slow_down(event.exception.retry_after))
        else:
            await press.answer(answers.NOT_NOW)
    elif message is not None and screen is not None:
        await owners.new(bot, message.chat.id).draw(screen)


def _person(update: Update) -> User | None:
    event = update.callback_query or update.message
    return event.from_user if event is not None else None
