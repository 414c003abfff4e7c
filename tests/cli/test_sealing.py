"""Sealing from the command line: keygen and rubbish, restore, undo, verify and the questions they ask."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from bot.services.sealing.keys import fingerprint
from tests.world.databases import make_database, rows_in, write_env
from tests.world.shell import Shell
from tests.world.stock_age import run_age, typed


def made_key(folder: Path) -> tuple[str, str]:
    """Make a key as a person does; return the secret and the public key."""
    Shell(folder).said("keygen", "--out", "key.txt")
    lines = (folder / "key.txt").read_text(encoding="utf-8").splitlines()
    return lines[-1], lines[1].removeprefix("# public key: ")


def test_keygen_makes_a_key_that_age_takes_and_a_sheet_to_print(tmp_path: Path) -> None:
    """The terminal shows the public key, the fingerprint and the line for .env, and never the secret."""
    done = Shell(tmp_path)("keygen")
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
    told = Shell(tmp_path).json("keygen", "--no-sheet", "--out", "deep key.txt")
    assert told["fingerprint"] == fingerprint(told["public_key"])
    assert "AGE-SECRET-KEY" not in json.dumps(told)
    assert [path.name for path in tmp_path.iterdir()] == ["deep key.txt"]


@pytest.mark.parametrize("taken", ["key.txt", "key.recovery.txt", "key.recovery.html"])
def test_keygen_never_overwrites_and_makes_all_or_nothing(tmp_path: Path, taken: str) -> None:
    """A key that was overwritten is every backup lost."""
    (tmp_path / taken).write_text("dear to somebody")
    said = Shell(tmp_path).refused(8, "keygen", "--out", "key.txt")
    assert f"{taken} exists already; it is not replaced" in said
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "dear to somebody")]


@pytest.mark.parametrize("out", [".", "/", "", "no/such/folder/key", "x" * 300, "folder"])
def test_keygen_rubbish(tmp_path: Path, out: str) -> None:
    """A sentence, an exit code, and nothing made."""
    (tmp_path / "folder").mkdir()
    assert Shell(tmp_path).refused(8, "keygen", "--out", out).startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.fixture
def server(tmp_path: Path) -> Shell:
    """A shell in a folder with a key, a database and one sealed backup of it."""
    _, public = made_key(tmp_path)
    write_env(tmp_path, [make_database(tmp_path / "live.db", 40)], AGE_RECIPIENTS=public)
    assert f"sealed for {fingerprint(public)}" in Shell(tmp_path).said("backup", "--no-deliver")
    return Shell(tmp_path)


def test_restore_undo_and_verify_with_the_key_and_without(server: Shell) -> None:
    """Each says what it needs; with the key each works, and safety copies are sealed as well."""
    assert "--identity FILE" in server.refused(19, "restore", "latest", "--to", "out")
    assert not (server.folder / "out").exists()
    server.said("restore", "latest", "--to", "out", "--identity", "key.txt")
    assert rows_in(server.folder / "out" / "live.db") == (40, 40)
    server.said("restore", "latest", "--to", "out2", AGE_IDENTITY_FILE="key.txt")

    server.said("restore", "latest", "--in-place", "--yes", "--identity", "key.txt")
    server.refused(19, "restore", "--undo", "--yes")
    server.said("restore", "--undo", "--yes", "--identity", "key.txt")
    listed = server.json("list")
    assert len(listed) == 3
    assert {backup["archive_name"][-8:] for backup in listed} == {".zip.age"}
    assert len({backup["sealed"] for backup in listed}) == 1
    assert not list(server.folder.rglob("*.zip"))

    assert server.said("verify").count("Bytes compared, not opened: no key on this server.") == 3
    assert "1 database test-restored and checked" in server.said("verify", "--identity", "key.txt", "latest")
    (other := server.folder / "other").mkdir()
    made_key(other)
    assert "No key given here opens" in server.refused(19, "verify", "--identity", str(other / "key.txt"), "latest")
    assert "failed" not in server.said("show", "latest", "--json")  # a wrong key is no fault of the backup
    archive = server.folder / "backups" / listed[-1]["archive_name"]  # the others are safety copies
    content = bytearray(archive.read_bytes())
    content[-1] ^= 1
    archive.write_bytes(content)
    for more in ([], ["--identity", "key.txt"]):
        assert archive.name in server.refused(9, "verify", "latest", *more)


def test_config_shows_fingerprints_and_no_secret(server: Shell) -> None:
    """What it prints can be shown to anybody."""
    secret = (server.folder / "key.txt").read_text(encoding="utf-8").splitlines()[-1]
    env = {"AGE_IDENTITY_FILE": str(server.folder / "key.txt"), "BOT_TOKEN": "1234567890:" + "x" * 35, "ADMIN_IDS": "1"}
    for more in ([], ["--json"]):
        said = server.said("config", *more, **env)
        assert secret not in said
        public = (server.folder / "key.txt").read_text(encoding="utf-8").splitlines()[1].rpartition(" ")[2]
        assert fingerprint(public) in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("nothing", "holds no secret key"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "a sign of it is wrong"),
    ],
)
def test_a_bad_identity_is_a_sentence(server: Shell, content: str | None, said: str) -> None:
    """With its own exit code, and nothing restored."""
    if content is not None:
        (server.folder / "bad.txt").write_text(content)
    done = server("restore", "latest", "--to", "out", "--identity", "bad.txt")
    assert done.returncode in (2, 19)
    assert said in done.stderr
    assert not (server.folder / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
def test_restore_and_verify_ask_on_a_terminal(server: Shell) -> None:
    """The key is typed without echo; who has none presses Enter, and gets the comparison of the bytes."""
    secret = (server.folder / "key.txt").read_text(encoding="utf-8").splitlines()[-1]
    command = [sys.executable, "-m", "bot"]
    here = {"cwd": server.folder, "env": server.environment}
    done = typed([*command, "restore", "latest", "--to", "out"], [secret], **here)
    assert done.returncode == 0, done.stdout
    assert rows_in(server.folder / "out" / "live.db") == (40, 40)
    assert secret not in done.stdout
    verified = typed([*command, "verify"], [""], **here)
    assert verified.returncode == 0, verified.stdout
    assert "Bytes compared, not opened" in verified.stdout
    opened = typed([*command, "verify"], [secret], **here)
    assert "1 database test-restored and checked" in opened.stdout
