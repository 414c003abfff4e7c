"""`sqlite-courier demo --once`: it shows everything, ends by itself, and its exit code is true."""

from pathlib import Path

from tests.world.databases import damage, make_database
from tests.world.shell import Shell


def demo(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command as a person would; the exit code and what the terminal showed."""
    done = Shell(folder)("demo", "--once", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_the_demo_ends_by_itself_and_everything_held(tmp_path: Path) -> None:
    """Samples, live writer and three phones: every line of the proof is a tick, and nothing is left behind."""
    code, out = demo(tmp_path)
    assert code == 0, out
    assert "Everything held." in out
    assert "✗" not in out
    for name in ("user_requests", "analytics", "premium_system", "historical_prices", "bypass_stats"):
        assert f"{name}.db: sha256, integrity and rows as promised" in out
    assert list(tmp_path.iterdir()) == []


def test_the_demo_takes_own_databases_and_leaves_them_alone(tmp_path: Path) -> None:
    """With --databases it backs up the user's own files, and only reads them."""
    mine = make_database(tmp_path / "my own.db")
    before = (mine.read_bytes(), mine.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    code, out = demo(tmp_path, "--databases", str(mine))
    assert code == 0, out
    assert "my own.db: sha256" in out
    assert (mine.read_bytes(), mine.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


def test_the_demo_fails_when_a_database_is_missing_from_the_backup(tmp_path: Path) -> None:
    """An exit code of 0 is only for a demo in which all of it held."""
    make_database(tmp_path / "good.db")
    damage(make_database(tmp_path / "bad.db"))
    code, out = demo(tmp_path, "--databases", str(tmp_path / "*.db"))
    assert code == 1, out
    assert "Not everything held." in out
