"""Serves the page of the demo: its files, what happens as server-sent events, and what a visitor does."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from bot.demo.phones import Person
from bot.demo.stand_in.state import Json
from bot.demo.web.guard import guard, put_headers
from bot.demo.web.scene import Scene
from bot.demo.web.views import phone_json, scene_json

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

ANSWERED_WITHIN = 15.0  # seconds after which a phone no longer waits for the answer to a press
LOOK_EVERY = 0.5
LARGEST_FILE = 50 * 1024 * 1024
CHUNK = 256 * 1024
LIMIT_SECONDS = 20.0
UNREACHABLE = "Telegram is down: nothing can be sent. The panel brings it back."


class DemoPage:
    """The requests of the page."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.closing = asyncio.Event()

    def application(self) -> web.Application:
        """The routes; everything is for the page that is served here alone."""
        application = web.Application(middlewares=[guard], client_max_size=64 * 1024)
        application.on_response_prepare.append(put_headers)
        application.add_routes(
            [
                web.get("/", self.page_file),
                web.get("/page/{name}", self.page_file),
                web.get("/events", self.events),
                web.get("/files/{id}", self.file),
                web.post("/phones/{phone:\\d+}/start", self.start),
                web.post("/phones/{phone:\\d+}/text", self.text),
                web.post("/phones/{phone:\\d+}/press", self.press),
                web.post("/phones/{phone:\\d+}/pick", self.pick),
                web.post("/phones/{phone:\\d+}/file", self.send_file),
                web.post("/phones/{phone:\\d+}/block", self.block),
                web.post("/later", self.later),
                web.post("/limit", self.limit),
                web.post("/down", self.down),
                web.post("/lose", self.lose),
                web.post("/return", self.get_back),
            ]
        )
        return application

    async def page_file(self, request: web.Request) -> web.StreamResponse:
        """One of the page's own files."""
        path = PAGE / request.match_info.get("name", "index.html")
        if path.parent != PAGE or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(body=path.read_bytes(), content_type=TYPES[path.suffix], charset="utf-8")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file out of a chat, to be kept."""
        file = self._scene.file(request.match_info["id"])
        if file is None:
            raise web.HTTPNotFound(text="That file is in no chat any more.")
        shown = "inline" if file.photo else "attachment"
        headers = {
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}",
            "Content-Type": "image/png" if file.photo else "application/octet-stream",
        }
        return web.FileResponse(file.path, headers=headers)

    # --- what happens ------------------------------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Everything there is, and then every change as it comes, until the page or the demo ends."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        page = _Shown(self._scene)
        with suppress(ConnectionResetError):  # the page was closed
            await _send(response, "hello", {})
            while not self.closing.is_set():
                for name, data in page.changes():
                    await _send(response, name, data)
                await self._scene.api.look_again(lambda: self.closing.is_set() or page.is_behind(), within=LOOK_EVERY)
        return response

    # --- what people do with their phones ----------------------------------------------------------------------

    async def start(self, request: web.Request) -> web.Response:
        """Press Start, or Restart after a block."""
        await self._phone(request).start()
        return web.json_response({})

    async def text(self, request: web.Request) -> web.Response:
        """Type a message."""
        text = str((await _asked(request)).get("text", "")).strip()[:4096]
        if text:
            await self._phone(request).send(text)
        return web.json_response({})

    async def press(self, request: web.Request) -> web.Response:
        """Press a button; the answer is what the bot shows for it, which may be nothing."""
        person, asked = self._phone(request), await _asked(request)
        message = next((message for message in person.messages if message.id == asked.get("message")), None)
        data = {button.callback_data for row in message.buttons for button in row} if message else set()
        if message is None or not asked.get("data") or asked["data"] not in data:
            return web.json_response({})  # edited or deleted in this very moment
        press = person.press_data(str(asked["data"]), message)
        try:
            answer = await press.answered(within=ANSWERED_WITHIN)
        except TimeoutError:
            return web.json_response({})
        return web.json_response({"text": answer.text, "alert": answer.show_alert})

    async def pick(self, request: web.Request) -> web.Response:
        """Press a button of the phone's own keyboard, and choose a person where it asks for one."""
        person, asked = self._phone(request), await _asked(request)
        chosen = [one for one in self._scene.phones.values() if one.id == asked.get("person")]
        try:
            await person.pick(str(asked.get("button", "")), *chosen)
        except LookupError as error:
            raise web.HTTPConflict(text=f"That can't be chosen: {error}.") from error
        return web.json_response({})

    async def send_file(self, request: web.Request) -> web.Response:
        """Send a file that was chosen; it comes as the body, its name in a header."""
        person = self._phone(request)
        name = Path(unquote(request.headers.get("X-File-Name", "file"))).name[:255] or "file"
        with tempfile.TemporaryDirectory(prefix="sqlite-courier-sent-") as folder:
            path = Path(folder) / "file"
            size = 0
            with path.open("wb") as file:
                async for chunk in request.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise web.HTTPRequestEntityTooLarge(
                            LARGEST_FILE, size, text="The demo takes files of up to 50 MB."
                        )
                    file.write(chunk)
            if not size:
                raise web.HTTPBadRequest(text="Telegram takes no empty files.")
            await person.send_document(path, name=name)
        return web.json_response({})

    async def block(self, request: web.Request) -> web.Response:
        """Block the bot."""
        self._phone(request).block_bot()
        return web.json_response({})

    def _phone(self, request: web.Request) -> Person:
        person = self._scene.phones.get(int(request.match_info["phone"]))
        if person is None:
            raise web.HTTPNotFound(text="There is no such phone.")
        if self._scene.api.down:
            raise web.HTTPServiceUnavailable(text=UNREACHABLE)
        return person

    # --- what happens to the server ----------------------------------------------------------------------------

    async def later(self, request: web.Request) -> web.Response:
        """Move the clock on by one hour or one day."""
        await self._scene.later(timedelta(hours=24 if (await _asked(request)).get("hours") == 24 else 1))
        return web.json_response({})

    async def limit(self, request: web.Request) -> web.Response:
        """Limit uploads, or let them through again."""
        self._scene.api.limit_uploads(LIMIT_SECONDS if (await _asked(request)).get("on") else 0)
        return web.json_response({})

    async def down(self, request: web.Request) -> web.Response:
        """Take Telegram down, or bring it back."""
        self._scene.api.set_down(bool((await _asked(request)).get("on")))
        return web.json_response({})

    async def lose(self, _request: web.Request) -> web.Response:
        """Lose the server with everything on it."""
        if not self._scene.lose():
            raise web.HTTPConflict(text="The server can be lost while it runs and a chat has its restore points.")
        return web.json_response({})

    async def get_back(self, _request: web.Request) -> web.Response:
        """Get everything back onto a new server from the chat."""
        if not self._scene.get_back():
            raise web.HTTPConflict(text="No server is lost.")
        return web.json_response({})


class _Shown:
    """What a page shows already, so that only changes are sent."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._revisions: dict[int, dict[int, int]] = {phone: {} for phone in scene.phones}
        self._frames: dict[int, Json] = {}
        self._panel: Json = {}

    def is_behind(self) -> bool:
        """Whether a phone has changed; what the panel counts is looked at often enough without."""
        return any(
            self._revisions[phone] != {message.id: message.revision for message in person.messages}
            for phone, person in self._scene.phones.items()
        )

    def changes(self) -> list[tuple[str, Json]]:
        """Return the events that bring the page up to date, taken as sent."""
        found = []
        for phone, person in self._scene.phones.items():
            view = phone_json(self._scene, person, self._revisions[phone])
            if view["messages"] or view["gone"] or view["frame"] != self._frames.get(phone):
                found.append(("phone", view))
            self._revisions[phone] = {message.id: message.revision for message in person.messages}
            self._frames[phone] = view["frame"]
        panel = scene_json(self._scene)
        if panel != self._panel:
            self._panel = panel
            found.append(("scene", panel))
        return found


async def _send(response: web.StreamResponse, name: str, data: Json) -> None:
    await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())


async def _asked(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request. Raises HTTPBadRequest for anything else."""
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="That is no JSON object.")
    return asked
