"""Runs a Bot API server on loopback that behaves as the official one does, with people to talk to."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.demo.phones import Person
from bot.demo.stand_in.calls import Call
from bot.demo.stand_in.refusals import RefusalError
from bot.demo.stand_in.server import Server
from bot.demo.stand_in.state import Account, BotAccount, State
from bot.demo.waiting import Clock


class StandIn:
    """The server and everybody on it; use it as an asynchronous context manager.

    `local` plays a local Bot API server (2000 MB, absolute paths, file:// uploads). Files go to a private folder, which
    is deleted at the end.
    """

    make_server: type[Server] = Server
    make_person: type[Person] = Person

    def __init__(self, *, local: bool = False, port: int = 0) -> None:
        self._state = State(Path())
        self._server = self.make_server(self._state, local=local)
        self._runner: web.AppRunner | None = None
        self._port = port
        self.date_ahead = 0.0
        """By how many seconds the Date header of every answer is ahead of this machine's clock."""

    async def __aenter__(self) -> Self:
        # Made here and not earlier: a stand-in that never runs leaves no folder behind.
        self._state.storage = Path(tempfile.mkdtemp(prefix="bot-api-stand-in-"))
        application = self._server.application()
        application.on_response_prepare.append(self._put_date)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
        self._runner = runner
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
        except OSError:
            # A port that is taken: nobody will call __aexit__.
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Answer what is being held, stop listening and delete the private folder."""
        self._server.closing.set()
        self._state.changes.ring()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            shutil.rmtree(self._state.storage, ignore_errors=True)

    async def _put_date(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(time.time() + self.date_ahead, usegmt=True)

    @property
    def url(self) -> str:
        """http://127.0.0.1:port, for TelegramAPIServer.from_base. Raises RuntimeError before the start."""
        if self._runner is None:
            raise RuntimeError("the stand-in is not running")
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    @property
    def clock(self) -> Clock:
        """The server's time; `clock.advance(seconds)` makes it later at once."""
        return self._state.clock

    @property
    def storage(self) -> Path:
        """The folder with the uploaded files."""
        return self._state.storage

    @property
    def calls(self) -> list[Call]:
        """Everything the bots asked for, oldest first, downloads included."""
        return self._server.calls

    @property
    def violations(self) -> list[str]:
        """Calls the Bot API doesn't document; a test asserts that there are none."""
        return self._server.violations

    @property
    def uploaded_bytes(self) -> int:
        """Bytes of files received in all calls, failed ones included."""
        return sum(call.uploaded_bytes for call in self.calls)

    def calls_of(self, method: str, *, chat_id: int | None = None, ok: bool | None = None) -> list[Call]:
        """The calls of one method, to one chat, that succeeded or didn't."""
        return [
            call
            for call in self.calls
            if call.method.lower() == method.lower()
            and (chat_id is None or call.chat_id == chat_id)
            and (ok is None or call.ok is ok)
        ]

    async def until(self, condition: Callable[[], bool], *, within: float = 5) -> None:
        """Wait until a condition on anything here is true. Raises TimeoutError that shows the last calls."""
        if not await self._state.changes.until(condition, within=within):
            raise TimeoutError(f"it did not come true; the last calls: {self.calls[-5:]}")

    def create_bot_token(self, username: str = "courier_bot", *, name: str = "Courier") -> str:
        """A new bot; the first one is whom people talk to when they name no other."""
        number = 7_000_000_000 + self._state.number()
        token = f"{number}:{secrets.token_urlsafe(26)}"
        self._state.bots[token] = BotAccount(number, name, username, is_bot=True, token=token)
        return token

    def bot(self, token: str | None = None) -> BotAccount:
        """The bot with that token, or the first one. Raises LookupError."""
        return self._state.bots[token] if token else self._state.first_bot()

    async def polled(self, *, within: float = 5) -> None:
        """Wait until the first bot waits for updates: from then on it hears everything. Raises TimeoutError."""
        await self.until(lambda: self.bot().poller is not None, within=within)

    def add_user(self, user_id: int, name: str = "Ann", *, started: bool = True) -> Person:
        """Somebody with a phone; `started` says whether they have pressed Start in every bot there is so far."""
        account = Account(user_id, name)
        self._state.people[user_id] = account
        person = self.make_person(self._state, account)
        if started:
            for bot in self._state.bots.values():
                person.unblock_bot(bot)
        return person

    def refuse(self, error: RefusalError, method: str, *, chat_id: int) -> None:
        """Refuse the next call of that method to that chat."""
        self._server.refusals.append((method, chat_id, error))
