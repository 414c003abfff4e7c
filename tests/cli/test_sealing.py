"""Sealing from the command line: keygen and rubbish, restore, undo, verify and the questions they ask."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.services.sealing.keys import fingerprint
from tests.world.databases import make_database, rows_in, write_env
from tests.world.shell import ROOT, Shell
from tests.world.stock_age import run_age, typed

ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "250"}


def courier(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return Shell(folder)(*arguments, COLUMNS="250", **environment)


def made_key(folder: Path) -> tuple[str, str]:
    """Make a key as a person does; return the secret and the public key."""
    done = courier(folder, "keygen", "--out", "key.txt")
    assert done.returncode == 0, done.stderr
    lines = (folder / "key.txt").read_text(encoding="utf-8").splitlines()
    return lines[-1], lines[1].removeprefix("# public key: ")


def test_keygen_makes_a_key_that_age_takes_and_a_sheet_to_print(tmp_path: Path) -> None:
    """The terminal shows the public key, the fingerprint and the line for .env, and never the secret."""
    done = courier(tmp_path, "keygen")
    secret = (tmp_path / "sqlite-courier-key.txt").read_text(encoding="utf-8").splitlines()[-1]
    public = done.stdout.split("AGE_RECIPIENTS=")[1].split()[0]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in done.stdout + done.stderr
    assert fingerprint(public) in done.stdout
    assert "Print it twice" in done.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"sqlite-courier-key.txt", "sqlite-courier-key.recovery.txt", "sqlite-courier-key.recovery.html"}
    for path in tmp_path.iterdir():
        assert secret in path.read_text(encoding="utf-8")
        if sys.platform != "win32":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "plain").write_bytes(b"content")
    run_age("-r", public, "-o", tmp_path / "a.age", tmp_path / "plain")
    assert run_age("-d", "-i", tmp_path / "sqlite-courier-key.txt", tmp_path / "a.age") == b"content"


def test_keygen_for_scripts(tmp_path: Path) -> None:
    """JSON without the secret; no sheet where none is wanted."""
    done = courier(tmp_path, "keygen", "--json", "--no-sheet", "--out", "deep key.txt")
    told = json.loads(done.stdout)
    assert told["fingerprint"] == fingerprint(told["public_key"])
    assert "AGE-SECRET-KEY" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["deep key.txt"]


@pytest.mark.parametrize("taken", ["key.txt", "key.recovery.txt", "key.recovery.html"])
def test_keygen_never_overwrites_and_makes_all_or_nothing(tmp_path: Path, taken: str) -> None:
    """A key that was overwritten is every backup lost."""
    (tmp_path / taken).write_text("dear to somebody")
    done = courier(tmp_path, "keygen", "--out", "key.txt")
    assert done.returncode == 8
    assert f"{taken} exists already; it is not replaced" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "dear to somebody")]


@pytest.mark.parametrize("out", [".", "/", "", "no/such/folder/key", "x" * 300, "folder"])
def test_keygen_rubbish(tmp_path: Path, out: str) -> None:
    """A sentence, an exit code, and nothing made."""
    (tmp_path / "folder").mkdir()
    done = courier(tmp_path, "keygen", "--out", out)
    assert done.returncode == 8
    assert done.stderr.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_keygen_imports_no_aiogram(tmp_path: Path) -> None:
    """A key is made in a moment."""
    program = (
        "import sys; sys.argv[1:] = ['keygen', '--out', 'key.txt']\n"
        "from bot.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'aiogram' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, **ENVIRONMENT}, check=True)
    assert (tmp_path / "key.txt").exists()


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder with a key, a database and one sealed backup of it."""
    _, public = made_key(tmp_path)
    write_env(tmp_path, [make_database(tmp_path / "live.db", 40)], AGE_RECIPIENTS=public)
    done = courier(tmp_path, "backup", "--no-deliver")
    assert done.returncode == 0, done.stderr
    assert f"sealed for {fingerprint(public)}" in done.stdout
    return tmp_path


def test_restore_undo_and_verify_with_the_key_and_without(server: Path) -> None:
    """Each says what it needs; with the key each works, and safety copies are sealed as well."""
    without = courier(server, "restore", "latest", "--to", "out")
    assert without.returncode == 19
    assert "--identity FILE" in without.stderr
    assert not (server / "out").exists()
    done = courier(server, "restore", "latest", "--to", "out", "--identity", "key.txt")
    assert done.returncode == 0, done.stderr
    assert rows_in(server / "out" / "live.db") == (40, 40)
    by_environment = courier(server, "restore", "latest", "--to", "out2", AGE_IDENTITY_FILE="key.txt")
    assert by_environment.returncode == 0, by_environment.stderr

    assert courier(server, "restore", "latest", "--in-place", "--yes", "--identity", "key.txt").returncode == 0
    assert courier(server, "restore", "--undo", "--yes").returncode == 19
    undone = courier(server, "restore", "--undo", "--yes", "--identity", "key.txt")
    assert undone.returncode == 0, undone.stderr
    listed = json.loads(courier(server, "list", "--json").stdout)
    assert len(listed) == 3
    assert {backup["archive_name"][-8:] for backup in listed} == {".zip.age"}
    assert len({backup["sealed"] for backup in listed}) == 1
    assert not list(server.rglob("*.zip"))

    compared = courier(server, "verify")
    assert compared.returncode == 0
    assert compared.stdout.count("Bytes compared, not opened: no key on this server.") == 3
    opened = courier(server, "verify", "--identity", "key.txt", "latest")
    assert opened.returncode == 0
    assert "1 database restored and checked" in opened.stdout
    (other := server / "other").mkdir()
    made_key(other)
    others = courier(server, "verify", "--identity", str(other / "key.txt"), "latest")
    assert others.returncode == 19
    assert "No key given here opens" in others.stderr
    latest = json.loads(courier(server, "show", "latest", "--json").stdout)
    assert "failed" not in json.dumps(latest)  # a wrong key is no fault of the backup
    archive = server / "backups" / listed[-1]["archive_name"]  # the others are safety copies
    content = bytearray(archive.read_bytes())
    content[-1] ^= 1
    archive.write_bytes(content)
    for more in ([], ["--identity", "key.txt"]):
        damaged = courier(server, "verify", "latest", *more)
        assert damaged.returncode == 9
        assert archive.name in damaged.stderr


def test_config_shows_fingerprints_and_no_secret(server: Path) -> None:
    """What it prints can be shown to anybody."""
    secret = (server / "key.txt").read_text(encoding="utf-8").splitlines()[-1]
    env = {"AGE_IDENTITY_FILE": str(server / "key.txt"), "BOT_TOKEN": "1234567890:" + "x" * 35, "ADMIN_IDS": "1"}
    for more in ([], ["--json"]):
        done = courier(server, "config", *more, **env)
        assert done.returncode == 0, done.stderr
        assert secret not in done.stdout
        public = (server / "key.txt").read_text(encoding="utf-8").splitlines()[1].rpartition(" ")[2]
        assert fingerprint(public) in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("nothing", "holds no secret key"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "a sign of it is wrong"),
    ],
)
def test_a_bad_identity_is_a_sentence(server: Path, content: str | None, said: str) -> None:
    """With its own exit code, and nothing restored."""
    if content is not None:
        (server / "bad.txt").write_text(content)
    done = courier(server, "restore", "latest", "--to", "out", "--identity", "bad.txt")
    assert done.returncode in (2, 19)
    assert said in done.stderr
    assert not (server / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
def test_restore_and_verify_ask_on_a_terminal(server: Path) -> None:
    """The key is typed without echo; who has none presses Enter, and gets the comparison of the bytes."""
    secret = (server / "key.txt").read_text(encoding="utf-8").splitlines()[-1]
    command = [sys.executable, "-m", "bot"]
    environment = {**os.environ, **ENVIRONMENT}
    done = typed([*command, "restore", "latest", "--to", "out"], [secret], cwd=server, env=environment)
    assert done.returncode == 0, done.stdout
    assert rows_in(server / "out" / "live.db") == (40, 40)
    assert secret not in done.stdout
    verified = typed([*command, "verify"], [""], cwd=server, env=environment)
    assert verified.returncode == 0, verified.stdout
    assert "Bytes compared, not opened" in verified.stdout
    opened = typed([*command, "verify"], [secret], cwd=server, env=environment)
    assert "1 database restored and checked" in opened.stdout
