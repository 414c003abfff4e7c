"""`sqlite-courier recover` as a process of its own, in an empty folder, with nothing but the token."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.config.sources import parse_env
from bot.demo.recovery import contents_of, destroy_and_recover
from bot.demo.samples import make_samples
from tests.world.databases import make_database, rows_in
from tests.world.phones import Person
from tests.world.proxy import http_proxy
from tests.world.shell import NewMachine, Shell, back_up, ended
from tests.world.stand_in import StandIn


@pytest.fixture
def machine(tmp_path: Path, standin: StandIn) -> NewMachine:
    return NewMachine(tmp_path / "new machine", standin)


async def test_everything_is_lost_and_comes_back_from_the_chat(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """Databases, archives, catalogue and settings are destroyed; a fresh process gets every row back."""
    old = tmp_path / "old machine"
    live = old / "live"
    live.mkdir(parents=True)
    sources = await asyncio.to_thread(make_samples, live)
    await back_up(old, standin, *sources)
    expected = await asyncio.to_thread(contents_of, sources)
    findings = await destroy_and_recover(
        standin, token=standin.bot().token, admin=ann.id, lost=[old], expected=expected, new_machine=tmp_path / "new"
    )
    assert [finding for finding in findings if not finding.held] == []
    assert len(findings) == 2 + len(sources)
    assert not old.exists()


async def test_the_points_are_listed_and_one_is_chosen(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """`--list` shows them newest first and creates nothing; `--at` and `--only` choose."""
    shop, users = make_database(tmp_path / "shop.db", 20), make_database(tmp_path / "users.db", 5)
    first, second = await back_up(tmp_path, standin, shop, users, times=2)
    program, _, *copied = ann.copy("Recovery command").split()  # of the pinned message
    assert (program, copied) == ("sqlite-courier", ["--admin", "11"])
    listed = await machine.recover(*copied, "--list", "--json")
    points = json.loads(listed.out)
    assert [point["archive"] for point in points] == [second, first]
    assert list(machine.folder.iterdir()) == []

    chosen = await machine.recover("--admin", "11", "--at", points[1]["at"], "--only", "users.db", "--json")
    assert Path(json.loads(chosen.out)["archives"][0]).name == first
    assert rows_in(machine.folder / "recovered" / "users.db") == (5, 5)
    assert {path.name for path in machine.folder.rglob("*")} == {"recovered", "users.db", first}


async def test_the_env_and_the_catalogue_are_set_up_when_asked(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """The new machine can start the service: its settings are those of the old one, and its history is there."""
    source = make_database(tmp_path / "shop.db", 20)
    (name,) = await back_up(tmp_path, standin, source)
    await machine.recover("--admin", "11", "--write-env", "--with-token", "--rebuild")
    lines, faults = parse_env((machine.folder / ".env").read_text(encoding="utf-8"))
    values = {line.name: line.value for line in lines}
    assert faults == []
    assert values["BOT_TOKEN"] == standin.bot().token
    assert (values["ADMIN_IDS"], values["TELEGRAM_API"]) == ("11", standin.url)
    assert str(source) in values["DATABASES"]
    assert (machine.folder / "backups" / name).is_file()
    assert (machine.folder / "backups" / "catalogue.db").is_file()
    shell = Shell(machine.folder)
    shown = await asyncio.to_thread(shell.json, "show", "latest")
    (shop,) = shown["backup"]["databases"]
    assert shop["compressed_bytes"] > 0
    assert sum(number for _, number in shop["rows"]) > 20
    (machine.folder / "backups" / name).unlink()
    status = await asyncio.to_thread(shell, "status")
    assert "1 archive is gone from the disk" not in status.stdout  # the service is not running here, which is worse
    assert "💬 Still in the chat: backup 1" in status.stdout
    assert "No good backup" not in status.stdout
    again = await machine.recover("--admin", "11", code=17)
    assert "shop.db exists already in recovered" in again.err
    assert standin.calls_of("download")[-1].params["path"].endswith(".json")  # no archive was fetched in vain


@pytest.mark.parametrize("asked", [(), ("--with-token",)])
async def test_a_secret_goes_into_the_env_only_when_asked(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    """The token, and a proxy's password; what is left out is said, and where to put it."""
    await back_up(tmp_path, standin, make_database(tmp_path / "shop.db", 20))
    async with http_proxy("ann", "quince") as proxy:
        done = await machine.recover("--admin", "11", "--write-env", *asked, PROXY=proxy)
    text = (machine.folder / ".env").read_text(encoding="utf-8")
    values = {line.name: line.value for line in parse_env(text)[0]}
    if asked:
        assert (values["BOT_TOKEN"], values["PROXY"]) == (standin.bot().token, proxy)
        assert "quince" not in done.out
        return
    assert "quince" not in text
    assert values.keys().isdisjoint({"BOT_TOKEN", "PROXY"})
    assert "# BOT_TOKEN=  put the bot's token here" in text
    assert f"# PROXY=  put {proxy.replace('ann:quince', '…')} here, with its user and password" in text
    assert "Put in BOT_TOKEN and PROXY yourself: only --with-token writes secrets." in done.out


async def test_waiting_for_a_forwarded_archive(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """With nothing pinned, the archive forwarded by the admin is enough."""
    await back_up(tmp_path, standin, make_database(tmp_path / "shop.db", 20))
    archive = next(m for m in ann.messages if m.document and m.document.name.endswith(".zip"))
    for message in ann.messages:
        message.chat.pinned.clear()
    process = machine.start("--admin", "11", "--wait", "1")
    await standin.polled(within=30)
    await ann.forward(archive)
    out, err = await ended(process, standin)
    assert rows_in(machine.folder / "recovered" / "shop.db") == (20, 20)
    assert "no list of backups is pinned" in err
    assert "shop.db restored to" in out


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["--admin", "11"], {"BOT_TOKEN": ""}, 2, "BOT_TOKEN is not set"),
        ([], {}, 2, "--admin is missing"),
        (["--admin", "11", "--at", "soon"], {}, 2, "--at can't be read: “soon” is no time"),
        (["--admin", "11"], {}, 3, "no list of backups is pinned there"),
        (["--admin", "abc"], {}, 2, "--admin 'abc' is not a number"),
        (["--admin", "11"], {"BOT_TOKEN": "123456789:" + "x" * 35}, 13, "does not accept the bot's token"),
    ],
)
async def test_each_failure_has_its_sentence_and_its_exit_code(
    machine: NewMachine, ann: Person, arguments: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    """Nothing is created, nothing ends in a traceback."""
    done = await machine.recover(*arguments, code=code, **environment)
    assert (said in done.err, done.out) == (True, ""), done.err
    assert list(machine.folder.iterdir()) == []


async def test_it_says_where_the_databases_were(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """Who gets them back in a folder reads what path each one is to have."""
    old = tmp_path / "old"
    await back_up(old, standin, make_database(old / "shop.db", 5))
    done = await machine.recover("--admin", "11")
    assert f"shop.db  ←  {old / 'shop.db'}" in done.out
    listed = await machine.recover("--admin", "11", "--list")
    assert "Times in UTC." in listed.out


async def test_a_day_means_its_end_here_too(machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """`--at` with a day alone is read as `restore` reads it."""
    await back_up(tmp_path / "old", standin, make_database(tmp_path / "old" / "shop.db", 5))
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    await machine.recover("--admin", "11", "--at", today)


async def test_a_telegram_that_does_not_answer_is_not_called_an_empty_chat(machine: NewMachine) -> None:
    """Nothing is known about the pinned message then, and forwarding would not help."""
    done = await machine.recover("--admin", "11", TELEGRAM_API="http://127.0.0.1:9", code=13)
    assert "Telegram can't be reached." in done.err
    assert "PROXY and TELEGRAM_API" in done.err
    assert "forward" not in done.err


async def test_an_env_that_is_there_is_known_before_anything_is_fetched(
    machine: NewMachine, standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """With --write-env, nothing is restored and then left half done."""
    await back_up(tmp_path / "old", standin, make_database(tmp_path / "old" / "shop.db", 5))
    machine.folder.mkdir()
    (machine.folder / ".env").write_text("ADMIN_IDS=11\n")
    done = await machine.recover("--write-env", "--rebuild", code=17)
    assert ".env exists already; it is not replaced" in done.err
    assert [path.name for path in machine.folder.iterdir()] == [".env"]
    await machine.recover("--rebuild")
