"""Serves the HTTP side of the stand-in: /bot<token>/<method> and /file/bot<token>/<path>."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiogram.methods import GetUpdates
from aiohttp import web

from bot.demo.stand_in import updates
from bot.demo.stand_in.calls import Call, CallStage
from bot.demo.stand_in.chats import file_at
from bot.demo.stand_in.content import Exchange
from bot.demo.stand_in.contract import ContractViolationError, known_methods, read_method
from bot.demo.stand_in.methods import ANSWERS
from bot.demo.stand_in.multipart import CHUNK, Body, read_body
from bot.demo.stand_in.refusals import RefusalError, bad_request
from bot.demo.stand_in.state import BotAccount, State, StoredFile

CLOUD_UPLOAD_LIMIT = 50 * 1024 * 1024
LOCAL_UPLOAD_LIMIT = 2000 * 1024 * 1024
CLOUD_DOWNLOAD_LIMIT = 20 * 1024 * 1024


class Server:
    """Answers requests from the state; knows nothing of the people behind it. `local` plays a local Bot API server."""

    def __init__(self, state: State, *, local: bool = False) -> None:
        self.state = state
        self.local = local
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.refusals: list[tuple[str, int, RefusalError]] = []
        """What the next call of a method to a chat is refused with."""
        self.closing = asyncio.Event()

    async def on_stage(self, call: Call, stage: CallStage) -> None:
        """Called at each stage of each call; what goes wrong on purpose is raised here, as `RefusalError`."""
        for planned in self.refusals:
            method, chat_id, error = planned
            if stage is CallStage.CALL and (call.method, call.chat_id) == (method, chat_id):
                self.refusals.remove(planned)
                raise error

    def application(self) -> web.Application:
        """The routes of the official server."""
        # Only the parameters are ever read whole; files stream past this limit.
        application = web.Application(client_max_size=4 * 1024 * 1024)
        application.router.add_route("*", "/bot{token:[^/]+}/{method}", self.answer)
        application.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self.download)
        application.router.add_route("*", "/{anything:.*}", self._not_found)
        return application

    async def _not_found(self, _request: web.Request) -> web.StreamResponse:
        return RefusalError(404, "Not Found").response(_request)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One method call, from its first header to its log entry."""
        body = Body()
        call, bot = self._open_call(request, request.match_info["method"])
        try:
            result = await self._carry_out(request, call, bot, body)
            await self.on_stage(call, CallStage.ANSWER)
            call.status = 200
            return web.json_response({"ok": True, "result": result})
        except RefusalError as error:
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

    def _failed(self, request: web.Request, call: Call, error: RefusalError) -> web.StreamResponse:
        call.status, call.description = error.status, error.description
        return error.response(request)

    async def _carry_out(self, request: web.Request, call: Call, bot: BotAccount | None, body: Body) -> Any:
        await self.on_stage(call, CallStage.ARRIVAL)

        async def progress(so_far: Body) -> None:
            call.params, call.uploaded_bytes = so_far.fields, so_far.uploaded_bytes
            self.state.changes.ring()
            await self.on_stage(call, CallStage.BODY)

        call.params = body.fields
        limit = LOCAL_UPLOAD_LIMIT if self.local else CLOUD_UPLOAD_LIMIT
        try:
            await read_body(request, body, self.state.storage, limit=limit, progress=progress)
        except ValueError as error:
            self.violations.append(f"{call.method}: the body can't be read: {error}")
            raise bad_request("can't parse the request") from error
        call.uploaded_bytes = body.uploaded_bytes
        if bot is None:
            raise RefusalError(401, "Unauthorized")
        await self.on_stage(call, CallStage.CALL)
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
        if isinstance(method, GetUpdates):
            return await updates.get_updates(self.state, bot, method, self.closing)
        if call.method not in ANSWERS:
            # A real method the stand-in doesn't play: loud in the tests, and no pretended success.
            self.violations.append(f"{call.method}: the stand-in has no such method")
            raise RefusalError(404, "Not Found: method not found")
        exchange = Exchange(self.state, bot, body, self.local, None if self.local else CLOUD_DOWNLOAD_LIMIT)
        return await ANSWERS[call.method](exchange, method)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes behind a path from getFile."""
        call, bot = self._open_call(request, "download")
        call.params = {"path": request.match_info["path"]}
        try:
            await self.on_stage(call, CallStage.ARRIVAL)
            await self.on_stage(call, CallStage.CALL)
            if bot is None:
                raise RefusalError(401, "Unauthorized")
            file = file_at(bot, request.match_info["path"])
            if file is None or self.local:
                raise RefusalError(404, "Not Found")
            return await self._send_file(request, call, file)
        except RefusalError as error:
            return self._failed(request, call, error)
        finally:
            call.done = True
            self.state.changes.ring()

    async def _send_file(self, request: web.Request, call: Call, file: StoredFile) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(file.size)})
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        async for chunk in self.chunks(request, call, file):
            await response.write(chunk)
            call.downloaded_bytes += len(chunk)
        await response.write_eof()
        call.status = 200
        return response

    async def chunks(self, _request: web.Request, _call: Call, file: StoredFile) -> AsyncIterator[bytes]:
        """The bytes of a download, piece by piece."""
        opened = await asyncio.to_thread(file.path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(opened.read, CHUNK):
                yield chunk
        finally:
            opened.close()
