"""`note`, `pin` and `unpin` on the command line: what they change, what they record, and how they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import Actor, Facts
from tests.world.databases import make_database, write_env
from tests.world.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell where a backup was made, and one archive may be kept."""
    write_env(tmp_path, [make_database(tmp_path / "live" / "one.db")], ADMIN_IDS="11", MAX_BACKUP_COUNT="1")
    shell = Shell(tmp_path)
    assert shell("backup", "--no-deliver").returncode == 0
    return shell


async def audits(folder: Path) -> list[tuple[str, str, Facts]]:
    async with open_courier(load_settings(folder / ".env", need_telegram=False), deliver=False) as courier:
        return [(entry.actor, entry.action, entry.facts) for entry in await courier.catalogue.service.audits()]


async def test_a_note_is_written_shown_recorded_and_removed(shell: Shell, tmp_path: Path) -> None:
    """By any name of a backup; in one line, cut where it is too long, and gone with an empty one."""
    done = shell("note", "latest", "before  the\nmigration")
    assert (done.returncode, done.stdout.strip()) == (0, "The note on backup 1: before the migration")
    assert "before the migration" in shell("list").stdout
    assert shell.json("note", "1", "[red]<b>é")["note"] == "[red]<b>é"
    long = shell("note", "1", "x" * 300)
    assert long.returncode == 0
    assert "cut to 200 characters" in long.stderr
    assert shell("note", "#1", "").stdout.strip() == "No note on backup 1."
    recorded = await audits(tmp_path)
    assert recorded[0] == (Actor.COMMAND_LINE, "removed the note", (("backup", 1),))
    assert recorded[-2] == (Actor.COMMAND_LINE, "noted", (("backup", 1), ("note", "before the migration")))


async def test_a_pinned_archive_outlives_the_limits_until_it_is_unpinned(shell: Shell, tmp_path: Path) -> None:
    """With room for one archive, the pinned one stays beside the newest; unpinned, it goes."""
    assert "backup 1 is pinned" in shell("pin", "1").stdout.lower()
    assert shell("backup", "--no-deliver").returncode == 0
    assert {row["id"]: row["pinned"] for row in shell.json("list")} == {1: True, 2: False}
    assert shell.json("unpin", "1")["pinned"] is False
    assert shell("prune").returncode == 0
    assert [row["id"] for row in shell.json("list")] == [2]
    actions = [(actor, action) for actor, action, _ in await audits(tmp_path)]
    assert (Actor.COMMAND_LINE, "pinned") in actions
    assert (Actor.COMMAND_LINE, "unpinned") in actions
    gone = shell("pin", "1")
    assert gone.returncode == 3
    assert "no longer on the disk" in gone.stderr


@pytest.mark.parametrize("command", [["show", "99"], ["note", "99", "words"], ["pin", "99"], ["unpin", "nothing.zip"]])
def test_what_there_is_not_has_its_sentence_and_exit_code(shell: Shell, command: list[str]) -> None:
    """3, and nothing but a sentence."""
    said = shell.refused(3, *command)
    assert "There is no backup" in said
    assert command[1] in said


@pytest.mark.parametrize("command", [["note", "1"], ["pin"]])
def test_a_missing_word_is_a_usage_error(shell: Shell, command: list[str]) -> None:
    """2, as for every command."""
    assert shell(*command).returncode == 2
