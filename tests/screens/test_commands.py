"""What the commands print on 80 columns, with one, five and many databases; beside a service that runs."""

from __future__ import annotations

import asyncio
import re
import zipfile
from collections.abc import Callable

import pytest

from bot.models import Backup
from tests.world.databases import damage
from tests.world.gallery import FIVE, SIXTY, Gallery, gallery
from tests.world.golden import Golden
from tests.world.shell import Shell

Draw = Callable[[str, Gallery], Golden]


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


async def test_with_one_database(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    async with gallery(monkeypatch) as place:
        drawn = golden("commands_one", place)
        made = await place.back_up()
        await keep_said(
            drawn, place, list="list", show="show latest", config="config", verify="verify", help="restore -h"
        )
        keep_info(drawn, place, made)
        drawn.finish()


async def test_without_a_network(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """What stands in the way, in words for people."""
    async with gallery(monkeypatch) as place:
        drawn = golden("commands_offline", place)
        await place.back_up()
        place.lose_the_network()
        await place.back_up(after=60)
        await keep_said(drawn, place, status="status", show="show latest")
        monkeypatch.setenv("TELEGRAM_API", "http://127.0.0.1:9")
        await keep_said(drawn, place, recover="recover --list")
        drawn.finish()


async def test_with_five_databases_one_of_them_damaged(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """An incomplete backup; and a backup that Ben did not get."""
    async with gallery(monkeypatch, FIVE) as place:
        drawn = golden("commands_five", place)
        place.ben.block_bot()
        await place.back_up()
        damage(place.path("orders.db"))
        await place.back_up(after=60)
        await keep_said(drawn, place, list="list", show="show 1", incomplete="show latest", points="recover --list")
        place.path("users.db").unlink()
        place.path("users.db").mkdir()
        await keep_said(drawn, place, folder="config")
        drawn.finish()


async def test_with_a_database_that_is_missing(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A backup without one of them is no success for whoever runs it by cron."""
    async with gallery(monkeypatch, FIVE[:2]) as place:
        drawn = golden("commands_missing", place)
        await place.back_up()
        place.path("orders.db").unlink()
        await place.later(60)
        await keep_said(drawn, place, backup="backup")
        drawn.finish()


async def test_without_settings(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """In a folder without .env, commands that read say so, and create nothing."""
    async with gallery(monkeypatch) as place:
        drawn = golden("commands_nowhere", place)
        place.folder /= "elsewhere"
        place.folder.mkdir()
        await keep_said(drawn, place, list="list", status="status", show="show latest", prune="prune --dry-run")
        assert not [*place.folder.iterdir()]
        drawn.finish()


async def test_in_utc(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """A time stands once in backup_info.txt, and the zone under its common name."""
    async with gallery(monkeypatch, TIMEZONE="Etc/UTC") as place:
        drawn = golden("commands_utc", place)
        keep_info(drawn, place, await place.back_up())
        await keep_said(drawn, place, list="list", status="status")
        drawn.finish()


async def test_with_many_databases(monkeypatch: pytest.MonkeyPatch, golden: Draw) -> None:
    """What is the same of each is said once."""
    async with gallery(monkeypatch, SIXTY[:24]) as place:
        drawn = golden("commands_many", place)
        await place.back_up()
        await place.back_up(after=60)  # whose checks are those of the first one
        await keep_said(drawn, place, recover="recover", show="show latest", plan="restore latest --in-place")
        drawn.finish()
