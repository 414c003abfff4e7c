"""Draws pictures as asked: rows and size over time, the year, how far back one can go; each press edits one message."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiogram import Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, CallbackQuery, InputMediaPhoto, Message

from bot.charts.growth import growth
from bot.charts.overview import overview
from bot.charts.png import png
from bot.charts.reach import reach
from bot.charts.report import read_report, report
from bot.charts.year import WEEKS, year
from bot.handlers.drawing.screen import ButtonPress
from bot.handlers.picture_buttons import PictureButton, PictureKind, PutAway, ReportButton, database_key, under_picture
from bot.services.telegram.refusals import GONE_MESSAGES
from bot.texts import pictures as texts

if TYPE_CHECKING:
    from bot.services.manager import Manager


@dataclass(frozen=True, slots=True)
class _Drawn:
    svg: str
    caption: str


def build_picture_router() -> Router:
    """Make the router of the pictures."""
    router = Router(name="pictures")
    router.callback_query.register(show_picture, PictureButton.filter())
    router.callback_query.register(send_report, ReportButton.filter())
    router.callback_query.register(put_away, PutAway.filter())
    return router


async def show_picture(_: CallbackQuery, callback_data: PictureButton, press: ButtonPress, manager: Manager) -> None:
    """Draw the picture in a message of its own; a press beneath one draws it in its place."""
    drawn = await _draw(callback_data, manager)
    if isinstance(drawn, str):
        await press.answer(drawn)
        return
    picture = BufferedInputFile(await asyncio.to_thread(png, drawn.svg), "picture.png")
    message, bot, buttons = press.callback.message, press.slot.bot, under_picture(callback_data)
    if isinstance(message, Message) and message.photo:
        await press.answer()
        media = InputMediaPhoto(media=picture, caption=drawn.caption, parse_mode="HTML")
        try:
            await bot.edit_message_media(
                media, chat_id=press.chat_id, message_id=message.message_id, reply_markup=buttons
            )
        except TelegramBadRequest as error:  # put away while it was drawn, or it shows the same already
            if not any(text in str(error).lower() for text in (*GONE_MESSAGES, "message is not modified")):
                raise
        return
    press.give_back()  # the screen that the button stands under stays as it is
    await press.answer()
    await bot.send_photo(press.chat_id, picture, caption=drawn.caption, reply_markup=buttons, disable_notification=True)


async def _draw(asked: PictureButton, manager: Manager) -> _Drawn | str:
    """Return a picture with its words, or why there is none."""
    now, charts = manager.clock(), manager.catalogue.charts
    if asked.kind is PictureKind.YEAR:
        days = await manager.backup_days(now - timedelta(weeks=WEEKS + 1))
        return _Drawn(year(days, now.astimezone(manager.timezone).date()), texts.one_year())
    if asked.kind is PictureKind.REACH:
        places = await charts.reaches()
        return _Drawn(reach(places, now, manager.timezone), texts.how_far_back(places, now, manager.timezone))
    trends = await charts.trends(now - asked.span.length, now)
    if not asked.key:
        svg = overview(trends, manager.timezone) if trends.databases else ""
        return _Drawn(svg, texts.grown("", asked.span)) if svg else texts.NOTHING_YET
    for trend in trends.databases:
        if database_key(trend.name) == asked.key:
            return _Drawn(growth(trends, trend, manager.timezone), texts.grown(trend.name, asked.span))
    return texts.GONE


async def send_report(_: CallbackQuery, press: ButtonPress, manager: Manager) -> None:
    """Send the report as a file, below the screen, which stays."""
    press.give_back()
    await press.answer()
    seen = await read_report(manager.catalogue, manager.settings, await manager.status(), manager.backup_days)
    page = await asyncio.to_thread(report, seen, manager.timezone)
    file = BufferedInputFile(page.encode(), f"backup_report_{seen.status.now:%Y%m%d}.html")
    await press.slot.bot.send_document(press.chat_id, file, caption=texts.REPORT, disable_notification=True)


async def put_away(_: CallbackQuery, press: ButtonPress) -> None:
    """Delete the picture; one that Telegram no longer deletes loses its buttons."""
    await press.answer()
    message = press.callback.message
    if not isinstance(message, Message):
        return
    try:
        await message.delete()
    except TelegramBadRequest:
        with suppress(TelegramBadRequest):  # a second press: it is deleted already
            await message.edit_reply_markup(reply_markup=None)
