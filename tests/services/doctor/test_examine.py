"""The examination of a real installation: all well, and each thing that can be wrong with its mend."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.clock import utc_now
from bot.config.settings import Settings
from bot.models import Condition, Examination, Examined
from bot.services.doctor.surroundings import folders
from bot.services.host import accounts, machine
from bot.texts.examination import with_alarms
from tests.world.databases import make_database
from tests.world.full_disk import small_disk
from tests.world.service import Town, town_in
from tests.world.snapshots import NOBODY, as_nobody, in_process


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with town_in(tmp_path) as town:
        yield town


async def examined(town: Town) -> Examination:
    return await town.service.courier.examine()


def one(found: Examination, part: str, about: str = "") -> Examined:
    """The line about something."""
    (line,) = [one for one in found.parts if one.part == part and about in one.about]
    return line


async def test_a_service_that_does_well_is_not_disturbed(town: Town) -> None:
    """Every part has its line, and the poller keeps its connection: nobody else asks for updates."""
    await town.back_up()
    found = await examined(town)
    assert [line for line in found.parts if line.condition is Condition.WRONG] == []
    assert one(found, "token").said == "@courier_bot (Courier), accepted by Telegram"
    assert one(found, "poller").said == "the service polls with this token"
    assert one(found, "clock").said == "within 1 s of Telegram's"
    assert one(found, "recipient", "Admin Ann (11)").said == "takes messages"
    assert one(found, "database", "users.db").said.startswith("can be read and restored in place")
    assert one(found, "folder", "BACKUP_DIR").said.startswith("can be written, ")
    assert one(found, "backup").said.startswith("backup 1 of ")
    assert one(found, "delivery").said == "2 of 2 have it"
    assert one(found, "drill").said == "none yet, and none is planned (DRILL_SCHEDULE=off)"
    assert one(found, "seal").condition is Condition.GOOD
    assert {"versions", "settings", "time zone", "installed", "service"} <= {line.part for line in found.parts}
    assert not [call for call in town.api.calls if call.status == 409 and call.method == "getUpdates"]


async def test_what_is_wrong_has_a_line_and_a_mend(town: Town) -> None:
    """A chat that is shut, a database that is gone, a clock that is off, an alarm that is open."""
    await town.back_up()
    town.notes.unlink()
    town.api.date_ahead = -600
    town.ben.block_bot()
    await town.back_up()
    found = await examined(town)
    assert found.worst is Condition.WRONG
    clock = one(found, "clock")
    assert (clock.condition, clock.mend) == (
        Condition.WRONG, "Turn on time synchronisation: timedatectl set-ntp true.",
    )  # fmt: skip
    assert clock.said.startswith("is 10 minutes fast by Telegram's")
    ben = one(found, "recipient", "(12)")
    assert (ben.condition, "blocked" in ben.said) == (Condition.WRONG, True)
    gone = one(found, "database", "notes.db")
    assert (gone.condition, gone.said) == (Condition.WRONG, "does not exist")
    assert one(found, "backup").condition is Condition.WRONG
    assert ben.mend == "Send them https://t.me/courier_bot?start=admin, to press Start there."
    assert one(found, "backup").mend == "`sqlite-courier show latest` says why."
    owed = one(found, "delivery")
    assert owed.mend
    assert (owed.condition, owed.said.startswith("1 of 2 have it, 1 to come (Ben: has blocked")) == (
        Condition.LOOK,
        True,
    )
    told = with_alarms(found, utc_now(), ZoneInfo("UTC"))
    alarms = [line for line in told.parts if line.part == "alarm"]
    assert any(line.said.startswith("Ben can't be reached, since ") for line in alarms)
    assert any("notes.db" in line.said and "skipped:" not in line.said for line in alarms)
    assert len(alarms) == len(found.alarms)


@pytest.mark.parametrize(
    ("groups", "condition", "said"),
    [
        ("0::/system.slice/mine.service\n", Condition.GOOD, "; the service runs in mine.service"),
        ("7:cpu:/\n1:name=systemd:/system.slice/cron.service\n", Condition.GOOD, "; the service runs in cron.service"),
        (
            "0::/user.slice/user-0.slice/user@0.service/tmux.scope\n",
            Condition.LOOK,
            ": the service was started by hand",
        ),
        (None, Condition.LOOK, "has not been used"),
    ],
)
async def test_whether_a_service_comes_back_with_the_machine_is_told_by_where_it_runs(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: str | None, condition: Condition, said: str
) -> None:
    """One that somebody started in a terminal is gone after a restart, and all its lines would be good until then."""
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", tmp_path)
    monkeypatch.setattr(machine, "_PROCESSES", tmp_path / "proc")
    if groups is not None:
        (tmp_path / "proc" / str(os.getpid())).mkdir(parents=True)
        (tmp_path / "proc" / str(os.getpid()) / "cgroup").write_text(groups)
    found = one(await examined(town), "installed")
    assert (found.condition, said in found.said) == (condition, True)
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", tmp_path / "nowhere")
    found = one(await examined(town), "installed")
    assert (found.condition, "systemd does not run here" in found.said) == (Condition.GOOD, True)


async def test_who_else_can_read_the_token_is_told_with_what_leaves_it_to_this_user(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """chmod alone would take it from a user to whom it does not belong: a container's, with root's file."""
    town.env.chmod(0o644)
    (line,) = [one for one in (await examined(town)).parts if "which holds the token" in one.said]
    assert (line.condition, line.mend) == (Condition.LOOK, f"Run chmod 600 {town.env}.")
    monkeypatch.setattr(accounts, "owner_of", lambda _: "somebody")
    (line,) = [one for one in (await examined(town)).parts if "which holds the token" in one.said]
    assert line.mend == f"Run chown {accounts.me()} {town.env} && chmod 600 {town.env}."


async def test_a_token_that_is_refused_leaves_the_recipients_alone(town: Town) -> None:
    """Nobody can be asked then, and the token's line says what to do."""
    town.api.revoke_token(town.api.bot().token)
    found = await examined(town)
    assert (one(found, "token").condition, "@BotFather" in one(found, "token").mend) == (Condition.WRONG, True)
    assert one(found, "poller").condition is not Condition.GOOD
    assert one(found, "recipient").said == "not asked: see the token"


async def test_a_run_that_would_not_fit_is_told_before(town: Town) -> None:
    """The copies of all databases and one archive are what a run needs."""
    backups, logs = folders(town.settings, database_bytes=[1 << 60], archive_bytes=0)
    assert (backups.condition, "has no room for the next run" in backups.said) == (Condition.WRONG, True)
    assert logs.condition is Condition.GOOD


def test_a_folder_on_a_disk_that_is_mounted_read_only_is_not_to_be_given_to_anybody(tmp_path: Path) -> None:
    """No owner could write there."""
    with small_disk(tmp_path / "disk", 20) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        settings = Settings(backup_dir=disk.folder, log_dir=tmp_path / "logs")
        backups, _ = folders(settings, database_bytes=[], archive_bytes=0)
    assert (backups.said, backups.mend) == (
        "can't be written: Read-only file system", "Mount it writable, or name a folder on another disk."
    )  # fmt: skip


_AS_NOBODY = f"""
import asyncio, json, os, sys
from pathlib import Path
from bot.config.settings import Settings
from bot.services.doctor.sources import databases
from bot.services.doctor.surroundings import folders
from bot.services.host import machine
from bot.services.snapshot.databases import find_databases
home = Path(sys.argv[1])
settings = Settings(backup_dir=home / "backups", log_dir=home / "new" / "logs")
os.setgid({NOBODY}); os.setuid({NOBODY})
found = [
    *asyncio.run(databases(find_databases([str(home / "*" / "*.db")], {{}}))),
    *folders(settings, database_bytes=[], archive_bytes=0),
]
print(json.dumps([(Path(one.about.split()[-1]).name, one.condition, one.said, one.mend) for one in found]))
"""


@as_nobody
def test_rights_are_those_of_the_user(shared_folder: Path) -> None:
    """A database that can't be read, one whose folder can't be written, and folders of our own likewise."""
    make_database(shared_folder / "a" / "secret.db").chmod(0o600)
    make_database(shared_folder / "a" / "shown.db").chmod(0o644)
    (shared_folder / "backups").mkdir(mode=0o755)
    for folder in (shared_folder, shared_folder / "a"):
        folder.chmod(0o755)
    done = in_process(_AS_NOBODY, shared_folder)
    assert done.returncode == 0, done.stderr
    found = {name: (condition, said, mend) for name, condition, said, mend in json.loads(done.stdout)}
    assert found["secret.db"][0] == Condition.WRONG
    assert "permission" in found["secret.db"][1] or "may not" in found["secret.db"][1]
    assert found["shown.db"][0] == Condition.LOOK
    assert "its folder can't be written by this user: it can't be restored in place" in found["shown.db"][1]
    assert "--as OWNER" in found["shown.db"][2]
    assert found["backups"][:2] == (Condition.WRONG, "can't be written: Permission denied")
    assert found["logs"][0] == Condition.WRONG
    assert found["logs"][2].startswith("Make it: mkdir -p ")
