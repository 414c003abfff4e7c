"""Archives that the disk should have: how many are missing, who has them all the same, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.models import LostArchive, Status
from bot.texts.markup import FittedList, name, names
from bot.texts.measures import count, moment

_NAMED = 3
"""Backups that are named in a line; more are counted."""


def lost_words(lost: Sequence[LostArchive]) -> str:
    """Return what is missing, for the verdict: `2 archives are gone from the disk, and nobody else has them`."""
    one = len(lost) == 1
    how = [
        word for word, gone in (("gone from", True), ("damaged on", False)) if any(each.gone is gone for each in lost)
    ]
    said = f"{count(len(lost), 'archive')} {'is' if one else 'are'} {' or '.join(how)} the disk"
    alone = sum(not each.can_be_had for each in lost)
    if not alone:
        return said
    if alone == len(lost):
        return f"{said}, and nobody else has {'it' if one else 'them'}"
    return f"{said}, {alone} of them held by nobody else"


def lost_lines(status: Status, timezone: ZoneInfo, most: int = 4) -> FittedList:
    """Return where what is missing can be had all the same, what is held nowhere else first."""
    places: dict[str, list[LostArchive]] = {}
    for each in sorted(status.lost, key=lambda each: each.can_be_had):
        places.setdefault(_place(each), []).append(each)
    return FittedList(tuple(_line(place, lost, status, timezone) for place, lost in places.items()), most)


def lost_mend(lost: Sequence[LostArchive]) -> str:
    """Return what to do, as plain text."""
    if any(each.gone for each in lost):
        it, they = ("it", "it") if len(lost) == 1 else ("them", "they")
        return f"Put {it} back into BACKUP_DIR. If {they} may be gone, press This is fine."
    return "Put a whole copy in its place, or delete it in History."


def _place(lost: LostArchive) -> str:
    if lost.in_telegram or any(one.is_chat for one in lost.holders):
        return "Still in the chat, to be restored from there"
    if lost.holders:
        return f"Still at {name(lost.holders[0].address, 60)}"
    return "The same, byte for byte, as another one on the disk" if lost.twin else ""


def _line(place: str, lost: Sequence[LostArchive], status: Status, timezone: ZoneInfo) -> str:
    named = [f"{each.backup_id} ({moment(each.started_at, status.now, timezone)})" for each in lost]
    return f"{f'🗄 {place}' if place else '🚨 Lost'}: {'backup' if len(lost) == 1 else 'backups'} {names(named, _NAMED)}"
