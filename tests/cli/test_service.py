"""`service install`, `uninstall` and `status`, as far as a machine without a manager of its own lets them go."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.app.service import Service
from bot.cli.application import app
from bot.config.settings import Settings
from bot.errors import AbortedError, MachineError, NotFoundError, SettingsError
from bot.services.host import machine
from bot.services.host.installation import MARK

runner = CliRunner()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the unit of systemd is what is looked at")


@pytest.fixture
def home(idle: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with settings, from which a service of one's own is asked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", tmp_path / "no systemd here")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unit_in(home: Path) -> Path:
    return home / ".config/systemd/user/of-a-test.service"


def typed(*words: str, code: int = 0) -> str:
    done = runner.invoke(app, ["service", *words, "--name", "of-a-test"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_what_would_be_written_is_shown_and_nothing_is(home: Path) -> None:
    """`--dry-run` prints the file, the commands and the user; without systemd nothing is written."""
    shown = typed("install", "--user", "--dry-run")
    assert f"ExecStart={sys.executable} -P -m bot run --env-file {home / '.env'}" in shown
    assert "systemctl --user restart of-a-test.service" in shown
    assert f"To be written, {unit_in(home)}:" in shown
    with pytest.raises(MachineError, match="not run by systemd"):
        typed("install", "--user")
    with pytest.raises(SettingsError):
        typed("install", "--user", "--as", "somebody-else")
    assert not unit_in(home).exists()
    assert not (home / "backups").exists()


def test_uninstall_removes_what_install_wrote(home: Path) -> None:
    """It says what it will do, asks, and leaves the file of somebody else alone."""
    with pytest.raises(NotFoundError, match="of-a-test"):
        typed("uninstall")
    unit_in(home).parent.mkdir(parents=True)
    unit_in(home).write_text("[Service]\n")
    with pytest.raises(MachineError, match="left alone"):
        typed("uninstall", "--yes")
    unit_in(home).write_text(f"# {MARK}\n")
    assert str(unit_in(home)) in typed("uninstall", "--dry-run")
    with pytest.raises(AbortedError):
        typed("uninstall")
    assert unit_in(home).exists()


async def test_status_tells_whether_it_is_installed_and_runs(home: Path, idle: Settings) -> None:
    """Both have to be so for exit code 0; a service that somebody runs by hand is running all the same."""

    async def status(*words: str, code: int = 1) -> str:
        return await asyncio.to_thread(typed, "status", *words, code=code)

    assert "no service of-a-test" in await status()
    async with Service.started(idle) as service:
        assert "Service: running since" in await status()
        unit_in(home).parent.mkdir(parents=True)
        unit_in(home).write_text(f"# {MARK}\n")
        told = json.loads(await status("--json", code=0))
        planned = service.parts.planned.scheduler.next_run()
    assert planned is not None
    assert (told["installed"]["ours"], told["state"]) == (True, "running")
    assert told["next_run_at"] == planned.isoformat()
    assert "Service: stopped" in await status()
