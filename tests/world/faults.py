"""Faults on demand in the stand-in's server: which calls fail, when, and in which way."""

import asyncio
import json
import math
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from bot.demo.stand_in import refusals
from bot.demo.stand_in.calls import Call, CallStage
from bot.demo.stand_in.refusals import RefusalError
from bot.demo.stand_in.server import Server
from bot.demo.stand_in.state import State, StoredFile
from bot.demo.waiting import Changes
from tests.world.colours import misused_colours

PER_MINUTE = 20
BAD_GATEWAY = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
)


class CutError(RefusalError):
    """The connection ends here, without an answer."""

    def __init__(self) -> None:
        super().__init__(0, "connection cut")

    def response(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            connection = request.transport.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                # Lingering for zero seconds makes the close a reset, as a dying server or a middlebox would.
                layout = "hh" if sys.platform == "win32" else "ii"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
            request.transport.abort()
        return web.Response()


class CannedError(RefusalError):
    """An answer that is sent as it stands."""

    def __init__(self, status: int, body: str, content_type: str) -> None:
        super().__init__(status, body)
        self.content_type = content_type

    def response(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=self.status, text=self.description, content_type=self.content_type)


class Gate:
    """Holds calls until it is opened; from then on lets everything through."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.is_open = False
        self.waiting = 0
        """How many calls stand before it."""

    def open(self) -> None:
        """Let everything through, now and later."""
        self.is_open = True
        self._changes.ring()

    async def reached(self, calls: int = 1, *, within: float = 5) -> None:
        """Wait until that many calls stand before it. Raises TimeoutError."""
        if not await self._changes.until(lambda: self.waiting >= calls, within=within):
            raise TimeoutError(f"{self.waiting} calls of {calls} came to the gate")

    async def passed(self, closing: asyncio.Event) -> None:
        """Wait until it is open, or the server closes."""
        self.waiting += 1
        self._changes.ring()
        await self._changes.until(lambda: self.is_open or closing.is_set(), within=None)
        self.waiting -= 1


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a call; made by the functions below."""

    stage: CallStage
    error: RefusalError | None = None
    gate: Gate | None = None
    seconds: float = 0
    after_bytes: int = 0
    truncate_at: int | None = None


def flood(retry_after: int) -> Fault:
    """429 with the header and the parameter."""
    return Fault(CallStage.CALL, refusals.flood(retry_after))


def forbidden(text: str = "bot was blocked by the user") -> Fault:
    """403 `Forbidden: …`."""
    return Fault(CallStage.CALL, refusals.forbidden(text))


def bad_request(text: str) -> Fault:
    """400 `Bad Request: …`."""
    return Fault(CallStage.CALL, refusals.bad_request(text))


def migrated(new_chat_id: int) -> Fault:
    """400 that names the supergroup; to have the new id work as well, upgrade a real group instead."""
    return Fault(CallStage.CALL, refusals.upgraded(new_chat_id))


def refused(status: int, description: str) -> Fault:
    """Any other refusal as JSON: 401 Unauthorized, 409 Conflict, …"""
    return Fault(CallStage.CALL, RefusalError(status, description))


def too_large(*, html: bool = False) -> Fault:
    """413, from the server itself (JSON) or from the proxy in front of it (HTML)."""
    return _html(413, "413 Request Entity Too Large") if html else refused(413, "Request Entity Too Large")


def server_error(
    status: int = 500, description: str | None = "Internal Server Error: restart", *, html: bool = False
) -> Fault:
    """5xx as JSON, as JSON without a description (None), or as HTML."""
    if html:
        return _html(status, "502 Bad Gateway" if status == 502 else f"{status} Internal Server Error")
    if description is None:
        body = json.dumps({"ok": False, "error_code": status})
        return Fault(CallStage.CALL, CannedError(status, body, "application/json"))
    return refused(status, description)


def reset(stage: CallStage = CallStage.CALL, *, after_bytes: int = 1) -> Fault:
    """Cut the connection: at ARRIVAL, in the BODY once `after_bytes` of files came in, at CALL, or at ANSWER.

    A call without a file has no BODY stage.
    """
    return Fault(stage, CutError(), after_bytes=after_bytes)


def lost_answer() -> Fault:
    """The call is carried out, then the connection is cut: delivered, and the bot can't know."""
    return reset(CallStage.ANSWER)


def delay(seconds: float = 0, *, gate: Gate | None = None, stage: CallStage = CallStage.CALL) -> Fault:
    """Hold the call (CALL) or the answer of a call already carried out (ANSWER) for a time or until a gate opens."""
    return Fault(stage, gate=gate, seconds=seconds)


def truncated(at: int) -> Fault:
    """A download that ends after `at` bytes although more were promised; for the method `download`."""
    return Fault(CallStage.CALL, truncate_at=at)


def _html(status: int, title: str) -> Fault:
    return Fault(CallStage.CALL, CannedError(status, BAD_GATEWAY.format(title), "text/html"))


@dataclass(eq=False, slots=True)
class Rule:
    """A fault and the calls it is meant for."""

    fault: Fault
    changes: Changes
    method: str | None = None
    chat_id: int | None = None
    when: Callable[[Call], bool] | None = None
    nth: int = 1
    times: int | None = 1
    seen: int = 0
    hits: int = 0
    """How often it struck."""
    _last: Call | None = None

    def cancel(self) -> None:
        """Never strike again."""
        self.times = self.hits

    async def struck(self, hits: int = 1, *, within: float = 5) -> None:
        """Wait until it struck that often. Raises TimeoutError."""
        if not await self.changes.until(lambda: self.hits >= hits, within=within):
            raise TimeoutError(f"struck {self.hits} times of {hits}")

    def strikes(self, call: Call, stage: CallStage) -> bool:
        """Whether this call is hit at this stage; counts it."""
        if not self._fits(call, stage) or self._last is call:
            # A body comes in many chunks, and is one call all the same.
            return False
        self._last = call
        self.seen += 1
        if self.seen < self.nth:
            return False
        self.hits += 1
        self.changes.ring()
        return True

    def _fits(self, call: Call, stage: CallStage) -> bool:
        return (
            stage is self.fault.stage
            and (self.times is None or self.hits < self.times)
            and (stage is not CallStage.BODY or call.uploaded_bytes >= self.fault.after_bytes)
            and (self.method is None or self.method.lower() == call.method.lower())
            and (self.chat_id is None or self.chat_id == call.chat_id)
            and (self.when is None or self.when(call))
        )


class FaultyServer(Server):
    """A server in which calls go wrong by rules, the earlier one first. `limits` bounds what is sent to a chat.

    Whatever a bot draws on it in any test is held to what colours mean: to misuse one is a violation.
    """

    def __init__(self, state: State, *, local: bool = False) -> None:
        super().__init__(state, local=local)
        self.rules: list[Rule] = []
        self.limits = False
        self._truncated: dict[Call, int] = {}
        self._recent: dict[int | str | None, deque[float]] = {}
        self._last_sent: dict[int | str | None, float] = {}

    async def on_stage(self, call: Call, stage: CallStage) -> None:
        """Wait out every delay; then raise what the first matching fault says."""
        for rule in list(self.rules):
            if not rule.strikes(call, stage):
                continue
            fault = rule.fault
            if fault.gate is not None:
                await fault.gate.passed(self.closing)
            elif fault.seconds:
                await self.state.changes.until(self.closing.is_set, within=fault.seconds)
            if fault.error is not None:
                raise fault.error.with_traceback(None)
            if fault.truncate_at is not None:
                self._truncated[call] = fault.truncate_at
                break
        if stage is CallStage.CALL:
            self.violations += misused_colours(call)
            if self.limits:
                self._limit(call)

    def _limit(self, call: Call) -> None:
        """A message a second into a chat, and twenty messages and edits a minute; real figures are not published."""
        sends = call.method.startswith("send")
        if call.method == "sendChatAction" or not (sends or call.method.startswith("edit")):
            return
        now = self.state.clock.now()
        recent = self._recent.setdefault(call.chat_id, deque(maxlen=PER_MINUTE))
        if len(recent) == PER_MINUTE and now - recent[0] < 60:
            raise refusals.flood(math.ceil(60 - (now - recent[0])))
        if sends and now - self._last_sent.get(call.chat_id, 0) < 1:
            raise refusals.flood(1)
        if sends:
            self._last_sent[call.chat_id] = now
        recent.append(now)

    async def chunks(self, request: web.Request, call: Call, file: StoredFile) -> AsyncIterator[bytes]:
        """A truncated one is closed in an orderly way: what was written arrives, and then nothing does."""
        left = self._truncated.get(call, file.size)
        async for chunk in super().chunks(request, call, file):
            yield chunk[:left]
            left -= len(chunk)
            if left < 0 and request.transport is not None:
                request.transport.close()
                raise CutError
