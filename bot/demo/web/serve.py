"""Runs `demo --web`: the scene, its page on loopback, and a browser that opens it."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from bot.app.service import on_stop_signal
from bot.demo.web.app import DemoPage
from bot.demo.web.scene import Scene
from bot.demo.web.troubles import TroubledTelegram
from bot.errors import SettingsError
from bot.services.concurrency.nursery import beside, race


async def run_web(*, port: int, browser: bool) -> None:
    """Serve the demo until Ctrl-C or SIGTERM, and leave nothing behind.

    Raises `SettingsError` where the port is taken, and what ends the service.
    """
    stop = asyncio.Event()
    on_stop_signal(stop)
    async with served(port=port) as (url, play):
        print(f"The demo is at {url}", "Ctrl-C ends it and leaves nothing behind.", sep="\n", flush=True)  # noqa: T201
        if browser and _has_screen():
            # A thread that nobody waits for: some browsers return only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        await race(stop.wait(), play)
        print("The demo ends …", flush=True)  # noqa: T201


@asynccontextmanager
async def served(*, port: int = 0) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """Serve the demo inside the block; gives its address, and its play, which goes on until it fails."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sqlite-courier-demo-")))
        scene = await Scene.set_up(await stack.enter_async_context(TroubledTelegram()), folder)
        page = DemoPage(scene)
        runner = web.AppRunner(page.application(), access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        play = await stack.enter_async_context(beside(scene.play()))
        stack.callback(page.closing.set)
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise SettingsError(
                (f"The demo can't have port {port}: {error.strerror or error}.",),
                hint="Leave --port out, and a free one is taken.",
            ) from error
        host, taken = runner.addresses[0][:2]
        yield f"http://{host}:{taken}/", play


def _has_screen() -> bool:
    """Whether a browser would have a window; without one, it would take over the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
