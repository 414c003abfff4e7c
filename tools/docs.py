"""`python -m tools.docs` writes what is generated in `docs/` anew: the tables of settings, the picture of the chat.

The tests that hold the pages to the program say so when this has to be run.
"""

from __future__ import annotations

import asyncio

from loguru import logger

from tools import chat_picture, settings_page


def main() -> None:
    """Write every generated part; the picture only where it shows something else than before."""
    logger.remove()  # the service's log is of no interest here
    settings_page.PAGE.write_text(settings_page.page(), encoding="utf-8")
    picture = chat_picture.drawn(asyncio.run(chat_picture.arrived()))
    path = chat_picture.PICTURE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if chat_picture.comparable(before) != chat_picture.comparable(picture):
        path.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
