"""Drives a real browser over WebDriver: Debian's chromium and its driver, with nothing of the internet.

https://www.w3.org/TR/webdriver2/ is the whole protocol; this speaks the dozen words of it that are needed here.
"""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--force-color-profile=srgb",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
PATIENCE = 30.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of every reference to one, by the standard

# Looks in the page until something is true there; what a test waits for is never a length of time.
_UNTIL = """
const [condition, patience, done] = arguments;
const look = new Function("return (" + condition + ")");
const end = performance.now() + patience;
(function again() {
    let found;
    try { found = look(); } catch (error) { found = null; }
    if (found || performance.now() > end) done(found || null);
    else setTimeout(again, 30);
})();
"""


def missing() -> str:
    """Return what a browser needs and is not installed here; empty where everything is."""
    if not shutil.which("chromedriver"):
        return "chromedriver"
    return "" if any(map(shutil.which, BROWSERS)) else "chromium"


class Browser:
    """A window of the browser; gone with the block that opened it."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session, self._url = session, url

    @classmethod
    @asynccontextmanager
    async def opened(cls, *, width: int = 1400, height: int = 900, dark: bool = False) -> AsyncIterator[Self]:
        """Start the driver and a browser with an empty profile. Raises LookupError where there is none."""
        if what := missing():
            raise LookupError(f"{what} is not installed")
        async with AsyncExitStack() as stack:
            profile = stack.enter_context(tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True))
            driver = await asyncio.create_subprocess_exec(
                *("chromedriver", "--port=0"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            stack.push_async_callback(driver.wait)
            stack.callback(driver.terminate)
            address = f"http://127.0.0.1:{await _port_of(driver)}"
            session = await stack.enter_async_context(ClientSession())
            options: dict[str, Any] = {
                "binary": next(filter(None, map(shutil.which, BROWSERS))),
                "args": [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"],
                "prefs": {"download.default_directory": str(Path(profile) / "downloads")},
            }
            wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            browser = cls(session, address)
            made = await browser._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            browser._url = f"{address}/session/{made['sessionId']}"
            stack.push_async_callback(browser._call, "DELETE", "")
            await browser.set_screen(width, height, dark=dark)
            yield browser

    async def set_screen(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show the page on a screen of that size, for people who prefer light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.devtools("Emulation.setDeviceMetricsOverride", **screen)
        await self.devtools("Emulation.setEmulatedMedia", features=features)

    async def devtools(self, method: str, **params: Any) -> Any:
        """Call one method of chromium's own protocol."""
        return await self._call("POST", "/goog/cdp/execute", {"cmd": method, "params": params})

    async def open(self, url: str) -> None:
        """Go to a page, and return when it is there."""
        await self._call("POST", "/url", {"url": url})

    async def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page; return what it returns."""
        return await self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, condition: str, *, within: float = PATIENCE) -> Any:
        """Wait for a JavaScript expression to be true; return it. Raises TimeoutError with what the page shows."""
        await self._call("POST", "/timeouts", {"script": int(within * 1000) + 5000})
        asked = {"script": _UNTIL, "args": [condition, within * 1000]}
        if (found := await self._call("POST", "/execute/async", asked)) is None:
            shown = await self.run("return document.body.innerText")
            raise TimeoutError(f"never true: {condition}; the page shows:\n{shown}")
        return found

    async def click(self, element: str, *, within: float = PATIENCE) -> None:
        """Press what a JavaScript expression finds, once it is there, as a person would: where it can be seen.

        What is drawn anew in the very moment, or still lies under something, is looked for again.
        """
        async with asyncio.timeout(2 * within):
            while True:
                found = await self.until(element, within=within)
                try:
                    await self._call("POST", f"/element/{found[_ELEMENT]}/click", {})
                except RuntimeError as error:
                    if not str(error).startswith(("stale element reference", "element click intercepted")):
                        raise
                else:
                    return

    async def type(self, element: str, text: str) -> None:
        """Type into what a JavaScript expression finds; the path of a file into a chooser of files."""
        found = await self.until(element)
        await self._call("POST", f"/element/{found[_ELEMENT]}/value", {"text": text})

    async def picture(self) -> bytes:
        """Return the window as a PNG."""
        return base64.b64decode(await self._call("GET", "/screenshot"))

    async def complaints(self) -> list[str]:
        """Return what the console has said since it was last asked."""
        return [entry["message"] for entry in await self._call("POST", "/se/log", {"type": "browser"})]

    async def _call(self, method: str, path: str, asked: dict[str, Any] | None = None) -> Any:
        async with self._session.request(method, self._url + path, json=asked) as answer:
            value = (await answer.json())["value"]
        if answer.status != 200:
            raise RuntimeError(f"{value['error']}: {value['message']}")
        return value


async def _port_of(driver: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(PATIENCE):
        while driver.stdout is not None and (line := await driver.stdout.readline()):
            if found := re.search(rb"started successfully on port (\d+)", line):
                return int(found[1])
    raise RuntimeError("chromedriver ended before it listened")
