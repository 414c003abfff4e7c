"""What an alarm says when it begins, with its buttons, and at its end; `--update-screens` writes them anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

from bot.demo.stand_in.state import Message
from bot.errors import CourierError
from tests.world.databases import damage
from tests.world.gallery import FIVE, SIXTY, Drawing, Gallery


async def rung(place: Gallery, title: str) -> Message:
    """The newest message of an alarm, once Ann has it."""
    await place.service.courier.alarm_loop.deliver()
    return await place.ann.wait_for(lambda message: message.text.startswith(title), since=0)


async def test_alarms_about_one_database(drawing: Drawing) -> None:
    """Missing and back, damaged, and shrunken."""
    async with drawing("alarms_one", FIVE) as (place, drawn):
        await place.back_up()
        orders, users = place.path("orders.db"), place.path("users.db")
        away = orders.rename(orders.with_suffix(".away"))
        await place.back_up(after=60)
        drawn.keep("missing", await rung(place, "🚨 orders.db"))
        away.rename(orders)
        await place.back_up(after=180)
        over = await rung(place, "✅ orders.db")
        drawn.keep("back", next(m for m in place.ann.messages if m.id == over.reply_to or m.id == over.id))
        drawn.keep("back_word", await place.ann.wait_for(lambda message: message.reply_to is not None, since=0))
        with closing(sqlite3.connect(users)) as connection, connection:
            connection.execute("DELETE FROM entries WHERE id > 7")
        await place.back_up(after=60)
        drawn.keep("shrunken", await rung(place, "🚨 users.db has lost rows"))
        damage(orders)
        await place.back_up(after=60)
        drawn.keep("damaged", await rung(place, "🚨 orders.db"))


async def test_alarms_about_many(drawing: Drawing) -> None:
    """A folder that is gone is one alarm; when nothing is left, the run has failed."""
    async with drawing("alarms_many", SIXTY[:12]) as (place, drawn):
        await place.back_up()
        for name in SIXTY[:8]:
            place.path(name).unlink()
        await place.back_up(after=60)
        drawn.keep("missing", await rung(place, "🚨 8 databases"))
        for name in SIXTY[8:12]:
            place.path(name).unlink()
        with suppress(CourierError):
            await place.back_up(after=60)
        drawn.keep("failed", await rung(place, "🚨 Backup failed"))


async def test_alarms_about_the_service(drawing: Drawing) -> None:
    """Paused and forgotten, a disk that fills, somebody who can't be reached."""
    async with drawing("alarms_service") as (place, drawn):
        await place.back_up()
        place.ben.block_bot()
        await place.back_up(after=60)
        unreachable = await rung(place, "⚠️ Ben can't be reached")
        drawn.keep("unreachable", unreachable)
        await place.ann.press("Invitation to forward", message=unreachable)
        drawn.keep("invitation", await place.ann.wait_for(lambda message: message.text.startswith("📨"), since=0))
        place.disk(free=5 << 20)
        drawn.keep("disk", await rung(place, "🚨 Disk"))
        await place.service.courier.timetable.pause(actor="Ben (12)")
        await place.later(2 * 24 * 60)
        drawn.keep("paused", await rung(place, "🚨 No good backup"))


async def test_a_full_disk_is_one_alarm(drawing: Drawing) -> None:
    """Room for one database of five, then for none: each time one sentence with one figure, under the archive too."""
    async with drawing("alarms_full_disk", FIVE) as (place, drawn):
        await place.back_up()
        for name in FIVE:  # or their copies of before are taken over
            with closing(sqlite3.connect(place.path(name), isolation_level=None)) as connection:
                connection.execute(f"DELETE FROM entries WHERE id {'> 15' if name == 'users.db' else '= 1'}")
                connection.execute("VACUUM")
        place.disk(free=(16 << 20) + 100_000)
        made = await place.back_up(after=60)
        drawn.keep("some", await rung(place, "🚨 4 databases"))
        drawn.keep(
            "caption", next(m for m in place.ann.messages if m.document and m.document.name == made.archive_name)
        )
        place.disk(free=5 << 20)
        with suppress(CourierError):
            await place.back_up(after=60)
        drawn.keep("all", await rung(place, "🚨 Backup failed"))
