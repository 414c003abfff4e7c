"""`sqlite-courier restore --from-telegram`, as a process of its own against the Bot API over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Trigger
from tests.world import faults
from tests.world.databases import make_database, rows_in, write_env
from tests.world.phones import Person
from tests.world.shell import ROOT
from tests.world.stand_in import StandIn


@dataclass
class Shop:
    """A machine whose archives are in the chat and no longer on its disk."""

    api: StandIn
    ann: Person
    folder: Path
    archives: list[str]

    async def restore(self, *words: str, **environment: str) -> tuple[int, str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "bot", "restore", *words, "--env-file", str(self.folder / ".env")),
            cwd=ROOT, env={**kept, "PYTHONIOENCODING": "utf-8", "COLUMNS": "200", **environment},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert self.api.bot().token.partition(":")[2].encode() not in out + err
        assert b"Traceback" not in err
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with StandIn() as api:
        token = api.create_bot_token()
        ann = api.add_user(11, "Ann")
        source = make_database(tmp_path / "shop.db", 20)
        env = write_env(tmp_path, [source], BOT_TOKEN=token, TELEGRAM_API=api.url, ADMIN_IDS="11", RETRY_DELAY="0.1")
        archives = []
        async with open_courier(load_settings(env), deliver=True) as courier:
            for _ in range(2):
                made = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
                archives.append(made.backup.archive_name)
        for archive in archives:
            (tmp_path / "backups" / archive).unlink()
        yield Shop(api, ann, tmp_path, archives)


async def test_the_newest_backup_comes_from_the_chat(shop: Shop, tmp_path: Path) -> None:
    """Fetched by its file_ids, restored into a folder; the private copy is gone afterwards."""
    code, out, err = await shop.restore("--from-telegram", "--to", str(tmp_path / "out"))
    assert code == 0, err
    assert rows_in(tmp_path / "out" / "shop.db") == (20, 20)
    assert "shop.db restored to" in out
    assert not list((tmp_path / "backups").rglob("*.zip"))


async def test_a_named_one_goes_in_place_with_a_safety_copy(shop: Shop, tmp_path: Path) -> None:
    """The same plan and act as from the disk: what was there is copied first."""
    make_database(tmp_path / "new.db", 50).replace(tmp_path / "shop.db")
    code, out, err = await shop.restore("1", "--from-telegram", "--in-place", "--yes")
    assert code == 0, err
    assert rows_in(tmp_path / "shop.db") == (20, 20)
    assert "What was there before is backup" in out


async def test_an_archive_gone_from_the_disk_is_offered_from_the_chat(shop: Shop, tmp_path: Path) -> None:
    """The hint says what to type."""
    code, _, err = await shop.restore("1", "--to", str(tmp_path / "out"))
    assert code == 3
    assert "gone from the disk" in err
    assert "--from-telegram" in err


@pytest.mark.parametrize(
    ("said", "sentence", "mend"),
    [
        ("file is too big", "no bot download a file over 20 MB", "in the chat by hand, then restore from the file"),
        (
            "wrong file_id or the file is temporarily unavailable",
            "no longer gives out this file",
            "another restore point",
        ),
    ],
)
async def test_what_telegram_does_not_give_back_is_said_with_a_way_on(
    shop: Shop, tmp_path: Path, said: str, sentence: str, mend: str
) -> None:
    """A volume over the download limit, and a file that is gone: nothing is changed, and there is something to do."""
    shop.api.inject(faults.bad_request(said), "getFile", times=None)
    found, _, err = await shop.restore("latest", "--from-telegram", "--to", str(tmp_path / "out"))
    assert found == 13
    assert sentence in err
    assert mend in err
    assert not (tmp_path / "out").exists()


async def test_each_trouble_has_its_sentence(shop: Shop, tmp_path: Path) -> None:
    """No token, no such time, nobody there, a file that is gone: told apart, and nothing is left behind."""
    to = ("--to", str(tmp_path / "out"))
    code, _, err = await shop.restore("--from-telegram", "--at", "2001-02-03", *to)
    assert (code, "of 2001-02-03 23:59:59 or before is known" in err) == (3, True), err
    code, _, err = await shop.restore("--from-telegram", *to, TELEGRAM_API="http://127.0.0.1:9")
    assert (code, "can't be fetched from Telegram" in err) == (13, True), err
    env = tmp_path / ".env"
    env.write_text("".join(line for line in env.read_text().splitlines(True) if not line.startswith("BOT_TOKEN")))
    code, _, err = await shop.restore("--from-telegram", *to)
    assert (code, "BOT_TOKEN is not set" in err) == (2, True), err
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "backups").rglob("*.part"))
