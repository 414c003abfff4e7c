"""Sends messages to a Bot API server that is too old for some of what is in them: without that, rather than not at all.

The cloud knows everything; a server of one's own knows what was there when it was built.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import InlineKeyboardMarkup
from loguru import logger

Method = TelegramMethod[Any]


@dataclass(frozen=True, slots=True)
class Ornament:
    """Something a message can do without: since when servers know it, how one that doesn't refuses it, and how it goes.

    `without` returns the same method where there is nothing to take out.
    """

    name: str
    since: str
    refusal: str
    without: Callable[[Method], Method] = field(repr=False)


def _untagged(tag: str, instead: str = "") -> Callable[[Method], Method]:
    """Take a tag out of the HTML of a message; what stands in it stays."""
    pattern = re.compile(tag)

    def without(method: Method) -> Method:
        changed: dict[str, Any] = {}
        for name in ("text", "caption"):
            if isinstance(words := getattr(method, name, None), str):
                changed[name] = pattern.sub(instead, words)
        media = getattr(method, "media", None)
        if media is not None and isinstance(words := getattr(media, "caption", None), str):
            changed["media"] = media.model_copy(update={"caption": pattern.sub(instead, words)})
        return _changed(method, changed)

    return without


def _without_copies(method: Method) -> Method:
    markup = getattr(method, "reply_markup", None)
    if not isinstance(markup, InlineKeyboardMarkup):
        return method
    rows = [[button for button in row if button.copy_text is None] for row in markup.inline_keyboard]
    return _changed(method, {"reply_markup": InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])})


def _changed(method: Method, fields: dict[str, Any]) -> Method:
    if all(getattr(method, name) == value for name, value in fields.items()):
        return method
    return method.model_copy(update=fields)


ORNAMENTS = (
    Ornament("buttons that copy", "7.11", "text buttons are unallowed in the inline keyboard", _without_copies),
    Ornament(
        "times by the reader's clock", "9.5", 'unsupported start tag "tg-time"', _untagged(r"</?tg-time\b[^<>]*>")
    ),
    Ornament(
        "quotes that fold",
        "7.4",
        'expected equal sign in declaration of an attribute of the tag "blockquote"',
        _untagged("<blockquote expandable>", "<blockquote>"),
    ),
    Ornament("quotes", "7.0", 'unsupported start tag "blockquote"', _untagged(r"</?blockquote\b[^<>]*>")),
)


class WithoutOrnaments(BaseRequestMiddleware):
    """Sends once more, without it, what was refused for an ornament alone; from then on that is left out beforehand.

    It belongs to the session of one bot with one server, and knows so for as long as that lives. A refusal for any
    other reason is raised as it came.
    """

    def __init__(self) -> None:
        self._unknown: list[Ornament] = []

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        for known in self._unknown:
            method = known.without(method)
        while True:
            try:
                return await make_request(bot, method)
            except TelegramBadRequest as error:
                said = error.message.casefold()
                ornament = next((one for one in ORNAMENTS if one.refusal in said), None)
                plainer = ornament.without(method) if ornament else method
                if ornament is None or plainer is method:
                    raise
                method = plainer
            if ornament not in self._unknown:  # two messages may have been under way
                self._unknown.append(ornament)
                logger.warning(
                    "the Bot API server does not know {}: messages go without; version {} and later know them",
                    ornament.name,
                    ornament.since,
                )
