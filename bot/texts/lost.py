"""Archives that the disk should have: how many are missing, who has them all the same, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.models import Alarm, LostArchive, Status
from bot.texts.markup import FittedList, joined, name, names, shortened
from bot.texts.measures import moment

_NAMED = 3
"""Backups that are named in a line; more are counted."""

_FOLDER = "the backup folder (BACKUP_DIR)"
_PLACES = {"the chat": "chats", "another archive on the disk": "twins"}
"""Where something is had too, and the fact of an alarm that tells how many."""


def lost_words(gone: Sequence[object], damaged: Sequence[object], *, alone: int, none_left: bool) -> str:
    """Return what is missing, of the ids of backups: `2 archives are gone from the disk, and nobody else has them`.

    `alone` is how many of them can be had nowhere else.
    """
    lost = (*gone, *damaged)
    what, be, them = (f"backup {lost[0]}", "is", "it") if len(lost) == 1 else (f"{len(lost)} archives", "are", "them")
    how = " or ".join(word for word, some in (("gone from", gone), ("damaged on", damaged)) if some)
    said = f"{what} {be} {how} the disk"
    if none_left:
        return f"no good backup is left: {said}"
    if alone and alone == len(lost):
        return f"{said}, and nobody else has {them}"
    return f"{said}, {alone} of them held by nobody else" if alone else said


def lost_mend(gone: int, damaged: int, *, alone: int, none_left: bool, unread: int = 0) -> str:
    """Return what to do about so many that are gone and damaged, as plain text; `alone` as in `lost_words`.

    So many of those that are gone are `unread`: they lie there again.
    """
    them = "it" if gone + damaged == 1 else "them"
    if none_left and not unread:
        have = f"If you still have {'the archive' if them == 'it' else 'archives'}"
        return f"Make a backup now. {have}, put {them} back into {_FOLDER}."
    now = "Make a backup now. " if alone else ""
    if unread and unread == gone + damaged:
        return f"{now}Let the service's user read {them} in {_FOLDER}, or press Removed on purpose."
    if gone:
        return f"{now}Put {them} back into {_FOLDER}, or press Removed on purpose."
    return f"{now}Put a whole copy of {them} into {_FOLDER}, or delete {them} in History."


def held_by(alarm: Alarm) -> str:
    """Return who has what is missing all the same, and how much of it where that is not all; empty if not known."""
    total = len(alarm.all("gone")) + len(alarm.all("damaged"))
    held = [*zip(alarm.all("holder"), map(int, alarm.all("holds")), strict=True)]
    held += [(place, n) for place, name in _PLACES.items() if (n := alarm.number(name))]
    said = [shortened(who, 60) + ("" if number == total else f" ({number})") for who, number in held]
    return joined(said, 4)


def lost_lines(status: Status, timezone: ZoneInfo, most: int = 4) -> FittedList:
    """Return where what is missing can be had all the same, what is held nowhere else first."""
    places: dict[str, list[LostArchive]] = {}
    for each in sorted(status.lost, key=lambda each: each.can_be_had):
        places.setdefault(_place(each), []).append(each)
    lines = (
        f"{place}: {names(backups_of([(one.backup_id, one.started_at) for one in lost], status.now, timezone), _NAMED)}"
        for place, lost in places.items()
    )
    return FittedList(tuple(lines), most)


def backups_of(lost: Sequence[tuple[object, datetime]], now: datetime, timezone: ZoneInfo) -> list[str]:
    """Return each backup with its time: `backup 2 (today 23:00)`."""
    return [f"backup {number} ({moment(at, now, timezone)})" for number, at in lost]


def _place(lost: LostArchive) -> str:
    if lost.in_telegram or any(one.is_chat for one in lost.holders):
        return "💬 Still in the chat"
    if lost.holders:
        return f"☁️ Still at {name(lost.holders[0].address, 60)}"
    return "💽 The same, byte for byte, as another one on the disk" if lost.twin else "🚨 Lost"
