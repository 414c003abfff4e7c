"""Writes the task that Windows starts the service by, as its Task Scheduler takes it.

https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.services.host.installation import MARK, Installation, Recipe, Registration, Starter

_NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


def registration(name: str, *, system: bool, folder: Path) -> Registration:
    """Return where the task of a name is described: beside the settings, and in the scheduler itself."""
    return Registration(
        kind=Starter.WINDOWS,
        name=name,
        system=system,
        file=folder / f"{name}.task.xml",
        end=(("schtasks", "/End", "/TN", name), ("schtasks", "/Delete", "/TN", name, "/F")),
    )


def recipe(installation: Installation) -> Recipe:
    """Return the task and the commands that register and begin it."""
    place = registration(installation.name, system=installation.system, folder=installation.folder)
    notes = () if installation.system else ("It runs while you are logged on, in a window of its own.",)
    return Recipe(
        registration=place,
        content=task_xml(installation),
        begin=(
            ("schtasks", "/Create", "/TN", place.name, "/XML", str(place.file), "/F"),
            ("schtasks", "/Run", "/TN", place.name),
        ),
        notes=notes,
    )


def task_xml(installation: Installation) -> bytes:
    """Return the task: at start (or at the user's logon), for ever, on battery too, begun again when it has ended.

    The repetition starts what has ended, also where the restart on failure does not see it as one; a second instance
    is never begun.
    """
    task = ET.Element("Task", {"version": "1.2", "xmlns": _NAMESPACE})
    described = ET.SubElement(task, "RegistrationInfo")
    _add(described, "Description", f"SQLite Courier: proven backups of SQLite databases. {MARK}.")
    triggers = ET.SubElement(task, "Triggers")
    trigger = ET.SubElement(triggers, "BootTrigger" if installation.system else "LogonTrigger")
    _add(trigger, "Enabled", "true")
    repetition = ET.SubElement(trigger, "Repetition")
    _add(repetition, "Interval", "PT5M")
    _add(repetition, "StopAtDurationEnd", "false")
    if not installation.system:
        _add(trigger, "UserId", installation.user)
    principal = ET.SubElement(ET.SubElement(task, "Principals"), "Principal", {"id": "Author"})
    _add(principal, "UserId", installation.user)
    # S4U: whether somebody is logged on or not, with no password kept.
    _add(principal, "LogonType", "S4U" if installation.system else "InteractiveToken")
    _add(principal, "RunLevel", "LeastPrivilege")
    settings = ET.SubElement(task, "Settings")
    for name, value in (
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StopIfGoingOnBatteries", "false"),
        ("StartWhenAvailable", "true"),
        ("ExecutionTimeLimit", "PT0S"),
    ):
        _add(settings, name, value)
    restart = ET.SubElement(settings, "RestartOnFailure")
    _add(restart, "Interval", "PT1M")
    _add(restart, "Count", "255")
    action = ET.SubElement(ET.SubElement(task, "Actions", {"Context": "Author"}), "Exec")
    _add(action, "Command", installation.program[0])
    _add(action, "Arguments", subprocess.list2cmdline(installation.program[1:]))
    _add(action, "WorkingDirectory", str(installation.folder))
    ET.indent(task)
    text = ET.tostring(task, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'.encode("utf-16")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
