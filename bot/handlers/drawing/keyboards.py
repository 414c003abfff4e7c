"""Builds keyboards; callback data holds a short prefix and short ids, never a name or a path.

`style` colours a button in clients that know it (Bot API 9.4); older clients and servers ignore the field. Two mean
something: PRIMARY is the one main button of a screen, DANGER what stops or destroys something. All others have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Protocol, TypeVar

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import Field

T = TypeVar("T")

# Bounds make a forged number a malformed button instead of an error in the database.
BackupId = Annotated[int, Field(ge=1, lt=2**63)]
DatabaseKey = Annotated[str, Field(max_length=16)]
PageNumber = Annotated[int, Field(ge=0, le=999_999)]
Mark = Annotated[str, Field(pattern="^([0-9a-f]{8}|[0-9]{14})$")]
"""`Backup.mark`: with a new catalogue, the number alone would open another backup."""


class Marked(Protocol):
    """A backup, or a button that names one."""

    @property
    def id(self) -> int: ...
    @property
    def mark(self) -> str: ...


class ScreenName(StrEnum):
    """A screen without parameters."""

    ADMIN = "admin"
    MENU = "menu"
    STATUS = "status"
    HEALTH = "health"
    FULL_CHECK = "doctor"
    PAUSE = "pause"
    MESSAGES = "messages"
    INVITATION = "invite"  # to be forwarded to who has to press Start


class Go(CallbackData, prefix="go"):
    place: ScreenName


class Section(StrEnum):
    """A part of the settings that are changed in chat."""

    ALL = "all"
    SCHEDULE = "schedule"
    ADMINS = "admins"
    PLACES = "places"


class SettingsButton(CallbackData, prefix="set"):
    section: Section


class Run(CallbackData, prefix="run"):
    """Start a backup, or watch the one under way."""


class Pause(CallbackData, prefix="pause"):
    """Pause the schedule; 0 hours: until somebody resumes."""

    hours: Annotated[int, Field(ge=0, le=1000)]


class PauseTill(CallbackData, prefix="pausetill"):
    """Pause the schedule until this hour of tomorrow."""

    hour: Annotated[int, Field(ge=0, le=23)]


class Resume(CallbackData, prefix="resume"):
    pass


class History(CallbackData, prefix="hist"):
    page: PageNumber


class Databases(CallbackData, prefix="dbs"):
    page: PageNumber


class OfDatabase(CallbackData, prefix="dbone"):
    """One database; `page` is where Back leads."""

    key: DatabaseKey
    page: PageNumber


class BackupAct(StrEnum):
    OPEN = "open"
    SEND = "send"
    PIN = "pin"
    UNPIN = "unpin"
    ASK_DELETE = "del"
    NOTE = "note"
    UNNOTE = "unnote"
    RESTORE = "restore"


class OfBackup(CallbackData, prefix="bk"):
    """Something about one backup; `page` is where Back leads."""

    act: BackupAct
    id: BackupId
    page: PageNumber
    mark: Mark


class LogLevel(StrEnum):
    ALL = "all"
    TROUBLE = "warning"
    ACTIONS = "actions"  # what admins did


class Logs(CallbackData, prefix="log"):
    level: LogLevel
    page: PageNumber


class DrillNow(CallbackData, prefix="drill"):
    """Test-restore the newest backup."""


Row = list[InlineKeyboardButton]


def button(text: str, data: CallbackData, style: ButtonStyle | None = None) -> InlineKeyboardButton:
    """Return a button; raises ValueError when its data would be over 64 bytes."""
    return InlineKeyboardButton(text=text, callback_data=data.pack(), style=style)


def keyboard(*rows: Row | None) -> InlineKeyboardMarkup:
    """Return the rows that hold something."""
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def of_backup(act: BackupAct, named: Marked, page: int = 0) -> OfBackup:
    return OfBackup(act=act, id=named.id, page=page, mark=named.mark)


def back_row(text: str, data: CallbackData) -> Row:
    return [button(f"‹ {text}", data)]


def turn_pages(page: int, data: Callable[[int], CallbackData], *, more: bool) -> Row:
    """Return the buttons that lead to the page before, if there is one, and to the next one, if there is `more`."""
    before = [button("‹ Previous", data(page - 1))] if page else []
    return before + ([button("Next ›", data(page + 1))] if more else [])


def page_of(items: Sequence[T], page: int, size: int) -> tuple[int, Sequence[T], bool]:
    """Return the number of a page that there is, its items, and whether there are more; past the end, the last one."""
    page = min(page, max(0, (len(items) - 1) // size))
    return page, items[page * size : (page + 1) * size], (page + 1) * size < len(items)


HISTORY = "🗂 History"
TO_MENU = back_row("Back", Go(place=ScreenName.MENU))


def admin_menu() -> InlineKeyboardMarkup:
    """Return the way into the backup menu; other rooms of the bot may join it here."""
    return keyboard([button("💾 Database Backup", Go(place=ScreenName.MENU), ButtonStyle.PRIMARY)])


def backup_menu(mend: Row, *, paused: bool) -> InlineKeyboardMarkup:
    """Return the backup menu; `mend` is what can be done about what is wrong."""
    pause = button("⏸ Pause", Go(place=ScreenName.PAUSE))
    resume = button("▶️ Resume", Resume(), None if mend else ButtonStyle.PRIMARY)
    main = None if paused or mend else ButtonStyle.PRIMARY
    return keyboard(
        mend,
        [button("📊 Backup Status", Go(place=ScreenName.STATUS)), button("💾 Manual Backup", Run(), main)],
        [
            button("📜 Detailed Logs", Logs(level=LogLevel.ALL, page=0)),
            button("🩺 System Health", Go(place=ScreenName.HEALTH)),
        ],
        [button("🗄 Databases", Databases(page=0)), button(HISTORY, History(page=0))],
        [button("⚙️ Settings", SettingsButton(section=Section.ALL)), resume if paused else pause],
        back_row("Back", Go(place=ScreenName.ADMIN)),
    )


def settings() -> InlineKeyboardMarkup:
    """Return one button per part of the settings, each under the others."""
    return keyboard(
        [button("🗓 Schedule", SettingsButton(section=Section.SCHEDULE))],
        [button("🔔 My messages", Go(place=ScreenName.MESSAGES))],
        [
            button("👮 Admins", SettingsButton(section=Section.ADMINS)),
            button("📬 Where backups go", SettingsButton(section=Section.PLACES)),
        ],
        TO_MENU,
    )


def status(mend: Row, pictures: Row, forget: Row | None) -> InlineKeyboardMarkup:
    """Return the buttons under Backup Status; `pictures` is what it can be drawn as, `forget` may be None."""
    return keyboard(
        mend,
        [button("🔄 Refresh", Go(place=ScreenName.STATUS)), button("🗄 Databases", Databases(page=0))],
        pictures,
        forget,
        TO_MENU,
    )


def health(mend: Row, *, drill: bool) -> InlineKeyboardMarkup:
    """Return what can be done about the system's health; `drill` tells whether there is a backup to test-restore."""
    return keyboard(
        mend,
        [
            button("🔄 Refresh", Go(place=ScreenName.HEALTH)),
            *([button("🧪 Test-restore now", DrillNow())] if drill else []),
        ],
        [button("🩺 Full check", Go(place=ScreenName.FULL_CHECK))],
        TO_MENU,
    )


def to_health() -> InlineKeyboardMarkup:
    """Return the button that leads to System Health."""
    return keyboard(back_row("System Health", Go(place=ScreenName.HEALTH)))


def to_menu() -> InlineKeyboardMarkup:
    """Return the button that leads to the backup menu alone."""
    return keyboard(TO_MENU)


def pause_choices() -> InlineKeyboardMarkup:
    """Return how long to pause."""
    return keyboard(
        [button(label, Pause(hours=hours)) for label, hours in (("1 h", 1), ("6 h", 6), ("24 h", 24))],
        [button("Until 08:00", PauseTill(hour=8))],
        [button("Until resumed", Pause(hours=0), ButtonStyle.DANGER)],
        TO_MENU,
    )


def to_lists() -> InlineKeyboardMarkup:
    """Return the ways to what there is today, from a button that leads nowhere any more."""
    return keyboard(
        [button("📊 Backup Status", Go(place=ScreenName.STATUS)), button("🗂 History", History(page=0))], TO_MENU
    )


def run_result(backup: Marked | None) -> InlineKeyboardMarkup:
    """Return what to do after a run."""
    details = [button("🔍 This backup", of_backup(BackupAct.OPEN, backup))] if backup is not None else None
    return keyboard(details, TO_MENU)


def private_chat(username: str) -> InlineKeyboardMarkup:
    """Return the way from a group into the private chat."""
    link = f"https://t.me/{username}?start=admin"
    return keyboard([InlineKeyboardButton(text="Open the private chat", url=link)])
