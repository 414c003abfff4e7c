"""Stores alarms in the catalogue, with the chat messages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter

from bot.models import Actor, Alarm, AlarmNotice, BackedUp, Loss
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_time, columns_of

_SEEN = "alarms_seen_to"
_COMPARED = (
    "FROM backed_up JOIN backups ON backups.id = backup_id WHERE path = ? AND backup_id < ?"
    f" AND archive_sha256 <> '' AND trigger <> 'safety' AND requested_by <> '{Actor.CHAT}'"
)
_BEFORE = f"{_COMPARED} ORDER BY backup_id DESC LIMIT 1"
_WEEK = f"{_COMPARED} AND started_at >= ? AND started_at <= ?"


class AlarmTable(CatalogueTable):
    """The rows of alarms and alarm_messages, and what a backup has lost."""

    @reading
    async def open(self) -> tuple[Alarm, ...]:
        """Return the alarms that have not ended, oldest first."""
        return await self._db.models(Alarm, "SELECT * FROM alarms WHERE ended_at IS NULL ORDER BY began_at, id")

    @reading
    async def active(self) -> tuple[tuple[Alarm, tuple[AlarmNotice, ...]], ...]:
        """Return the alarms that are open or whose end somebody is still to be told, and how each is known."""
        told = await self._db.grouped(AlarmNotice, itemgetter("alarm_id"), "SELECT * FROM alarm_messages")
        alarms = await self._db.models(
            Alarm,
            "SELECT * FROM alarms WHERE ended_at IS NULL"
            " OR id IN (SELECT alarm_id FROM alarm_messages WHERE done = 0) ORDER BY began_at, id",
        )
        return tuple((alarm, told[alarm.id]) for alarm in alarms)

    @reading
    async def recent(self) -> tuple[Alarm, ...]:
        """Return the alarms that are kept, open or ended, newest first."""
        return await self._db.models(Alarm, "SELECT * FROM alarms ORDER BY began_at DESC, id DESC")

    @writing
    async def save(self, alarm: Alarm) -> None:
        """Record an alarm as it is now."""
        await self._db.upsert("alarms", "id", **columns_of(alarm))

    @writing
    async def save_notice(self, told: AlarmNotice) -> None:
        """Record how a listener knows of an alarm that is recorded already."""
        await self._db.upsert("alarm_messages", "alarm_id, address", **columns_of(told))

    @reading
    async def told(self, alarm_id: str) -> set[str]:
        """Return the addresses of those who have been told of an alarm."""
        return set(
            await self._db.column(
                "SELECT address FROM alarm_messages WHERE alarm_id = ? AND message_id IS NOT NULL", alarm_id
            )
        )

    @writing
    async def forget_ended(self, before: datetime) -> None:
        """Forget the alarms that ended before an instant."""
        await self._db.execute("DELETE FROM alarms WHERE ended_at < ?", before)

    @reading
    async def seen_to(self) -> int | None:
        """Return the id up to which backups were weighed for alarms; None when none ever was."""
        return await self._db.meta(int, _SEEN)

    @writing
    async def set_seen_to(self, backup_id: int) -> None:
        await self._db.set_meta(_SEEN, backup_id)

    @writing
    async def set_shrunken(self, backup_id: int, losses: Sequence[Loss]) -> None:
        """Record what a backup holds much less of than the one before it."""
        await self._db.execute("UPDATE backups SET shrunken = ? WHERE id = ?", tuple(losses), backup_id)

    @reading
    async def predecessor_id(self, path: str, backup_id: int) -> int | None:
        """Return the newest proven backup before `backup_id` that holds the database at a path, as `predecessor`."""
        return await self._db.value(int, f"SELECT backup_id {_BEFORE}", path, backup_id)

    @reading
    async def predecessor(self, path: str, backup_id: int) -> BackedUp | None:
        """Return the database at a path as the newest proven backup before `backup_id` holds it.

        Safety copies don't count: they hold what a restore has replaced. Nor does what was learned from the chat: of
        its databases no rows are known.
        """
        return await self._db.model(BackedUp, f"SELECT backed_up.* {_BEFORE}", path, backup_id)

    @reading
    async def lowest_level(
        self, database: BackedUp, backup_id: int, *, ago: timedelta, accepted: str
    ) -> BackedUp | None:
        """Return the lowest level of a database in the week that ended `ago` before a backup began, as a copy of it.

        That is the fewest rows of each table that was counted in every proven backup of that week, and the fewest
        bytes. Nothing counts from before an alarm with the key `accepted` was accepted last. None where less than a day
        of that week is known, as a day may be what an application takes to fill a table and to trim it. Safety copies
        don't count.
        """
        began = await self._db.value(as_time, "SELECT started_at FROM backups WHERE id = ?", backup_id)
        last = await self._db.value(
            as_time, "SELECT max(ended_at) FROM alarms WHERE key = ? AND accepted = 1", accepted
        )
        if began is None:
            return None
        until = began - ago
        since = until - timedelta(days=7)
        week = (database.path, backup_id, max(since, last or since), until)
        known = await self._db.row(f"SELECT min(started_at) AS first, min(bytes) AS bytes {_WEEK}", *week)
        if known is None or known["first"] is None or as_time(known["first"]) > until - timedelta(days=1):
            return None
        tables = await self._db.rows(
            "SELECT json_extract(one.value, '$[0]') AS name, min(json_extract(one.value, '$[1]')) AS fewest"
            f" FROM (SELECT rows, count(*) OVER () AS backups {_WEEK} AND rows <> '[]'), json_each(rows) AS one"
            " GROUP BY name HAVING count(*) = backups AND fewest >= 0",
            *week,
        )
        return replace(database, rows=tuple((row["name"], row["fewest"]) for row in tables), bytes=known["bytes"])
