"""What a command imports is what it needs; each is started as a person starts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import __version__
from tests.world.databases import make_database, write_env
from tests.world.processes import started

_PROGRAM = """
import json, sys
from bot.cli.main import main
try:
    main()
finally:
    print(json.dumps([*sys.modules]), file=sys.stderr)
"""

TELEGRAM = ("aiogram", "aiohttp", "bot.handlers", "email", "http", "rich.console")
"""And what comes with libraries and is used by none of them, mail and the web; and rich, which draws what moves."""
RUNS = (
    *("bot.app.build", "bot.services.manager", "bot.services.zip.deflate", "bot.services.snapshot.copying"),
    *("zlib_ng", "zipstream", "pyrage", "cryptography", "obstore", "apprise", "aiosmtplib"),
)
SENDS = (
    *("bot.app.build", "bot.app.service", "bot.services.manager", "bot.services.restore_chat", "bot.services.inbox"),
    *("bot.services.drill", "bot.services.doctor", "bot.services.recovery", "bot.services.messages.maintenance"),
    *("bot.charts", "xml"),
)
COMMANDS = ("bot.cli.commands", "bot.app", "bot.texts", "bot.config", "bot.services.catalogue")

LIGHT = 575
"""Modules of a command that only looks, or changes a row; Python's own and those of libraries are 360."""


@pytest.mark.parametrize(
    ("words", "without", "most"),
    [
        ("--help", (*COMMANDS, "pydantic", "rich"), 215),
        ("lst", COMMANDS, 280),
        ("list", (*TELEGRAM, *RUNS), LIGHT),
        ("list --json", (*TELEGRAM, *RUNS), LIGHT),
        ("show latest", (*TELEGRAM, *RUNS), LIGHT),
        ("status", (*TELEGRAM, *RUNS), LIGHT),
        ("service status", (*TELEGRAM, *RUNS), LIGHT),
        ("report", (*TELEGRAM, *RUNS), LIGHT),
        ("prune --dry-run", (*TELEGRAM, *RUNS), LIGHT),
        ("note latest words", (*TELEGRAM, *RUNS), LIGHT),
        ("pin latest", (*TELEGRAM, *RUNS), LIGHT),
        ("unpin latest", (*TELEGRAM, *RUNS), LIGHT),
        ("config", (*TELEGRAM, *RUNS), LIGHT),
        ("keygen --out key.txt", TELEGRAM, LIGHT),
        ("verify", TELEGRAM, 585),
        ("backup --no-deliver", (*TELEGRAM, *SENDS), 615),
        ("restore latest --to out", TELEGRAM, 600),
        ("recover --help", TELEGRAM, 600),
    ],
)
def test_a_command_imports_what_it_needs(words: str, without: tuple[str, ...], most: int, tmp_path: Path) -> None:
    """Nobody waits for Telegram's library to read a list; a service of 80 MB has no room for what it does not use."""
    write_env(tmp_path, [make_database(tmp_path / "app.db")], ADMIN_IDS="11")
    if words.split(maxsplit=1)[0] not in ("--help", "lst", "backup", "config", "keygen", "recover"):
        made = started(["backup", "--no-deliver"], folder=tmp_path).done()
        assert made.returncode == 0, made.stderr
    done = started(words.split(), code=_PROGRAM, folder=tmp_path, cold=True).done()
    assert done.returncode in (0, 1, 2), done.stderr  # 1: no service runs; 2: there is no such command
    modules = json.loads(done.stderr.splitlines()[-1])
    needless = [name for name in modules if any(name == one or name.startswith(f"{one}.") for one in without)]
    assert not needless, needless
    assert len(modules) <= most


def test_what_was_put_off_comes_when_it_is_asked_for(tmp_path: Path) -> None:
    """The metadata of packages are read by nobody but who says how to install one; they are whole then."""
    program = f"""
{_PROGRAM.split("finally:", maxsplit=1)[0]}finally:
    from importlib.metadata import version
    import importlib.metadata
    print(version("sqlite-courier"), importlib.metadata.distribution("rich").name)
"""
    done = started(["--version"], code=program, folder=tmp_path, cold=True).done()
    assert done.stdout.split() == ["sqlite-courier", __version__, __version__, "rich"]
