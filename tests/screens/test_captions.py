"""What stands under a delivered archive in a private chat; `--update-screens` writes them anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from bot.demo.stand_in.state import Message
from bot.models import Backup
from tests.world.gallery import FIVE, Drawing, Gallery


def sent(place: Gallery, backup: Backup) -> Message:
    """The message that brought the first volume of a backup to Ann."""
    return next(m for m in place.ann.messages if m.document and m.document.name.startswith(backup.archive_name))


async def test_captions(drawing: Drawing) -> None:
    """All is well, two are missing, and one has shrunk."""
    async with drawing("captions", FIVE) as (place, drawn):
        drawn.keep("good", sent(place, await place.back_up()))
        for name in FIVE[1:3]:
            place.path(name).unlink()
        with closing(sqlite3.connect(place.path("users.db"))) as connection, connection:
            connection.execute("DELETE FROM entries WHERE id > 7")
        less = sent(place, await place.back_up(after=60))
        drawn.keep("with_trouble", less)
        await place.ann.press("🗄 Databases", message=less)
        await place.ann.wait_for(lambda message: message.text.startswith("🗄 Databases") and "users.db" in str(message))


async def test_captions_of_volumes(drawing: Drawing) -> None:
    async with drawing("captions_volumes", VOLUME_SIZE_MB="1") as (place, drawn):
        with closing(sqlite3.connect(place.path("users.db"))) as connection, connection:
            connection.execute("CREATE TABLE more AS SELECT randomblob(1300000) AS picture")
        await place.back_up()
        first, second = (m for m in place.ann.messages if m.document and ".zip." in m.document.name)
        drawn.keep("first", first)
        drawn.keep("second", second)


async def test_the_card_of_the_first_backup(drawing: Drawing) -> None:
    """Ben has yet to press Start, which is no alarm; with large databases it offers a rarer schedule."""
    async with drawing("first_backup", FIVE, ben_started=False) as (place, drawn):
        await place.service.parts.first.make()
        await place.service.courier.alarm_loop.deliver()
        drawn.keep("card", await place.ann.wait_for(lambda m: "first backup" in m.text, since=0))
        assert not [m for m in place.ann.messages if m.text.startswith("🚨")]
