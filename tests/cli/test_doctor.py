"""`doctor`: its lines, its JSON, its exit code, and another program that polls with the same token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.application import app
from bot.cli.commands.doctor import examined
from bot.models import Condition, Examination
from bot.services.host import accounts
from tests.world.databases import make_database
from tests.world.service import settings_for, town_in
from tests.world.shell import Shell
from tests.world.snapshots import as_nobody

runner = CliRunner()


def said_of(found: Examination, part: str) -> tuple[Condition, str]:
    (line,) = [one for one in found.parts if one.part == part]
    return line.condition, line.said


async def test_another_program_that_polls_is_found(tmp_path: Path) -> None:
    """Where no service of ours lives, somebody else who polls takes half of the presses away."""
    async with town_in(tmp_path / "theirs") as theirs:
        settings_for(tmp_path, theirs.api, make_database(tmp_path / "app.db"))
        condition, said = said_of(await examined(tmp_path / ".env"), "poller")
        assert (condition, "Another program polls" in said) == (Condition.WRONG, True)
        # The service of that BACKUP_DIR is known by its lock, and left in peace.
        before = len([call for call in theirs.api.calls if call.method == "getUpdates"])
        assert said_of(await examined(theirs.env), "poller")[0] is Condition.GOOD
        assert len([call for call in theirs.api.calls if call.method == "getUpdates"]) <= before + 1
        # A server that only sends never polls, nor does it look who does.
        settings_for(tmp_path, theirs.api, tmp_path / "app.db", RECEIVE="off")
        assert "another server" in said_of(await examined(tmp_path / ".env"), "poller")[1]


def test_settings_that_are_wrong_are_lines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has set nothing up is told all of it at once, and programs find the same in the JSON."""
    monkeypatch.chdir(tmp_path)
    shown = runner.invoke(app, ["doctor"], catch_exceptions=False)
    assert shown.exit_code == 1
    assert "❌ Settings: BOT_TOKEN is not set" in shown.stdout
    assert "❌ Databases: DATABASES names none" in shown.stdout
    assert "✅ BACKUP_DIR" in shown.stdout
    assert not (tmp_path / "backups").exists()
    (tmp_path / ".env").write_text("BOT_TOKEN=nonsense\n")
    told = json.loads(runner.invoke(app, ["doctor", "--json"], catch_exceptions=False).stdout)
    faults = [one for one in told["parts"] if one["condition"] == "wrong"]
    assert [one["about"] for one in faults] == ["Settings"]
    assert (told["ok"], {"part", "about", "condition", "said", "mend"} <= faults[0].keys()) == (False, True)


def test_what_needs_a_look_says_what_to_do(tmp_path: Path) -> None:
    """With backups and without a token: nobody receives them, and that has its mend."""
    (tmp_path / ".env").write_text(f"DATABASES={make_database(tmp_path / 'app.db')}\n")
    shell = Shell(tmp_path)
    assert shell("backup", "--no-deliver").returncode == 0
    told = json.loads(shell("doctor", "--json").stdout)["parts"]
    (delivery,) = [one for one in told if one["part"] == "delivery"]
    assert (delivery["said"], delivery["condition"]) == ("to nobody: no chat receives backups", "look")
    assert delivery["mend"].startswith("Name an admin in ADMIN_IDS")
    lacking = [one["about"] for one in told if one["condition"] != "good" and not one["mend"]]
    assert lacking == ["Settings"]  # one line says it of all of them


@as_nobody
def test_where_the_user_of_the_service_can_run_nothing_root_looks_at_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in root's home is one fault, and no reason to say nothing of the others."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accounts, "run_as", refused)
    (tmp_path / ".env").write_text(f"DATABASES={make_database(tmp_path / 'app.db')}\n")
    (tmp_path / "backups").mkdir()
    accounts.hand_over(tmp_path / "backups", "nobody")
    shown = runner.invoke(app, ["doctor"], catch_exceptions=False).stdout
    assert "❌ User: nobody, the user of the service, can't run" in shown
    assert "or run the service as root: `service install --as root`." in shown
    assert f"✅ {tmp_path / 'app.db'}: can be read" in shown
