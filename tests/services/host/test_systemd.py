"""The unit: what systemd itself says of it, and that every path arrives as it is."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config.settings import load_settings
from bot.errors import SettingsError
from bot.models import Database
from bot.services.host.installation import Installation
from bot.services.host.planning import writable_folders
from bot.services.host.systemd import CREDENTIALS_SINCE, read_only_in, recipe, unit_text
from tests.world.databases import make_database, write_env
from tests.world.host import installation_in

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is absent")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)


def lines(installation: Installation, *, version: int = CREDENTIALS_SINCE) -> list[str]:
    return unit_text(installation, version=version).splitlines()


@needs_analyze
@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize("folder", ["plain", 'a b %h "c" \\ $HOME'])
def test_systemd_finds_no_fault_in_it(tmp_path: Path, system: bool, folder: str) -> None:
    """`systemd-analyze verify` is silent, whatever characters the paths have."""
    made = installation_in(tmp_path / folder, system=system)
    unit = tmp_path / "sqlite-courier.service"
    unit.write_text(unit_text(made, version=CREDENTIALS_SINCE))
    found = analyze(*(() if system else ("--user",)), "verify", unit)
    # What else is wrong on this machine is none of our unit's.
    assert "sqlite-courier.service" not in found.stderr + found.stdout
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", unit).stderr


@needs_analyze
def test_the_sandbox_is_as_close_as_the_docs_say(tmp_path: Path) -> None:
    """`systemd-analyze security` gives the exposure that operations.md names."""
    unit = tmp_path / "sqlite-courier.service"
    # Wherever this checkout lies: one below /tmp would do without a /tmp of its own.
    program = ("/srv/courier/.venv/bin/python", "-P", "-m", "bot")
    folders = (Path("/srv/courier"),)
    made = replace(installation_in(folders[0]), user="mybot", courier=program, writable=folders)
    unit.write_text(unit_text(made, version=CREDENTIALS_SINCE))
    found = analyze("security", "--offline=true", "--no-pager", unit)
    exposure = re.search(r"exposure level for .*: ([\d.]+)", found.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 2  # of 10; each version of systemd counts a little differently
    docs = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    (version,) = re.findall(r"exposure level of\s+\*\*(.*)\*\* with systemd 252", docs)
    if analyze("--version").stdout.startswith("systemd 252 "):
        assert version == exposure[1]


def test_only_the_folders_that_are_needed_can_be_written(tmp_path: Path) -> None:
    """A folder that is not there now does not keep the service from starting; our own are made before."""
    made = installation_in(tmp_path)
    made = replace(made, user="ann", writable=(*made.writable, tmp_path / "later"))
    written = [line for line in lines(made) if line.startswith("ReadWritePaths=")]
    assert written == [
        f"ReadWritePaths={tmp_path / 'backups'}", f"ReadWritePaths={tmp_path / 'live'}",
        f"ReadWritePaths=-{tmp_path / 'later'}",
    ]  # fmt: skip
    assert {"ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="} <= {*lines(made)}


def test_every_character_of_a_path_arrives() -> None:
    """Systemd takes % for a value of its own, $ for a variable, and parts words by spaces."""
    made = replace(installation_in(Path("/srv/a b/%h/$x")), token_file=Path("/srv/a b/%h/token"))
    said = lines(made)
    assert "WorkingDirectory=/srv/a b/%%h/$x" in said  # the rest of these lines is the path
    assert "LoadCredential=bot_token:/srv/a b/%%h/token" in said
    assert 'ReadWritePaths=-"/srv/a b/%%h/$x/live"' in said
    assert next(line for line in said if line.startswith("ExecStart=")).endswith(' "/srv/a b/%%h/$$x/.env"')


def test_a_folder_that_came_later_is_known_to_be_read_only() -> None:
    """The settings name a database elsewhere now, and the unit is the old one."""
    made = installation_in(Path("/srv/my courier"))
    text = unit_text(made, version=CREDENTIALS_SINCE)
    inside, new = Path("/srv/my courier/live/deep"), Path("/srv/my courier/other")
    assert read_only_in(text, [*made.writable, inside, new]) == (new,)
    mine = installation_in(Path("/srv/my courier"), system=False)
    assert read_only_in(unit_text(mine, version=CREDENTIALS_SINCE), [new]) == ()


def test_folders_below_tmp_are_not_hidden() -> None:
    """PrivateTmp would show the service an empty folder in the place of its databases."""
    below = replace(installation_in(Path("/tmp/x")), courier=("/usr/bin/python3", "-m", "bot"))
    assert "PrivateTmp=yes" not in lines(below)
    elsewhere = replace(installation_in(Path("/srv/x")), courier=("/usr/bin/python3", "-m", "bot"))
    assert "PrivateTmp=yes" in lines(elsewhere)


def test_the_token_is_handed_over_by_systemd(tmp_path: Path) -> None:
    """The file may be root's alone; an older systemd has no name for the place, and the service reads it itself."""
    made = replace(installation_in(tmp_path), token_file=tmp_path / "token")
    handed = {f"LoadCredential=bot_token:{tmp_path / 'token'}", "Environment=BOT_TOKEN_FILE=%d/bot_token"}
    assert handed <= {*lines(made)}
    assert not handed & {*lines(made, version=CREDENTIALS_SINCE - 1)}


def test_a_unit_of_ones_own_needs_no_namespace(tmp_path: Path) -> None:
    """Many systems refuse users the mounts of a sandbox: such a unit would not start at all."""
    mine = installation_in(tmp_path, system=False)
    made = recipe(mine, home=tmp_path, version=CREDENTIALS_SINCE)
    assert not [
        word for word in ("User=", "Protect", "ReadWritePaths", "Private", "network-online") if word in made.text
    ]
    assert "NoNewPrivileges=yes" in made.text
    assert made.registration.file == tmp_path / ".config/systemd/user/sqlite-courier.service"
    assert made.begin[-1] == ("loginctl", "enable-linger", mine.user)


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    """It would end the line, and begin a setting of its own."""
    with pytest.raises(SettingsError, match="can't stand in a unit"):
        unit_text(installation_in(tmp_path / "a\nUser=root"), version=CREDENTIALS_SINCE)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="namespaces take root")
def test_a_live_database_is_backed_up_and_restored_where_all_else_is_read_only(tmp_path: Path) -> None:
    """ReadWritePaths as systemd mounts it: the tree read-only, and the folders of the unit on top, each a mount."""
    live = make_database(tmp_path / "live" / "app.db", rows=5)
    env = write_env(tmp_path, [live], LOG_DIR=str(tmp_path / "backups" / "logs"))
    (tmp_path / "backups").mkdir()
    databases = [Database(path=live, name="app.db")]
    folders = writable_folders(load_settings(env, need_telegram=False), databases)
    assert folders == (tmp_path / "backups", tmp_path / "live")

    def courier(*arguments: str) -> None:
        script = [
            "set -e; mount --make-rprivate /", *(f"mount --bind {each} {each}" for each in (tmp_path, *folders)),
            f"mount -o remount,bind,ro {tmp_path}; cd {tmp_path}", "! touch other 2>/dev/null",
            shlex.join([sys.executable, "-P", "-m", "bot", *arguments]),
        ]  # fmt: skip
        done = subprocess.run(["unshare", "-m", "sh", "-c", "\n".join(script)], stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr

    with closing(sqlite3.connect(live, isolation_level=None)) as application:
        application.execute("INSERT INTO entries (text) VALUES ('only in the log')")
        courier("backup", "--no-deliver")
        application.execute("INSERT INTO entries (text) VALUES ('later')")
        courier("restore", "latest", "--in-place", "--yes")
        texts = application.execute("SELECT text FROM entries ORDER BY id DESC LIMIT 1").fetchall()
    assert texts == [("only in the log",)]
