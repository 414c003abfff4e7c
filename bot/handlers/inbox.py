"""Handles archives that admins send or forward: one message for each upload that is kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from aiogram import F, Router
from aiogram.enums import ButtonStyle, ContentType
from aiogram.exceptions import TelegramRetryAfter
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message, User
from loguru import logger
from pydantic import Field

from bot.errors import NotFoundError
from bot.handlers.drawing import keyboards
from bot.handlers.drawing.keyboards import BackupAct, Row, button, keyboard, of_backup, page_of, turn_pages
from bot.handlers.drawing.live import LiveView, Shown
from bot.handlers.drawing.screen import Albums, ButtonPress, MessageSlot, Screen, actor_of
from bot.handlers.restore_buttons import Restore, RestoreStep
from bot.services.concurrency.nursery import race
from bot.services.inbox.upload_view import MOVING, LeftOutReason, UploadEnd, UploadPhase, UploadView
from bot.services.messages.live import LiveKind
from bot.services.telegram.buttons import copy_button
from bot.services.telegram.chat import posted_document
from bot.texts import inbox as texts_of
from bot.texts.history import COPY_SHA256

if TYPE_CHECKING:
    from bot.services.inbox import Inbox
    from bot.services.inbox.upload import Upload
    from bot.services.manager import Manager

PER_PAGE = 8
SETTLE = 0.2
"""Seconds in which what changes together is drawn together."""

# What people send beside documents, and what is no archive.
_MEDIA = {
    ContentType.PHOTO,
    ContentType.VIDEO,
    ContentType.ANIMATION,
    ContentType.AUDIO,
    ContentType.VOICE,
    ContentType.VIDEO_NOTE,
    ContentType.STICKER,
}


_STUCK = (UploadPhase.REFUSED, UploadPhase.WAITING)
"""What has come is not enough by itself: another way to the same backup helps."""


class InboxAction(StrEnum):
    FORGET = "forget"
    PAGE = "page"
    POINT = "point"
    KNOWN = "known"
    BACK = "back"


class OfInbox(CallbackData, prefix="in"):
    """Something about one upload; `n` is a page or a restore point."""

    act: InboxAction
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    n: Annotated[int, Field(ge=0, le=9999)] = 0


def build_inbox_router() -> Router:
    """Make the router of what admins send in private; it comes after the commands and before the last resort."""
    router = Router(name="inbox")
    router.message.register(send_document, F.content_type == ContentType.DOCUMENT)
    router.message.register(send_something_else, F.content_type.in_(_MEDIA))
    router.callback_query.register(press_upload, OfInbox.filter())
    return router


# --- what is sent ------------------------------------------------------------------------------------------------


async def send_document(
    message: Message, person: User, slot: MessageSlot, *, albums: Albums, inbox: Inbox, live_inbox: LiveInbox
) -> None:
    """Take the document; whoever opened an upload keeps its message up to date to the end."""
    posted = posted_document(message, slot.bot.id)
    if posted is None:
        await send_something_else(message, slot, albums)
        return
    receipt = inbox.receive(person.id, posted, actor=actor_of(person), album=message.media_group_id)
    if not receipt.upload:
        await send_something_else(message, slot, albums, receipt.why)
    elif receipt.opened and (upload := inbox.upload(receipt.upload)):
        await live_inbox.follow(upload, slot)


async def send_something_else(
    message: Message, slot: MessageSlot, albums: Albums, why: LeftOutReason | None = None
) -> None:
    """Say what is taken."""
    if albums.is_new(message):
        await slot.draw(Screen(texts_of.not_taken(why), keyboards.admin_menu()))


# --- what is pressed ---------------------------------------------------------------------------------------------


async def press_upload(
    _: CallbackQuery, callback_data: OfInbox, press: ButtonPress, inbox: Inbox, live_inbox: LiveInbox
) -> None:
    """Do what a button says; where its upload is gone, after a restart too, the screen says so."""
    try:
        upload = inbox.find(press.admin_id, callback_data.id)
    except NotFoundError:
        await press.answer(texts_of.GONE, alert=True)
        await press.draw(Screen(texts_of.gone(), keyboards.to_menu()))
        return
    live_inbox.move(callback_data.id, press.slot)
    match callback_data.act:
        case InboxAction.FORGET:
            await inbox.forget(press.admin_id, callback_data.id)
            await press.draw(Screen(texts_of.gone(UploadEnd.FORGOTTEN), keyboards.to_menu()), texts_of.FORGOTTEN)
        case InboxAction.PAGE:
            await press.draw(live_inbox.screen(upload.view(), page=callback_data.n))
        case InboxAction.POINT:
            upload.choose(callback_data.n)
            await press.answer(texts_of.FETCHING)
        case InboxAction.KNOWN:
            upload.fetch_known()
            await press.answer(texts_of.FETCHING)
        case InboxAction.BACK:
            upload.back()
            await press.answer()


# --- the message that is kept up to date -------------------------------------------------------------------------


@dataclass(slots=True)
class _View:
    shown: Shown
    drawn: Screen | None = None
    phase: UploadPhase = UploadPhase.FETCHING  # as it was drawn last

    @property
    def slot(self) -> MessageSlot:
        return self.shown.slot

    @slot.setter
    def slot(self, slot: MessageSlot) -> None:
        self.shown.slot = slot


@dataclass(slots=True)
class LiveInbox:
    """Draws uploads, each in one message; one in which another screen was opened is left alone."""

    manager: Manager
    view: LiveView
    _views: dict[str, _View] = field(default_factory=dict)

    def move(self, upload_id: str, slot: MessageSlot) -> None:
        """Draw an upload where its button was pressed from now on."""
        if view := self._views.get(upload_id):
            view.slot, view.drawn = slot, None

    async def follow(self, upload: Upload, slot: MessageSlot) -> None:
        """Keep the message up to date until the upload is gone."""
        async with self.view.showing(slot, LiveKind.UPLOAD) as shown:
            view = self._views[upload.id] = _View(shown)
            try:
                found = upload.view()
                await self._draw(view, found)
                while found.phase is not UploadPhase.GONE:
                    chat_id = view.slot.chat_id
                    with self.view.pace.watching(chat_id) if found.phase in MOVING else nullcontext():
                        found = await self._next(upload, found, chat_id)
                    if found.phase not in MOVING or self.view.pace.may_draw(chat_id):
                        await self._draw(view, found)
            finally:
                self._views.pop(upload.id, None)

    async def _next(self, upload: Upload, drawn: UploadView, chat_id: int) -> UploadView:
        """Wait for what is worth a redraw: another phase soon, mere progress at the pace."""
        await upload.changed(drawn.version)
        await self.view.pace.sleep(SETTLE)

        async def another_phase() -> None:
            while (now := upload.view()).phase is drawn.phase and now.phase in MOVING:
                await upload.changed(now.version)

        await race(self.view.pace.sleep(self.view.pace.seconds(chat_id) - SETTLE), another_phase())
        return upload.view()

    async def _draw(self, view: _View, found: UploadView) -> None:
        """Show it as it stands; what will not change by itself is tried again where Telegram fails."""
        screen = self.screen(found)
        if screen == view.drawn:
            return
        if found.phase is UploadPhase.GONE and (not view.slot.current or view.phase is UploadPhase.REFUSED):
            return  # the message shows something else by now, or words that are worth more than these
        if not view.slot.current:
            view.slot = view.slot.anew()
        slot = view.slot
        try:
            await (slot.draw(screen) if found.phase in MOVING else self.view.settle(slot, screen))
        except TelegramRetryAfter as error:
            await self.view.pace.sleep(float(error.retry_after))
        except Exception as error:  # the network, a proxy's HTML, a refusal: the files are none the worse for it
            logger.debug("an upload could not be drawn: {}", type(error).__name__)
        else:
            await view.shown.note()
            if view.slot is slot:  # not moved to another message meanwhile
                view.drawn, view.phase = screen, found.phase

    def screen(self, found: UploadView, *, page: int = 0) -> Screen:
        """Return an upload as it stands, of a catalogue's restore points one page."""
        now, timezone = self.manager.clock(), self.manager.timezone
        if found.phase is UploadPhase.LISTING and found.listing is not None:
            page, points, more = page_of(found.listing.points, page, PER_PAGE)
            pages = max(1, -(-len(found.listing.points) // PER_PAGE))
            labels = [texts_of.point_label(point, now, timezone) for point in points]
            keys = _points(found.id, labels, page, more=more)
            return Screen(texts_of.listing(found, page, pages, timezone), keys)
        return Screen(texts_of.upload(found, now, timezone), _buttons(found))


# --- the buttons -------------------------------------------------------------------------------------------------


def _buttons(found: UploadView) -> InlineKeyboardMarkup:
    """Return what can be done with an upload: nothing that would be refused anyway."""
    if found.phase is UploadPhase.GONE:
        return keyboards.to_menu()
    restore = []
    if found.phase is UploadPhase.READY and found.offer:
        restore = [button("♻️ Restore…", Restore(step=RestoreStep.CHOOSE, source=found.offer), ButtonStyle.PRIMARY)]
    elif found.phase in _STUCK and found.known is not None and found.known.on_disk:
        label = f"♻️ Restore backup {found.known.id}…"
        restore = [button(label, of_backup(BackupAct.RESTORE, found.known), ButtonStyle.PRIMARY)]
    elif found.phase in _STUCK and found.known is not None and found.fetchable:
        label = f"☁️ Fetch backup {found.known.id} from Telegram"
        restore = [button(label, OfInbox(act=InboxAction.KNOWN, id=found.id), ButtonStyle.PRIMARY)]
    digest = found.contents.sha256 if found.phase is UploadPhase.READY and found.contents else ""
    list_again = [button("‹ Restore points", OfInbox(act=InboxAction.BACK, id=found.id))]
    return keyboard(
        restore,
        copy_button(COPY_SHA256, digest),
        list_again if found.listing is not None and found.phase not in MOVING else None,
        _forget("✖️ Cancel", found.id),
    )


def _points(upload_id: str, labels: Sequence[str], page: int, *, more: bool) -> InlineKeyboardMarkup:
    def does(act: InboxAction, number: int) -> OfInbox:
        return OfInbox(act=act, id=upload_id, n=number)

    rows = [
        [button(label, does(InboxAction.POINT, number))] for number, label in enumerate(labels, start=page * PER_PAGE)
    ]
    pages = turn_pages(page, lambda number: does(InboxAction.PAGE, number), more=more)
    return keyboard(*rows, pages, _forget("✖️ Close", upload_id))


def _forget(label: str, upload_id: str) -> Row:
    return [button(label, OfInbox(act=InboxAction.FORGET, id=upload_id))]
