"""What the commands print on 80 columns, with one, five and many databases; beside a service that runs."""

from __future__ import annotations

import asyncio
import re
import zipfile

import pytest

from bot.models import Backup
from tests.world.databases import damage
from tests.world.gallery import FIVE, SIXTY, Drawing, Gallery
from tests.world.golden import Golden
from tests.world.shell import Shell


async def keep_said(golden: Golden, place: Gallery, **commands: str) -> None:
    """Keep what each command prints, as a terminal shows it; no line of a table is wider than the terminal."""
    golden.hidden[place.settings.telegram_api] = "http://127.0.0.1:40000"
    golden.hidden[f"…{place.settings.bot_token.get_secret_value()[-2:]}"] = "…xy"
    assert place.service.courier.pins is not None
    await place.service.courier.pins.refresh()
    for name, words in commands.items():
        done = await asyncio.to_thread(Shell(place.folder, place.clock(), together=True), *words.split(), COLUMNS="80")
        said = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        for pattern, instead in (
            (r"\d+ GB free", "25 GB free"),
            (r"\d+ more are as", "47 more are as"),
            ("python -m bot", "sqlite-courier"),
        ):
            said = re.sub(pattern, instead, said)
        golden.keep(name, f"$ sqlite-courier {words}\n{said}\n→ exit code {done.returncode}\n", long=True)


def keep_info(golden: Golden, place: Gallery, made: Backup) -> None:
    """Keep what an archive says of itself."""
    with zipfile.ZipFile(place.settings.backup_dir / made.archive_name) as archive:
        info = archive.read("backup_info.txt").decode("utf-8-sig").replace("\r\n", "\n")
    info = re.sub(r"(?m)^(On: +|Product: +SQLite Courier ).*", r"\1…", info)
    golden.keep("backup_info", re.sub(r" \([0-9,]+ bytes\)(?= in the archive)", "", info), long=True)


async def test_with_one_database(drawing: Drawing) -> None:
    async with drawing("commands_one") as (place, drawn):
        made = await place.back_up()
        await keep_said(
            drawn, place, list="list", show="show latest", config="config", verify="verify", help="restore -h"
        )
        keep_info(drawn, place, made)


async def test_without_a_network(monkeypatch: pytest.MonkeyPatch, drawing: Drawing) -> None:
    """What stands in the way, in words for people."""
    async with drawing("commands_offline") as (place, drawn):
        await place.back_up()
        place.lose_the_network()
        await place.back_up(after=60)
        await keep_said(drawn, place, status="status", show="show latest")
        monkeypatch.setenv("TELEGRAM_API", "http://127.0.0.1:9")
        await keep_said(drawn, place, recover="recover --list")


async def test_with_five_databases_one_of_them_damaged(drawing: Drawing) -> None:
    """An incomplete backup; and a backup that Ben did not get."""
    async with drawing("commands_five", FIVE) as (place, drawn):
        place.ben.block_bot()
        await place.back_up()
        damage(place.path("orders.db"))
        await place.back_up(after=60)
        await keep_said(drawn, place, list="list", show="show 1", incomplete="show latest", points="recover --list")
        place.path("users.db").unlink()
        place.path("users.db").mkdir()
        await keep_said(drawn, place, folder="config")


async def test_with_a_database_that_is_missing(drawing: Drawing) -> None:
    """A backup without one of them is no success for whoever runs it by cron."""
    async with drawing("commands_missing", FIVE[:2]) as (place, drawn):
        await place.back_up()
        place.path("orders.db").unlink()
        await place.later(60)
        await keep_said(drawn, place, backup="backup")


async def test_without_settings(drawing: Drawing) -> None:
    """In a folder without .env, commands that read say so, and create nothing."""
    async with drawing("commands_nowhere") as (place, drawn):
        place.folder /= "elsewhere"
        place.folder.mkdir()
        await keep_said(drawn, place, list="list", status="status", show="show latest", prune="prune --dry-run")
        assert not [*place.folder.iterdir()]


async def test_in_utc(drawing: Drawing) -> None:
    """A time stands once in backup_info.txt, and the zone under its common name."""
    async with drawing("commands_utc", TIMEZONE="Etc/UTC") as (place, drawn):
        keep_info(drawn, place, await place.back_up())
        await keep_said(drawn, place, list="list", status="status")


async def test_with_many_databases(drawing: Drawing) -> None:
    """What is the same of each is said once."""
    async with drawing("commands_many", SIXTY[:24]) as (place, drawn):
        await place.back_up()
        await place.back_up(after=60)  # whose checks are those of the first one
        await keep_said(drawn, place, recover="recover", show="show latest", plan="restore latest --in-place")
