"""Plays the server of the demo: the real service beside a writer, lost and got back as often as a visitor wants."""

from __future__ import annotations

import asyncio
import enum
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

from bot.app.service import Service
from bot.config.settings import Settings, load_settings
from bot.demo.machine import ADMINS, DemoClock, notice_the_time, places, write_env, writing
from bot.demo.phones import Person
from bot.demo.recovery import destroy, recover
from bot.demo.samples import REQUESTS, make_samples
from bot.demo.stand_in.state import StoredFile
from bot.demo.web.live import LiveDatabase, look_at
from bot.demo.web.troubles import TroubledTelegram
from bot.journal import writer as journal
from bot.services.concurrency.nursery import beside, race

LOOK_EVERY = 0.5  # seconds between two counts of the rows
ROWS_A_SECOND = 5


class MachineState(enum.StrEnum):
    """What has become of the server."""

    STARTING = "starting"
    RUNNING = "running"
    BURNING = "burning"
    LOST = "lost"
    RETURNING = "returning"


class Scene:
    """A server with five databases and the bot, and three people with their phones."""

    def __init__(self, api: TroubledTelegram, server: Path, databases: tuple[Path, ...], settings: Settings) -> None:
        self.api, self.server, self.paths, self.settings = api, server, databases, settings
        self.clock = DemoClock(api)
        self.state = MachineState.STARTING
        self.databases: tuple[LiveDatabase, ...] = ()
        self.at_loss: tuple[LiveDatabase, ...] = ()
        """The databases as they were when the server was lost."""
        self.came_back: tuple[LiveDatabase, ...] = ()
        """The databases as they came back from the chat."""
        self.recovery = ""
        """What `sqlite-courier recover` said last."""
        self.command = ""
        """How it was called."""
        self.recovered: bool | None = None
        """Whether it succeeded; None before it has ended."""
        *started, cleo = ADMINS
        self.phones = {admin: api.add_user(admin, ADMINS[admin]) for admin in started}
        self.phones[cleo] = api.add_user(cleo, ADMINS[cleo], started=False)
        self._service: Service | None = None
        self._loss, self._return = asyncio.Event(), asyncio.Event()

    @classmethod
    async def set_up(cls, api: TroubledTelegram, folder: Path) -> Self:
        """Make the sample databases and the settings of a server in an empty folder."""
        server = folder / "server"
        live = server / "live"
        await asyncio.to_thread(live.mkdir, parents=True)
        databases = await asyncio.to_thread(make_samples, live)
        return cls(api, server, databases, write_env(server, [str(path) for path in databases], api))

    async def play(self) -> None:
        """Run the service until the server is lost, get it back when that is wanted, and so on until cancelled.

        Raises what ends the service.
        """
        while True:
            await self._run()
            await asyncio.to_thread(destroy, self.server)
            self.databases, self.state = (), MachineState.LOST
            while self.state is not MachineState.STARTING:
                self._return.clear()
                await self._return.wait()
                await self._get_back()

    # --- what a visitor does -----------------------------------------------------------------------------------

    async def later(self, by: timedelta) -> None:
        """Move the clock on, and let the service notice at once what it would notice within half a minute."""
        self.clock.advance(by)
        if self._service is not None:
            await notice_the_time(self._service)

    def lose(self) -> bool:
        """Destroy the databases, the archives and the bot; False where the server does not run or no chat knows it."""
        if self.state is not MachineState.RUNNING or not self.can_return:
            return False
        self.state, self.recovery, self.recovered, self.came_back = MachineState.BURNING, "", None, ()
        self._loss.set()
        return True

    def get_back(self) -> bool:
        """Set up a new server from the chat alone; False where none is lost."""
        if self.state is not MachineState.LOST:
            return False
        self.state, self.recovery, self.recovered, self.came_back = MachineState.RETURNING, "", None, ()
        self._return.set()
        return True

    @property
    def can_return(self) -> bool:
        """Whether a chat has what a new server needs: the pinned restore points."""
        return any(person.newest_pinned() for person in self.phones.values())

    def file(self, unique_id: str) -> StoredFile | None:
        """Return a file that one of the chats shows."""
        for person in self.phones.values():
            for message in person.messages:
                if message.file is not None and message.file.unique_id == unique_id:
                    return message.file
        return None

    # --- the server --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Run the service beside the writer, until the server is lost."""
        self._loss.clear()
        async with AsyncExitStack() as stack:
            log = journal.setup_journal(self.settings.log_dir, "INFO", console=False)
            stack.callback(log.close)
            await stack.enter_async_context(beside(self._keep_counting()))
            database = next(path for path in self.paths if path.name == REQUESTS)
            await stack.enter_async_context(writing(database, a_second=ROWS_A_SECOND))
            service = await stack.enter_async_context(Service.started(self.settings, clock=self.clock))
            stack.callback(self.api.cut_off, False)
            if not self.can_return:  # the first one: its hourly run comes when it runs, however long it took to start
                self.clock.go_before_the_hour()
                await notice_the_time(service)
            self._service, self.state = service, MachineState.RUNNING
            try:
                await race(service.ended(), self._loss.wait())
                self.at_loss = await asyncio.to_thread(look_at, self.paths)
            finally:
                self._service = None
                self.api.cut_off(True)  # what burns says no word more

    async def _keep_counting(self) -> None:
        while True:
            self.databases = await asyncio.to_thread(look_at, self.paths)
            await asyncio.sleep(LOOK_EVERY)

    async def _get_back(self) -> None:
        """Recover the databases into an empty folder with the token alone; the state says whether it succeeded."""
        await asyncio.to_thread(destroy, self.server)
        await asyncio.to_thread(self.server.mkdir)
        admin, options = self._who_knows().id, ("--to", "live", "--with-token")
        self.command = f"sqlite-courier recover --admin {admin} --write-env --rebuild {' '.join(options)}"
        token = self.settings.bot_token.get_secret_value()
        code, said, trouble = await recover(self.api, *options, token=token, admin=admin, folder=self.server)
        self.recovery = "\n".join(filter(None, (said, trouble))).replace(f"{self.server}/", "")
        self.recovered = code == 0
        if not self.recovered:
            self.state = MachineState.LOST
            return
        self.came_back = await asyncio.to_thread(look_at, self.paths)
        env = self.server / ".env"
        await asyncio.to_thread(_add_lines, env, places(self.server, self.api))
        self.settings = load_settings(env)
        self.state = MachineState.STARTING

    def _who_knows(self) -> Person:
        """The first whose chat holds the restore points, and who has not blocked the bot."""
        known = [person for person in self.phones.values() if person.newest_pinned()]
        return next((person for person in known if self.api.standing(person) == "member"), known[0])


def _add_lines(env: Path, lines: list[str]) -> None:
    """Say where things are on the new machine, which the chat does not know."""
    with env.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
