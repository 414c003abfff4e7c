"""Stores alarms in the catalogue, with the chat messages that show them."""

# ruff: noqa: S608 - only constants of this module are put into statements; every value is a parameter

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.models import Alarm, AlarmNotice, BackedUp
from bot.services.catalogue.connection import CatalogueTable, reading, writing
from bot.services.catalogue.values import as_backed_up, as_text, as_text_or_none, as_time, as_time_or_none

_SEEN = "alarms_seen_to"
_WEEK = (
    "FROM backed_up JOIN backups ON backups.id = backup_id WHERE path = ? AND backup_id < ?"
    " AND started_at >= ? AND started_at <= ? AND archive_sha256 <> '' AND trigger <> 'safety'"
)


class AlarmTable(CatalogueTable):
    """The rows of alarms and alarm_messages, and what a backup has lost."""

    @reading
    async def open(self) -> tuple[Alarm, ...]:
        """Return the alarms that have not ended, oldest first."""
        rows = await self._db.rows("SELECT * FROM alarms WHERE ended_at IS NULL ORDER BY began_at, id")
        return tuple(_as_alarm(row) for row in rows)

    @reading
    async def active(self) -> tuple[tuple[Alarm, tuple[AlarmNotice, ...]], ...]:
        """Return the alarms that are open or whose end somebody is still to be told, and how each is known."""
        told: dict[str, list[AlarmNotice]] = {}
        for row in await self._db.rows("SELECT * FROM alarm_messages"):
            told.setdefault(row["alarm_id"], []).append(_as_told(row))
        rows = await self._db.rows(
            "SELECT * FROM alarms WHERE ended_at IS NULL"
            " OR id IN (SELECT alarm_id FROM alarm_messages WHERE done = 0) ORDER BY began_at, id"
        )
        return tuple((_as_alarm(row), tuple(told.get(row["id"], ()))) for row in rows)

    @writing
    async def save(self, alarm: Alarm) -> None:
        """Record an alarm as it is now."""
        await self._db.execute(
            "INSERT INTO alarms (id, key, title, sentence, began_at, ended_at, ending, accepted, base)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title,"
            " sentence = excluded.sentence, ended_at = excluded.ended_at, ending = excluded.ending,"
            " accepted = excluded.accepted",
            (
                *(alarm.id, alarm.key, alarm.title, alarm.sentence, as_text(alarm.began_at)),
                *(as_text_or_none(alarm.ended_at), alarm.ending, int(alarm.accepted), alarm.base),
            ),
        )

    @writing
    async def save_notice(self, told: AlarmNotice) -> None:
        """Record how a listener knows of an alarm that is recorded already."""
        await self._db.execute(
            "INSERT OR REPLACE INTO alarm_messages"
            " (alarm_id, address, message_id, sent_at, reminded_at, quiet_until, shown, done)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(told.alarm_id, told.address, told.message_id, as_text_or_none(told.sent_at)),
                *(as_text_or_none(told.reminded_at), as_text_or_none(told.quiet_until), told.shown, int(told.done)),
            ),
        )

    @reading
    async def told(self, alarm_id: str) -> set[str]:
        """Return the addresses of those who have been told of an alarm."""
        rows = await self._db.rows(
            "SELECT address FROM alarm_messages WHERE alarm_id = ? AND message_id IS NOT NULL", (alarm_id,)
        )
        return {row["address"] for row in rows}

    @writing
    async def forget_ended(self, before: datetime) -> None:
        """Forget the alarms that ended before an instant."""
        await self._db.execute("DELETE FROM alarms WHERE ended_at < ?", (as_text(before),))

    @reading
    async def seen_to(self) -> int | None:
        """Return the id up to which backups were weighed for alarms; None when none ever was."""
        found = await self._db.value("SELECT value FROM meta WHERE key = ?", (_SEEN,))
        return None if found is None else int(found)

    @writing
    async def set_seen_to(self, backup_id: int) -> None:
        await self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_SEEN, str(backup_id)))

    @writing
    async def set_shrunken(self, backup_id: int, lines: Sequence[str]) -> None:
        """Record what a backup holds much less of than the one before it."""
        await self._db.execute(
            "UPDATE backups SET shrunken = ? WHERE id = ?", (json.dumps(list(lines), ensure_ascii=False), backup_id)
        )

    @reading
    async def predecessor(self, path: str, backup_id: int) -> BackedUp | None:
        """Return the database at a path as the newest proven backup before `backup_id` holds it.

        Safety copies don't count: they hold what a restore has replaced.
        """
        row = await self._db.row(
            "SELECT backed_up.* FROM backed_up JOIN backups ON backups.id = backup_id WHERE path = ? AND backup_id < ?"
            " AND archive_sha256 <> '' AND trigger <> 'safety' ORDER BY backup_id DESC LIMIT 1",
            (path, backup_id),
        )
        return None if row is None else as_backed_up(row)

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
        began = as_time(await self._db.value("SELECT started_at FROM backups WHERE id = ?", (backup_id,)))
        until = began - ago
        since = await self._db.value("SELECT max(ended_at) FROM alarms WHERE key = ? AND accepted = 1", (accepted,))
        since = max(as_text(until - timedelta(days=7)), since or "")
        week = (database.path, backup_id, since, as_text(until))
        known = await self._db.row(f"SELECT min(started_at) AS first, min(bytes) AS bytes {_WEEK}", week)
        if known is None or known["first"] is None or as_time(known["first"]) > until - timedelta(days=1):
            return None
        tables = await self._db.rows(
            "SELECT json_extract(one.value, '$[0]') AS name, min(json_extract(one.value, '$[1]')) AS fewest"
            f" FROM (SELECT rows, count(*) OVER () AS backups {_WEEK} AND rows <> '[]'), json_each(rows) AS one"
            " GROUP BY name HAVING count(*) = backups AND fewest >= 0",
            week,
        )
        return replace(database, rows=tuple((row["name"], row["fewest"]) for row in tables), bytes=known["bytes"])


def _as_alarm(row: sqlite3.Row) -> Alarm:
    return Alarm(
        id=row["id"],
        key=row["key"],
        title=row["title"],
        sentence=row["sentence"],
        began_at=as_time(row["began_at"]),
        ended_at=as_time_or_none(row["ended_at"]),
        ending=row["ending"],
        accepted=bool(row["accepted"]),
        base=row["base"],
    )


def _as_told(row: sqlite3.Row) -> AlarmNotice:
    return AlarmNotice(
        alarm_id=row["alarm_id"],
        address=row["address"],
        message_id=row["message_id"],
        sent_at=as_time_or_none(row["sent_at"]),
        reminded_at=as_time_or_none(row["reminded_at"]),
        quiet_until=as_time_or_none(row["quiet_until"]),
        shown=row["shown"],
        done=bool(row["done"]),
    )
