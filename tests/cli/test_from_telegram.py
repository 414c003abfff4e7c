"""`sqlite-courier restore --from-telegram`, as a process of its own against the Bot API over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.world import faults
from tests.world.databases import make_database, rows_in
from tests.world.phones import Person
from tests.world.shell import Done, back_up, begun, ended
from tests.world.stand_in import StandIn


@dataclass
class Shop:
    """A machine whose archives are in the chat and no longer on its disk."""

    api: StandIn
    folder: Path

    async def restore(self, *words: str, code: int = 0, **environment: str) -> Done:
        return await ended(begun(self.folder, "restore", *words, **environment), self.api, code)


@pytest.fixture
async def shop(standin: StandIn, ann: Person, tmp_path: Path) -> Shop:
    for archive in await back_up(tmp_path, standin, make_database(tmp_path / "shop.db", 20), times=2):
        (tmp_path / "backups" / archive).unlink()
    return Shop(standin, tmp_path)


async def test_the_newest_backup_comes_from_the_chat(shop: Shop, tmp_path: Path) -> None:
    """Fetched by its file_ids, restored into a folder; the private copy is gone afterwards."""
    out, _ = await shop.restore("--from-telegram", "--to", str(tmp_path / "out"))
    assert rows_in(tmp_path / "out" / "shop.db") == (20, 20)
    assert "shop.db restored to" in out
    assert not list((tmp_path / "backups").rglob("*.zip"))


async def test_a_named_one_goes_in_place_with_a_safety_copy(shop: Shop, tmp_path: Path) -> None:
    """The same plan and act as from the disk: what was there is copied first."""
    make_database(tmp_path / "new.db", 50).replace(tmp_path / "shop.db")
    out, _ = await shop.restore("1", "--from-telegram", "--in-place", "--yes")
    assert rows_in(tmp_path / "shop.db") == (20, 20)
    assert "What was there before is backup" in out


async def test_an_archive_gone_from_the_disk_is_offered_from_the_chat(shop: Shop, tmp_path: Path) -> None:
    """The hint says what to type."""
    _, err = await shop.restore("1", "--to", str(tmp_path / "out"), code=3)
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
    _, err = await shop.restore("latest", "--from-telegram", "--to", str(tmp_path / "out"), code=13, RETRY_DELAY="0")
    assert sentence in err
    assert mend in err
    assert not (tmp_path / "out").exists()


async def test_each_trouble_has_its_sentence(shop: Shop, tmp_path: Path) -> None:
    """No token, no such time, nobody there, a file that is gone: told apart, and nothing is left behind."""
    to = ("--to", str(tmp_path / "out"))
    _, err = await shop.restore("--from-telegram", "--at", "2001-02-03", *to, code=3)
    assert "of 2001-02-03 23:59:59 or before is known" in err
    _, err = await shop.restore("--from-telegram", *to, TELEGRAM_API="http://127.0.0.1:9", RETRY_DELAY="0", code=13)
    assert "can't be fetched from Telegram" in err
    env = tmp_path / ".env"
    env.write_text("".join(line for line in env.read_text().splitlines(True) if not line.startswith("BOT_TOKEN")))
    assert "BOT_TOKEN is not set" in (await shop.restore("--from-telegram", *to, code=2)).err
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "backups").rglob("*.part"))
