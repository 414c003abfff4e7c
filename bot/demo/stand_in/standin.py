"""Runs a Bot API server on loopback that behaves as the official one does, with people to talk to."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.demo.phones import Person
from bot.demo.stand_in.calls import Call
from bot.demo.stand_in.faults import Fault, FaultStage, Gate, Rule, delay
from bot.demo.stand_in.groups import Group
from bot.demo.stand_in.server import Manners, Server
from bot.demo.stand_in.state import Account, BotAccount, Chat, Json, State
from bot.demo.stand_in.updates import queue_update
from bot.demo.waiting import Clock

ANSWERABLE_SECONDS = 60
"""How long a press can be answered; the official server names no figure."""


class StandIn:
    """The server and everybody on it; use it as an asynchronous context manager.

    `local` plays a local Bot API server (2000 MB, absolute paths, file:// uploads). `throttle_identical_uploads` lets
    8 uploads of one size of 9 MiB or more pass within a minute, then answers 429 with 60 s. `rate_limits` lets one
    message per second into a chat, and 20 messages and edits per minute. Files go to `storage`, or to a private folder
    that is deleted at the end.
    """

    def __init__(
        self,
        *,
        storage: Path | None = None,
        local: bool = False,
        throttle_identical_uploads: bool = False,
        rate_limits: bool = False,
        port: int = 0,
        callback_seconds: float = ANSWERABLE_SECONDS,
    ) -> None:
        manners = Manners(local=local, throttle_identical_uploads=throttle_identical_uploads, rate_limits=rate_limits)
        self._own_storage = storage is None
        self._state = State(storage or Path())
        self._server = Server(self._state, manners)
        self._runner: web.AppRunner | None = None
        self._port = port
        self.date_ahead = 0.0
        """By how many seconds the Date header of every answer is ahead of this machine's clock."""
        self._callback_seconds = callback_seconds
        self.people: dict[int, Person] = {}
        self.groups: dict[int, Group] = {}

    async def __aenter__(self) -> Self:
        if self._own_storage:
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
            if self._own_storage:
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

    def create_bot_token(
        self, username: str = "courier_bot", *, name: str = "Courier", bot_id: int | None = None
    ) -> str:
        """A new bot; the first one is whom people talk to when they name no other."""
        number = bot_id or 7_000_000_000 + self._state.number()
        token = f"{number}:{secrets.token_urlsafe(26)}"
        self._state.bots[token] = BotAccount(number, name, username, is_bot=True, token=token)
        return token

    def bot(self, token: str | None = None) -> BotAccount:
        """The bot with that token, or the first one. Raises LookupError."""
        return self._state.bots[token] if token else self._state.first_bot()

    async def polled(self, token: str | None = None, *, within: float = 5) -> None:
        """Wait until that bot waits for updates: from then on it hears everything. Raises TimeoutError."""
        await self.until(lambda: self.bot(token).poller is not None, within=within)

    def revoke_token(self, token: str) -> None:
        """From now on 401."""
        del self._state.bots[token]

    def add_user(self, user_id: int, name: str = "Ann", *, username: str | None = None, started: bool = True) -> Person:
        """Somebody with a phone; `started` says whether they have pressed Start in every bot there is so far."""
        account = Account(user_id, name, username)
        self._state.people[user_id] = account
        person = self.people[user_id] = Person(self._state, account, self._callback_seconds)
        if started:
            for bot in self._state.bots.values():
                person.unblock_bot(bot)
        return person

    def add_group(
        self,
        chat_id: int,
        title: str = "Admins",
        *,
        members: Iterable[Person] = (),
        kind: str | None = None,
        is_forum: bool = False,
        username: str | None = None,
        bot_status: str = "member",
    ) -> Group:
        """A group with every bot there is so far in it; `kind` follows from the id. The first member owns it."""
        people = list(members)
        kind = kind or ("supergroup" if str(chat_id).startswith("-100") else "group")
        # Number 1 of a forum is General, whose id no message may take.
        chat = Chat(chat_id, kind, title, username, is_forum, next_id=2 if is_forum else 1)
        chat.members = {person.id: "creator" if index == 0 else "member" for index, person in enumerate(people)}
        self._state.groups[chat_id] = chat
        for bot in self._state.bots.values():
            chat.standing(bot.id).status = bot_status
        group = self.groups[chat_id] = Group(self._state, chat, people[0].id if people else self.bot().id)
        return group

    def inject(
        self,
        fault: Fault,
        method: str | None = None,
        *,
        chat_id: int | None = None,
        when: Callable[[Call], bool] | None = None,
        nth: int = 1,
        times: int | None = 1,
    ) -> Rule:
        """Let matching calls go wrong, from the nth on, so many times (None: always). Earlier rules strike first.

        `method` None means every method, getUpdates included. Raises ValueError where chat_id or `when` could never
        be known: at ARRIVAL the parameters were not read.
        """
        if fault.stage is FaultStage.ARRIVAL and (chat_id is not None or when is not None):
            raise ValueError("nothing but the method is known when a call arrives")
        rule = Rule(fault, self._state.changes, method, chat_id, when, nth, times)
        self._server.faults.rules.append(rule)
        return rule

    def hold(
        self, method: str, *, chat_id: int | None = None, stage: FaultStage = FaultStage.CALL, times: int | None = None
    ) -> Gate:
        """Hold matching calls until the gate given back is opened; at ANSWER they are carried out first."""
        gate = Gate(self._state.changes)
        self.inject(delay(gate=gate, stage=stage), method, chat_id=chat_id, times=times)
        return gate

    def clear_faults(self) -> None:
        """Everything works again; what is held stays held until its gate opens."""
        self._server.faults.rules.clear()

    def queue_update(self, kind: str, content: Json, token: str | None = None) -> None:
        """Put an update into a bot's queue as it stands, whatever is in it."""
        queue_update(self._state, self.bot(token), kind, content)

    def forget_files(self, token: str | None = None) -> None:
        """Make every file_id that bot knows stale."""
        self.bot(token).files.clear()
