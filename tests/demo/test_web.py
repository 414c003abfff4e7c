"""`sqlite-courier demo --web`: what a visitor does in a real browser, who else may ask, and what is left at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, web

from bot.demo.web.guard import guard, put_headers
from bot.demo.web.scene import Scene
from bot.demo.web.serve import served
from bot.demo.web.troubles import TroubledTelegram
from tests.world.processes import started
from tests.world.shell import Shell
from tools import browser
from tools.browser import Browser

ANN = "document.querySelector('[data-phone=\"101\"]')"
ARCHIVES = f"[...{ANN}.querySelectorAll('.file b')].filter(name => name.textContent.startsWith('database_backup_'))"
STATE = "document.getElementById('state').textContent"


def button(caption: str) -> str:
    """The newest button with that caption on Ann's phone, as the page finds it."""
    return (
        f"[...{ANN}.querySelectorAll('.messages button')].reverse().find(key => key.textContent.includes('{caption}'))"
    )


def shows(words: str) -> str:
    return f"{ANN}.querySelector('.messages').innerText.includes('{words}')"


@pytest.mark.skipif(bool(browser.missing()), reason=f"{browser.missing()} is not installed")
async def test_a_visitor_backs_up_restores_and_gets_a_lost_server_back() -> None:
    """Every press goes through the page to the real bot, and the console of the browser has nothing to complain of."""
    async with served() as (url, _), Browser.opened() as visitor:
        await visitor.open(url)
        await visitor.until(f"{ARCHIVES}.length == 1")  # the hourly run
        await visitor.click(button("Recovery command"))  # below the pinned list
        await visitor.until(
            f"{ANN}.querySelector('.toast').textContent == 'Copied: sqlite-courier recover --admin 101'"
        )
        await visitor.type(f"{ANN}.querySelector('.text')", "/admin\n")
        await visitor.click(button("Database Backup"))
        await visitor.click(button("Manual Backup"))
        await visitor.until(f"{ARCHIVES}.length == 2")
        await visitor.until(shows("took"))  # nobody else is waiting for it: a restore may begin
        await visitor.click(button("Restore"))  # below the archive
        await visitor.click(button("Show the plan"))
        await visitor.click(f"{ANN}.querySelector('.messages .danger')")
        await visitor.click(button("Yes, replace"))
        await visitor.until(shows("Undo brings back"))
        await visitor.click("document.querySelector('[data-trouble=lose] button:not(:disabled)')")
        await visitor.click(f"{STATE} == 'lost' && document.querySelector('[data-trouble=lose] button')")
        await visitor.until(f"{STATE} == 'running'")
        assert "rows came back" in await visitor.run("return document.querySelector('[data-trouble=lose]').innerText")
        await visitor.click("document.getElementById('hour')")
        await visitor.until(f"{ARCHIVES}.length == 3")
        assert await visitor.complaints() == []


@pytest.mark.skipif(sys.platform == "win32", reason="its rights are another matter there")
async def test_the_settings_of_the_demo_are_its_own(tmp_path: Path) -> None:
    """Its own full check would warn of a token that others can read."""
    async with TroubledTelegram() as api:
        scene = await Scene.set_up(api, tmp_path)
    assert (scene.server / ".env").stat().st_mode & 0o777 == 0o600


@pytest.fixture
async def guarded() -> AsyncIterator[str]:
    """A server that keeps itself as the demo's does, and answers `done`."""

    async def done(_request: web.Request) -> web.Response:
        return web.Response(text="done")

    application = web.Application(middlewares=[guard])
    application.on_response_prepare.append(put_headers)
    application.router.add_route("*", "/", done)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"Host": "evil.example"}, 421),
        ("GET", {"Host": "127.0.0.1"}, 421),
        ("POST", {}, 403),
        ("POST", {"Origin": "http://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://{here}"}, 200),
        ("POST", {"Origin": "http://{here}", "Host": "evil.example"}, 421),
    ],
)
async def test_only_the_page_itself_may_ask(guarded: str, method: str, headers: dict[str, str], status: int) -> None:
    """Neither another site in the same browser nor a name that was led to loopback reaches the demo."""
    told = {name: value.format(here=guarded) for name, value in headers.items()}
    async with ClientSession() as session, session.request(method, f"http://{guarded}/", headers=told) as answer:
        assert answer.status == status
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C can't be sent to one process there")
async def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    """The address is printed, the page and what it needs come from there, and the folders of the demo are gone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = started(["demo", "--web", "--no-open", "--port", str(port)], folder=tmp_path, environment=environment)
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as session:
            assert "<title>SQLite Courier" in await answered(session)
            async with session.get("/events") as events:
                assert await events.content.readline() == b"event: hello\n"
                assert list(tmp_path.iterdir())
                demo.send_signal(signal.SIGINT)
                done = await demo.ended(within=60)
    finally:
        demo.send_signal(signal.SIGKILL)  # where it has not ended
    assert (done.returncode, done.stderr) == (0, "")
    assert f"http://127.0.0.1:{port}/" in done.stdout
    assert list(tmp_path.iterdir()) == []


async def answered(session: ClientSession) -> str:
    """The page, as soon as there is one."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get("/") as page:
                    return await page.text()
            except ClientError:
                await asyncio.sleep(0.05)


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    """Above all the user's own databases, which the page's buttons could destroy."""
    shell = Shell(tmp_path)
    assert "samples alone" in shell.refused(2, "demo", "--web", "--databases", "mine.db")
    assert "go with --web" in shell.refused(2, "demo", "--once", "--no-open")
