"""The files for Windows and macOS, which no machine of the tests can start: held to what their schemas say."""

import plistlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot.services.host import launchd, windows
from bot.services.host.installation import MARK
from tests.world.host import installation_in

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
# What is a sequence in the schema; the rest may stand in any order.
# https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema
SEQUENCES = {
    "BootTrigger": ("Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "Delay"),
    "LogonTrigger": ("Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "UserId", "Delay"),
    "Task": ("RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"),
    "Exec": ("Command", "Arguments", "WorkingDirectory"),
    "Repetition": ("Interval", "Duration", "StopAtDurationEnd"),
}


@pytest.mark.parametrize("system", [True, False])
def test_the_task_is_what_the_scheduler_takes(tmp_path: Path, system: bool) -> None:
    """UTF-16 as schtasks reads it, each element where its schema has it, and nothing that would end the service."""
    made = replace(installation_in(tmp_path / "my bots & <co>", system=system), user="PC\\Ann")
    content = windows.task_xml(made)
    assert content.startswith(b"\xff\xfe")
    assert MARK in windows.recipe(made).text
    task = ET.fromstring(content)
    for element in task.iter():
        order = SEQUENCES.get(element.tag.removeprefix(TASK))
        if order is not None:
            places = [order.index(child.tag.removeprefix(TASK)) for child in element]
            assert places == sorted(places)

    def said(name: str) -> str:
        found = task.find(f".//{TASK}{name}")
        assert found is not None
        return found.text or ""

    assert (said("ExecutionTimeLimit"), said("DisallowStartIfOnBatteries")) == ("PT0S", "false")
    assert (said("StopIfGoingOnBatteries"), said("MultipleInstancesPolicy")) == ("false", "IgnoreNew")
    assert 1 <= int(said("Count")) <= 255
    assert (said("Command"), said("WorkingDirectory")) == (made.courier[0], str(made.folder))
    assert said("Arguments") == f'-P -m bot run --env-file "{made.env_file}"'
    assert said("LogonType") == ("S4U" if system else "InteractiveToken")
    assert (task.find(f".//{TASK}BootTrigger") is not None) == system


@pytest.mark.parametrize("system", [True, False])
def test_the_property_list_is_one(tmp_path: Path, system: bool) -> None:
    """It begins the service at start and after a crash, and not after an orderly end."""
    made = replace(installation_in(tmp_path, system=system), user="ann")
    recipe = launchd.recipe(made, home=Path("/Users/ann"), uid=501)
    job = plistlib.loads(recipe.content)
    assert job["ProgramArguments"] == [*made.program]
    assert (job["Label"], job["WorkingDirectory"]) == ("sqlite-courier", str(tmp_path))
    assert (job["RunAtLoad"], job["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert job.get("UserName") == ("ann" if system else None)
    assert MARK in recipe.text
    domain = "system" if system else "gui/501"
    assert recipe.begin == (("launchctl", "bootstrap", domain, str(recipe.registration.file)),)
    assert recipe.registration.end == (("launchctl", "bootout", f"{domain}/sqlite-courier"),)
