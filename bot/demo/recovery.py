"""Plays the demo's last act: the machine is lost, and the databases are recovered from the chat alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from bot.demo.proof import Finding
from bot.demo.stand_in.standin import StandIn


async def destroy_and_recover(
    api: StandIn, *, token: str, admin: int, lost: Iterable[Path], expected: Mapping[str, str], new_machine: Path
) -> list[Finding]:
    """Delete `lost` (files and folders; never anybody's own), then recover knowing nothing but the bot's token.

    `new_machine` is made. `expected` is what was in the databases by name, as `contents_of` tells it; what came back is
    compared with that. Service and writers must have ended before.
    """
    for path in lost:
        await asyncio.to_thread(destroy, path)
    gone = Finding("the machine is lost: databases, archives, catalogue, settings", not any(map(os.path.lexists, lost)))
    await asyncio.to_thread(new_machine.mkdir)
    code, said, trouble = await recover(api, "--to", "recovered", token=token, admin=admin, folder=new_machine)
    done = Finding(
        "`sqlite-courier recover` on a new machine found the backup in the chat",
        code == 0,
        (said if code == 0 else trouble).split("\n")[0].rstrip(":"),
    )
    back = await asyncio.to_thread(_compare, new_machine / "recovered", expected)
    return [gone, done, *back]


async def recover(api: StandIn, *options: str, token: str, admin: int, folder: Path) -> tuple[int, str, str]:
    """Run `sqlite-courier recover` in an empty folder, as a process of its own that has nothing but the token.

    It writes an `.env` and rebuilds the catalogue. Returns its exit code, what it said, and what went wrong.
    """
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "recover", "--admin", str(admin), "--write-env", "--rebuild", *options),
        cwd=folder,
        env={**_environment(), "BOT_TOKEN": token, "TELEGRAM_API": api.url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await command.communicate()
    return command.returncode or 0, said.decode(errors="replace").strip(), trouble.decode(errors="replace").strip()


def contents_of(databases: Iterable[Path]) -> dict[str, str]:
    """Return what is in each database, by file name: its schema and every row as SQL text."""
    return {path.name: _contents(path) for path in databases}


def _contents(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


def _compare(folder: Path, expected: Mapping[str, str]) -> list[Finding]:
    findings = []
    for name, before in expected.items():
        path = folder / name
        same = path.is_file() and _contents(path) == before
        findings.append(Finding(f"{name} came back with every row it had in its last backup", same))
    return findings


def destroy(path: Path) -> None:
    """Delete a file or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """What a new machine has: none of this service's settings, but the same Python and the same package."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "HOME")
    }
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"}
