"""The fixtures that tests of more than one room ask for; `tests/conftest.py` loads them for all."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.telegram import TelegramAPIServer
from loguru import logger

from bot.app.service import Service
from bot.config.settings import Settings
from tests.world import inbox as inbox_world
from tests.world.bank import Writer, let_go
from tests.world.databases import make_database
from tests.world.delivery import House
from tests.world.endpoint import Endpoint
from tests.world.gallery import Drawing, Gallery, gallery
from tests.world.golden import Golden
from tests.world.phones import Person
from tests.world.service import Town, settings_for, town_in
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession, MakeBot


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """A stand-in of the cloud server with one bot; whatever the test did, no call may have broken the contract."""
    async with StandIn() as api:
        api.create_bot_token()
        yield api
    assert api.violations == []


@pytest.fixture
async def make_bot() -> AsyncIterator[MakeBot]:
    """Bots on a stand-in, by default its first one; HTML unless asked otherwise; closed at the end."""
    bots: list[Bot] = []

    def make(api: StandIn, token: str | None = None, *, is_local: bool = False, parse_mode: str | None = "HTML") -> Bot:
        server = TelegramAPIServer.from_base(api.url, is_local=is_local)
        session = LoopbackSession(api=server, timeout=20)
        bot = Bot(token or api.bot().token, session=session, default=DefaultBotProperties(parse_mode=parse_mode))
        bots.append(bot)
        return bot

    yield make
    for bot in bots:
        await bot.session.close()


@pytest.fixture
def bot(standin: StandIn, make_bot: MakeBot) -> Bot:
    """The stand-in's first bot, as a real aiogram Bot."""
    return make_bot(standin)


@pytest.fixture
def ann(standin: StandIn) -> Person:
    """A person who has pressed Start."""
    return standin.add_user(11, "Ann")


@pytest.fixture
def idle(standin: StandIn, ann: Person, tmp_path: Path) -> Settings:
    """The settings of a service with one database, users.db, and one admin, Ann, that does nothing by itself."""
    source = make_database(tmp_path / "users.db")
    return settings_for(tmp_path, standin, source, SCHEDULE="0 0 1 1 *", DRILL_SCHEDULE="off")


@pytest.fixture
async def service(idle: Settings) -> AsyncIterator[Service]:
    """A running service that does nothing by itself."""
    async with Service.started(idle) as service:
        yield service


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """A running service with two databases and two admins, patient with applications that write."""
    async with town_in(tmp_path, BUSY_TIMEOUT="20") as there:
        yield there


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[inbox_world.House]:
    """A running service whose admins send archives to it."""
    async with inbox_world.open_house(tmp_path) as there:
        yield there


@pytest.fixture
async def house(standin: StandIn, tmp_path: Path) -> AsyncIterator[House]:
    """An open house without recipients; everything in it is closed at the end."""
    house = await House(standin, tmp_path).open()
    yield house
    await house.close()


@pytest.fixture
def drawing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Drawing:
    """Opens the gallery of a state, whose kept screens are compared with what it draws."""

    @asynccontextmanager
    async def open_state(state: str, *names: Any, **more: Any) -> AsyncIterator[tuple[Gallery, Golden]]:
        async with gallery(monkeypatch, *names, **more) as place:
            drawn = Golden(state, place.hidden, rewrite=bool(request.config.getoption("--update-screens")))
            yield place, drawn
            drawn.finish()

    return open_state


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{level} {message}\n{exception}")
    yield lines
    logger.remove(sink)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server of S3 for all tests; its libraries are imported by those alone that ask for it."""
    from tests.world.places import running_s3  # noqa: PLC0415

    with running_s3() as url:
        yield url


@pytest.fixture
def s3(s3_server: str) -> str:
    """The server with an empty bucket."""
    from tests.world.places import empty_bucket  # noqa: PLC0415

    empty_bucket(s3_server)
    return s3_server


@pytest.fixture
def write() -> Iterator[Callable[[Path], Writer]]:
    """Start writers, each in a process of its own, and end them with the test."""
    writers: list[Writer] = []

    def start(path: Path) -> Writer:
        writers.append(Writer(path))
        writers[-1].wait_for_more(1)
        return writers[-1]

    yield start
    for writer in writers:
        writer.kill()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Yield a folder that other users can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp()).resolve()
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    shutil.rmtree(folder)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder of the live databases."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Return the folder of the copies, which is not there yet."""
    return tmp_path / "work" / "copies"


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that run SQL on a database and then hold it until their standard input is closed."""
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n"
        "for sql in sys.argv[2:]: db.execute(sql).fetchall()\n"
        "print('held', flush=True); sys.stdin.read(); db.close(); print('free', flush=True)\n"
    )
    processes: list[subprocess.Popen[str]] = []

    def start(path: Path, *statements: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path), *statements],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        let_go(process)
