"""`python -m tools.screenshot` takes the README's picture: the demo's page in a real browser, with its emoji.

It needs Debian's chromium, chromium-driver and fonts-noto-color-emoji, or what other systems call them.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from bot.demo.web.serve import served
from tools.browser import Browser

PICTURE = Path(__file__).parent.parent / "docs" / "demo.png"
WIDTH, HEIGHT = 1400, 860


def on(phone: int, what: str) -> str:
    """What a selector finds on a phone, as the page is asked for it."""
    return f"document.querySelector('[data-phone=\"{phone}\"] {what}')"


async def main() -> None:
    """Let Cleo press Start and Ann open the dashboard, and take the picture."""
    async with served() as (url, _), Browser.opened(width=WIDTH, height=HEIGHT) as browser:
        await browser.open(url)
        await browser.until(on(101, ".file"))
        await browser.click(on(103, ".start"))
        await browser.until(f"{on(103, '.pinned')}.innerText.includes('✅ Running')")
        await browser.type(on(101, ".text"), "/admin\n")
        await browser.click(on(101, ".messages li:last-child .row button"))
        await browser.until(f"{on(101, '.messages li:last-child')}.innerText.includes('Manual Backup')")
        await browser.run(f"{on(102, '.file')}.closest('li').scrollIntoView()")
        await browser.until("!document.querySelector('.busy') && document.querySelector('.grown')")
        await browser.until("document.getAnimations().every(each => each.playState == 'finished')")
        PICTURE.write_bytes(await browser.picture())


def shows_emoji() -> bool:
    """Whether a font of this machine has them: without one, the picture would be full of empty boxes."""
    pin = ["fc-list", ":charset=1f4cc"]
    return shutil.which(pin[0]) is None or bool(subprocess.run(pin, stdout=subprocess.PIPE, check=False).stdout)  # noqa: S603


if __name__ == "__main__":
    if not shows_emoji():
        sys.exit("No font here has emoji: install fonts-noto-color-emoji, or what this system calls it.")
    asyncio.run(main())
