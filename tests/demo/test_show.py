"""`sqlite-courier demo --once`: it shows everything, ends by itself, and its exit code is true."""

import asyncio
import os
import sys
from pathlib import Path

from tests.world.databases import damage, make_database
from tests.world.shell import ROOT


async def demo(*arguments: str, cwd: Path) -> tuple[int, str]:
    """Run the command as a person would; the exit code and what the terminal showed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--once", *arguments,
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            out, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return child.returncode, out.decode()


async def test_the_demo_ends_by_itself_and_everything_held(tmp_path: Path) -> None:
    """Samples, live writer and three phones: every line of the proof is a tick, and nothing is left behind."""
    code, out = await demo(cwd=tmp_path)
    assert code == 0, out
    assert "Everything held." in out
    assert "✗" not in out
    for name in ("user_requests", "analytics", "premium_system", "historical_prices", "bypass_stats"):
        assert f"{name}.db: sha256, integrity and rows as promised" in out
    assert list(tmp_path.iterdir()) == []


async def test_the_demo_takes_own_databases_and_leaves_them_alone(tmp_path: Path) -> None:
    """With --databases it backs up the user's own files, and only reads them."""
    mine = make_database(tmp_path / "my own.db")
    before = (mine.read_bytes(), mine.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    code, out = await demo("--databases", str(mine), cwd=tmp_path)
    assert code == 0, out
    assert "my own.db: sha256" in out
    assert (mine.read_bytes(), mine.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


async def test_the_demo_fails_when_a_database_is_missing_from_the_backup(tmp_path: Path) -> None:
    """An exit code of 0 is only for a demo in which all of it held."""
    make_database(tmp_path / "good.db")
    damage(make_database(tmp_path / "bad.db"))
    code, out = await demo("--databases", str(tmp_path / "*.db"), cwd=tmp_path)
    assert code == 1, out
    assert "Not everything held." in out
