"""Serves the HTTP side of the stand-in: /bot<token>/<method> and /file/bot<token>/<path>."""

import asyncio
import json
import math
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiogram.methods import DeleteWebhook, GetUpdates, GetWebhookInfo, SetWebhook
from aiohttp import web

from bot.demo.stand_in import updates
from bot.demo.stand_in.calls import Call
from bot.demo.stand_in.chats import file_at
from bot.demo.stand_in.content import Exchange
from bot.demo.stand_in.contract import ContractViolationError, known_methods, read_method
from bot.demo.stand_in.faults import CannedError, CutError, Fault, Faults, FaultStage
from bot.demo.stand_in.methods import ANSWERS
from bot.demo.stand_in.multipart import CHUNK, Body, read_body
from bot.demo.stand_in.refusals import RefusalError, bad_request, flood
from bot.demo.stand_in.state import BotAccount, Json, State, StoredFile

CLOUD_UPLOAD_LIMIT = 50 * 1024 * 1024
LOCAL_UPLOAD_LIMIT = 2000 * 1024 * 1024
CLOUD_DOWNLOAD_LIMIT = 20 * 1024 * 1024
THROTTLED_SIZE = 9 * 1024 * 1024
THROTTLED_AFTER = 8
THROTTLED_SECONDS = 60
PER_MINUTE = 20  # messages and edits in one chat


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How the server behaves where servers differ."""

    local: bool = False
    throttle_identical_uploads: bool = False
    rate_limits: bool = False

    @property
    def upload_limit(self) -> int:
        """Bytes of one uploaded file."""
        return LOCAL_UPLOAD_LIMIT if self.local else CLOUD_UPLOAD_LIMIT

    @property
    def download_limit(self) -> int | None:
        """Bytes of a file getFile gives out; None without a limit."""
        return None if self.local else CLOUD_DOWNLOAD_LIMIT


class Server:
    """Answers requests from the state; knows nothing of the people behind it."""

    def __init__(self, state: State, manners: Manners) -> None:
        self.state = state
        self.manners = manners
        self.faults = Faults(state.changes)
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.closing = asyncio.Event()
        self._bursts: dict[tuple[int, int], deque[float]] = {}
        self._recent: dict[tuple[int, int | str | None], deque[float]] = {}
        self._last_sent: dict[tuple[int, int | str | None], float] = {}

    def application(self) -> web.Application:
        """The routes of the official server."""
        # Only the parameters are ever read whole; files stream past this limit.
        application = web.Application(client_max_size=4 * 1024 * 1024)
        application.router.add_route("*", "/bot{token:[^/]+}/{method}", self.answer)
        application.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self.download)
        application.router.add_route("*", "/{anything:.*}", self._not_found)
        return application

    async def _not_found(self, _request: web.Request) -> web.StreamResponse:
        return _refuse(RefusalError(404, "Not Found"))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One method call, from its first header to its log entry."""
        body = Body()
        call, bot = self._open_call(request, request.match_info["method"])
        try:
            result = await self._carry_out(request, call, bot, body)
            await self.faults.strike(call, FaultStage.ANSWER, self.closing)
            call.status = 200
            return web.json_response({"ok": True, "result": result})
        except (CutError, CannedError, RefusalError) as error:
            return self._failed(request, call, error)
        except (ConnectionError, web.RequestPayloadError) as error:
            call.description = f"connection lost: {type(error).__name__}"
            return web.Response(status=400)
        finally:
            body.discard()
            call.uploaded_bytes = body.uploaded_bytes
            call.done = True
            self.state.changes.ring()

    def _open_call(self, request: web.Request, method: str) -> tuple[Call, BotAccount | None]:
        bot = self.state.bots.get(request.match_info["token"])
        model = known_methods().get(method.lower())
        name = model.__api_method__ if model else method
        call = Call(name, bot.id if bot else 0, self.state.clock.now())
        self.calls.append(call)
        self.state.changes.ring()
        return call, bot

    def _failed(
        self, request: web.Request, call: Call, error: CutError | CannedError | RefusalError
    ) -> web.StreamResponse:
        if isinstance(error, CutError):
            call.description = "connection cut"
            _abort(request)
            return web.Response()
        call.status = error.status
        if isinstance(error, CannedError):
            call.description = error.body
            return web.Response(status=error.status, text=error.body, content_type=error.content_type)
        call.description = error.description
        return _refuse(error)

    async def _carry_out(self, request: web.Request, call: Call, bot: BotAccount | None, body: Body) -> Any:
        await self.faults.strike(call, FaultStage.ARRIVAL, self.closing)

        async def progress(so_far: Body) -> None:
            call.params, call.uploaded_bytes = so_far.fields, so_far.uploaded_bytes
            self.state.changes.ring()
            await self.faults.strike(call, FaultStage.BODY, self.closing)

        call.params = body.fields
        try:
            await read_body(request, body, self.state.storage, limit=self.manners.upload_limit, progress=progress)
        except ValueError as error:
            self.violations.append(f"{call.method}: the body can't be read: {error}")
            raise bad_request("can't parse the request") from error
        call.uploaded_bytes = body.uploaded_bytes
        if bot is None:
            raise RefusalError(401, "Unauthorized")
        if bot.logged_out:
            raise bad_request("Logged out")
        fault = await self.faults.strike(call, FaultStage.CALL, self.closing)
        model = known_methods().get(call.method.lower())
        if model is None:
            raise RefusalError(404, "Not Found: method not found")
        try:
            method = read_method(model, body.fields, set(body.uploads))
        except ContractViolationError as error:
            self.violations += [f"{call.method}: {line}" for line in error.faults]
            if call.method in ("sendMessage", "editMessageText") and not body.fields.get("text"):
                raise bad_request("message text is empty") from error
            raise bad_request(str(error)) from error
        self._limit_rates(call, bot)
        return await self._dispatch(method, call, bot, body, fault)

    async def _dispatch(self, method: Any, call: Call, bot: BotAccount, body: Body, fault: Fault | None) -> Any:
        match method:
            case GetUpdates():
                return await updates.get_updates(self.state, bot, method, self.closing)
            case SetWebhook():
                return updates.set_webhook(self.state, bot, method)
            case DeleteWebhook():
                return updates.delete_webhook(self.state, bot, method)
            case GetWebhookInfo():
                return updates.webhook_info(bot, method)
        if call.method not in ANSWERS:
            # A real method the stand-in doesn't play: loud in the tests, and no pretended success.
            self.violations.append(f"{call.method}: the stand-in has no such method")
            raise RefusalError(404, "Not Found: method not found")
        exchange = Exchange(self.state, bot, body, self.manners.local, self.manners.download_limit)
        exchange.album_flood = fault.album if fault else None
        return await ANSWERS[call.method](exchange, method)

    def _limit_rates(self, call: Call, bot: BotAccount) -> None:
        now = self.state.clock.now()
        if self.manners.throttle_identical_uploads and call.uploaded_bytes >= THROTTLED_SIZE:
            burst = self._bursts.setdefault((bot.id, call.uploaded_bytes), deque(maxlen=THROTTLED_AFTER))
            if len(burst) == THROTTLED_AFTER and now - burst[0] < THROTTLED_SECONDS:
                raise flood(THROTTLED_SECONDS)
            burst.append(now)
        if self.manners.rate_limits and call.method != "sendChatAction":
            key, sends = (bot.id, call.chat_id), call.method.startswith(("send", "forward", "copy"))
            if not sends and not call.method.startswith("edit"):
                return
            # The official figures are not published; edits are in the same account as messages.
            recent = self._recent.setdefault(key, deque(maxlen=PER_MINUTE))
            if len(recent) == PER_MINUTE and now - recent[0] < 60:
                raise flood(math.ceil(60 - (now - recent[0])))
            if sends:
                if now - self._last_sent.get(key, 0) < 1:
                    raise flood(1)
                self._last_sent[key] = now
            recent.append(now)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes behind a path from getFile."""
        call, bot = self._open_call(request, "download")
        call.params = {"path": request.match_info["path"]}
        try:
            await self.faults.strike(call, FaultStage.ARRIVAL, self.closing)
            fault = await self.faults.strike(call, FaultStage.CALL, self.closing)
            if bot is None:
                raise RefusalError(401, "Unauthorized")
            file = file_at(bot, request.match_info["path"])
            if file is None or self.manners.local:
                raise RefusalError(404, "Not Found")
            cut_at = fault.truncate_at if fault else None
            return await self._send_file(request, call, file, cut_at)
        except (CutError, CannedError, RefusalError) as error:
            return self._failed(request, call, error)
        finally:
            call.done = True
            self.state.changes.ring()

    async def _send_file(
        self, request: web.Request, call: Call, file: StoredFile, cut_at: int | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(file.size)})
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        async for chunk in _chunks(file.path):
            part = chunk if cut_at is None else chunk[: max(cut_at - call.downloaded_bytes, 0)]
            await response.write(part)
            call.downloaded_bytes += len(part)
            if len(part) < len(chunk):
                # Closed in an orderly way: what was written arrives, and then nothing does.
                if request.transport is not None:
                    request.transport.close()
                raise CutError
        await response.write_eof()
        call.status = 200
        return response


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()


def _refuse(error: RefusalError) -> web.Response:
    body: Json = error.as_json()
    headers = {}
    if "retry_after" in error.parameters:
        headers["Retry-After"] = str(error.parameters["retry_after"])
    return web.Response(status=error.status, text=json.dumps(body), content_type="application/json", headers=headers)


def _abort(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        # Lingering for zero seconds makes the close a reset, as a dying server or a middlebox would.
        layout = "hh" if sys.platform == "win32" else "ii"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
    transport.abort()
