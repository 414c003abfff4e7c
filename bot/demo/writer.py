"""Keeps writing to a sample database, as the bot that owns it would: `python -m bot.demo.writer FILE PAUSE`."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
from contextlib import closing


def keep_writing(path: str, stop: threading.Event, pause: float) -> None:
    """Add a request every `pause` seconds, with its count in the same transaction, until `stop` is set."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        number = 0
        while not stop.wait(pause):
            number += 1
            with connection:
                connection.execute(
                    "INSERT INTO requests (user_id, text, at) VALUES (?, ?, datetime('now'))",
                    (number % 600 + 1, f"live request {number}"),
                )
                connection.execute("UPDATE totals SET value = value + 1 WHERE name = 'requests'")


def main() -> None:
    """Write until standard input ends, so that the writer never outlives whoever started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the demo, which ends this one
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    keep_writing(sys.argv[1], stop, float(sys.argv[2]))


if __name__ == "__main__":
    main()
