"""Says which archives are missing or damaged on the disk, as an alarm keeps it; and ends their being missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from bot.models import Alarm, Facts, LostArchive
from bot.services.catalogue import Catalogue
from bot.services.people.people import People


async def lost_facts(lost: Sequence[LostArchive], told: Collection[int], people: People, *, none_left: bool) -> Facts:
    """Return the figures, then each archive with its time, the damaged before the gone; () where none is missed.

    Then who has them all the same, by their names, and how many. Of a damaged one whose backup is among `told` another
    alarm tells.
    """
    missed = [one for one in lost if not one.let_go and (one.gone or one.backup_id not in told)]
    ordered = sorted(missed, key=lambda one: (one.gone, one.can_be_had))
    if not ordered:
        return ()
    facts: Facts = (("alone", sum(not one.can_be_had for one in ordered)), ("none left", int(none_left)))
    facts += tuple(("backup", one.backup_id) for one in ordered[:1] if not one.gone)
    for one in ordered:
        facts += (("gone" if one.gone else "damaged", one.backup_id), ("at", one.started_at.isoformat()))
    facts += tuple(("unread", f"backup {one.backup_id}") for one in ordered if one.unread)
    holders = Counter(holder for one in ordered for holder in one.holders).most_common()
    statuses = await people.statuses(holder for holder, _ in holders)
    for status, (holder, number) in zip(statuses, holders, strict=True):
        facts += (("holder", status.name or holder.called), ("holds", number))
    chats = sum(one.in_telegram and not any(holder.is_chat for holder in one.holders) for one in ordered)
    return facts + tuple((name, n) for name, n in (("chats", chats), ("twins", sum(o.twin for o in ordered))) if n)


async def let_go(alarm: Alarm, catalogue: Catalogue) -> None:
    """Miss those that are gone no longer, as the alarm said; a damaged one lies there, and stays a trouble."""
    for backup_id in alarm.all("gone"):
        await catalogue.archives.let_go(int(backup_id))
