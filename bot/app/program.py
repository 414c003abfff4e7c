"""Runs a program of the user's under the service, and makes a last backup when it has ended."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from loguru import logger

from bot.app.service import Service
from bot.config.settings import Settings
from bot.errors import BusyError, CourierError, SettingsError
from bot.models import Actor, Trigger
from bot.services.concurrency.nursery import Nursery, race

AGAIN_AFTER = 0.5
"""Seconds between two tries at the last backup, while another run is under way."""

LIST_TRIES, LONGEST_PAUSE = 3, 5.0
"""How often the pinned list is written at the end, and the longest wait between, in seconds: the host does not wait."""

_FORWARDED = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name) and sys.platform != "win32"
)
_OF_THE_TERMINAL = ("SIGINT", "SIGQUIT")
"""A terminal sends these to the program itself, which is in its foreground as we are."""


def split_command(text: str, *, windows: bool = sys.platform == "win32") -> list[str]:
    """Split a command line as the system's own programs do it; no shell is asked. Raises `SettingsError`."""
    try:
        words = _split_as_windows(text) if windows else shlex.split(text)
    except ValueError as error:
        raise SettingsError((f"--exec can't be read: {error}.",), hint="Close the quotes.") from None
    if not words:
        raise SettingsError(("--exec names no program.",), hint='Write --exec "python bot.py".')
    return words


async def run_with_program(settings: Settings, command: Sequence[str]) -> int:
    """Run the service and the program beside it; return the program's exit code, after a last backup.

    The program is started once the service runs, and never again. Signals go to it; it is its end that ends the
    service. A killed one counts as 128 and its signal, as in a shell. What fails in the service ends no program.
    Raises `SettingsError` where it can't be started, and what `Service.started` raises.
    """
    if await asyncio.to_thread(shutil.which, command[0]) is None:
        raise _cant_start(command[0], "there is no such program")
    stop = asyncio.Event()
    async with Service.started(settings) as service:
        program = await _start(command)
        with _forwarding(program, stop):
            watching = Nursery()
            watching.start(service.ended(), failure="the service can't go on; the program does")
            code = await program.wait()
            await watching.drain()
            logger.info("{} has ended with {}: a last backup is made", command[0], code)
            with suppress(CourierError):  # it was logged and recorded where it arose
                await race(_back_up(service), stop.wait())
    return code if code >= 0 else 128 - code


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(*command)
    except (OSError, ValueError) as error:
        raise _cant_start(command[0], getattr(error, "strerror", None) or str(error)) from None


def _cant_start(program: str, why: str) -> SettingsError:
    return SettingsError((f"--exec can't start {program}: {why}.",), hint="Give its path; no shell is asked for it.")


async def _back_up(service: Service) -> None:
    """Make a backup of what the program has left, once no other run is under way, and put it into the pinned list.

    Without that list nothing finds it again once the disk is wiped. Raises what a run raises.
    """
    courier = service.courier
    while True:
        try:
            await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.PROGRAM_END)
        except BusyError:
            await asyncio.sleep(AGAIN_AFTER)
        except CourierError as error:
            logger.error("no last backup: {}", error.sentence)
            raise
        else:
            break
    for _ in range(LIST_TRIES):
        if not (pause := await courier.pins.refresh()):
            return
        await asyncio.sleep(min(pause, LONGEST_PAUSE))
    logger.error("the pinned list is without the last backup: Telegram did not take it")


@contextmanager
def _forwarding(program: asyncio.subprocess.Process, stop: asyncio.Event) -> Iterator[None]:
    """Hand signals on to the program while it runs; those that come after its end set `stop`.

    On Windows the console tells the program of Ctrl-C by itself, and we only wait.
    """
    loop = asyncio.get_running_loop()

    def forward(number: signal.Signals) -> None:
        if program.returncode is not None:
            stop.set()
        elif number.name not in _OF_THE_TERMINAL or not sys.stdin.isatty():
            with suppress(ProcessLookupError):
                program.send_signal(number)

    if sys.platform == "win32":
        for number in (signal.SIGINT, signal.SIGBREAK):
            signal.signal(number, lambda *_: None if program.returncode is None else stop.set())
    for number in _FORWARDED:
        loop.add_signal_handler(number, forward, number)
    try:
        yield
    finally:
        for number in _FORWARDED:
            loop.remove_signal_handler(number)


def _split_as_windows(text: str) -> list[str]:
    """Split as Microsoft's C runtime does: a backslash is one of a path, unless quotes follow it."""
    words: list[str] = []
    word: str | None = None
    quoted, slashes = False, 0
    for sign in text:
        if sign == "\\":
            slashes += 1
            continue
        if sign == '"':
            word = (word or "") + "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            slashes = 0
            continue
        if slashes:
            word, slashes = (word or "") + "\\" * slashes, 0
        if sign in " \t\n" and not quoted:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + sign
    if quoted:
        raise ValueError("No closing quotation")
    if slashes:
        word = (word or "") + "\\" * slashes
    return words if word is None else [*words, word]
