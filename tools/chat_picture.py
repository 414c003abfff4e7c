"""Draws a backup as it arrives in the chat: the real service, its hourly run, and what the stand-in then shows.

Only sizes and checksums depend on the machine that it is drawn on; `comparable` leaves them out.
"""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

from bot.app.service import Service
from bot.config.settings import load_settings
from bot.demo.samples import make_samples
from bot.demo.stand_in.standin import StandIn
from bot.demo.stand_in.state import Message
from bot.texts.measures import human_size

PICTURE = Path(__file__).parent.parent / "docs" / "chat.svg"
HOUR = datetime(2026, 7, 13, 12, tzinfo=UTC)
PATIENCE = 30.0  # seconds for the run and its delivery

_WIDTH, _LINE, _LEFT = 600, 24, 32
_DIFFERS = re.compile(r"\d[\d.]*(?= (?:bytes|KB|MB|%|s\b))|\b[0-9a-f]{16}\b")


class _ClockOfTheHour:
    """Stands a second before the hour until it is moved there, so that the run at it is the schedule's own."""

    def __init__(self) -> None:
        self.now = HOUR - timedelta(seconds=1)

    def __call__(self) -> datetime:
        return self.now


async def arrived() -> Message:
    """Return what an admin has in the chat after the hourly run of two databases. Raises TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="sqlite-courier-picture-") as name:
        folder = Path(name)
        databases = make_samples(folder)[:2]
        async with StandIn() as api:
            token = api.create_bot_token()
            ann = api.add_user(101, "Ann")
            env = folder / ".env"
            lines = (
                f"BOT_TOKEN={token}",
                "ADMIN_IDS=101",
                "DATABASES=" + ",".join(f"'{path}'" for path in databases),
                f"BACKUP_DIR='{folder / 'backups'}'",
                f"LOG_DIR='{folder / 'logs'}'",
                f"TELEGRAM_API={api.url}",
                "TIMEZONE=Europe/Berlin",
                "DRILL_SCHEDULE=off",
            )
            env.write_text("\n".join(lines) + "\n", encoding="utf-8")
            clock = _ClockOfTheHour()
            async with Service.started(load_settings(env), clock=clock):
                clock.now = HOUR
                return await ann.wait_for(lambda message: message.document is not None, within=PATIENCE, since=0)


def drawn(message: Message) -> str:
    """Return the message as an SVG: the document, its caption, its buttons."""
    if message.document is None:
        raise ValueError("there is no document to draw")
    caption = [_styled(line) for line in message.html.split("\n")]
    bottom = 84 + len(caption) * _LINE + 16
    parts = [
        f'<rect x="12" y="12" width="{_WIDTH - 24}" height="{bottom - 12}" rx="14" fill="#ffffff"/>',
        '<circle cx="54" cy="50" r="22" fill="#3390ec"/>',
        '<path d="M54 39v18m-8-8l8 8l8-8" fill="none" stroke="#ffffff" stroke-width="3" stroke-linecap="round"/>',
        f'<text x="88" y="46" font-weight="bold">{escape(message.document.name)}</text>',
        f'<text x="88" y="66" fill="#707579">{human_size(message.document.size)}</text>',
    ]
    parts += [f'<text x="{_LEFT}" y="{100 + n * _LINE}">{line}</text>' for n, line in enumerate(caption)]
    for row in message.buttons:
        width = (_WIDTH - 24 - 6 * (len(row) - 1)) / len(row)
        for n, button in enumerate(row):
            left = 12 + n * (width + 6)
            parts += [
                f'<rect x="{left:g}" y="{bottom + 6}" width="{width:g}" height="36" rx="8" fill="#7fa7c9"/>',
                f'<text x="{left + width / 2:g}" y="{bottom + 30}" text-anchor="middle" fill="#ffffff">'
                f"{escape(button.text)}</text>",
            ]
        bottom += 42
    height = bottom + 12
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="16" fill="#000000">',
            "<title>A backup as it arrives in the chat</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#d6e4ee"/>',
            *parts,
            "</svg>\n",
        )
    )


def comparable(picture: str) -> str:
    """Return the picture without the figures that differ from machine to machine."""
    return _DIFFERS.sub("#", picture)


def _styled(line: str) -> str:
    """Turn a line of Telegram's HTML into the content of an SVG text; tags that say nothing there are left out."""
    line = line.replace("<b>", '<tspan font-weight="bold">').replace("<code>", '<tspan font-family="monospace">')
    line = line.replace("</b>", "</tspan>").replace("</code>", "</tspan>")
    return re.sub(r"</?(?!/?tspan)[a-z][^>]*>", "", line)
