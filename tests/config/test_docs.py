"""`.env.example`, the Settings class and `docs/settings.md` say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import groupby

import pytest

from bot.config.settings import SECRET_FILES, Settings, load_settings, setting_names
from bot.config.sources import Given, parse_env
from bot.config.values import SAMPLE_ADMIN, SAMPLE_DATABASE, SAMPLE_TOKEN
from bot.errors import SettingsError
from tools.settings_page import EXAMPLE, PAGE, described, page

REQUIRED = {"BOT_TOKEN": SAMPLE_TOKEN, "ADMIN_IDS": SAMPLE_ADMIN, "DATABASES": SAMPLE_DATABASE}
WANTED = ["TIMEZONE", "BACKUP_DIR", "SCHEDULE", "MAX_BACKUP_AGE_DAYS", "MAX_BACKUP_COUNT"]


def test_the_example_begins_with_what_people_fill_in_and_holds_every_setting_once() -> None:
    """A setting that is added, renamed or dropped has to be so in `.env.example` too, in the order of the class."""
    order = [setting.name for setting in described()]
    first = [*REQUIRED, *WANTED]
    rest = [name for name in setting_names() if name not in (*first, *SECRET_FILES)]
    twins = [name for name in setting_names() if name in SECRET_FILES]
    assert order == [*first, *rest, *twins]


def test_the_groups_of_the_example_are_whole() -> None:
    """The three come under a heading of their own, then the five, and the files of secrets close the file."""
    groups = [[setting.name for setting in group] for _, group in groupby(described(), lambda setting: setting.group)]
    titles = {setting.group for setting in described()}
    assert len(groups) == len(titles)
    assert "" not in titles
    assert groups[0] == list(REQUIRED)
    assert groups[1] == WANTED
    assert set(groups[-1]) == set(SECRET_FILES)


def test_each_setting_of_the_example_has_one_comment_of_its_own() -> None:
    """Every variable is explained by a sentence in the line above it, and stands after an empty line."""
    text = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for setting in described():
        assert text[setting.line - 1] == f"# {setting.comment}", setting.name
        assert setting.comment[0].isupper() or setting.comment[0] == "`", setting.name
        assert setting.comment.endswith("."), setting.name
        assert text[setting.line - 2] == "", setting.name


def test_a_copied_example_shows_what_was_decided() -> None:
    """Only the three that everybody fills in are set; each is a sample that nobody can use."""
    lines, faults = parse_env(EXAMPLE.read_text(encoding="utf-8"))
    assert not faults
    assert {line.name: line.value for line in lines} == REQUIRED


def test_the_values_of_the_example_are_the_defaults() -> None:
    """Taking the `# ` away from any line of `.env.example` changes nothing."""
    given = {setting.name: setting.value for setting in described() if setting.value and not setting.required}
    assert not set(given) & set(SECRET_FILES)
    assert Settings(given=Given(texts=given)).model_dump() == Settings().model_dump()


def test_defaults_that_are_not_empty_are_written_out() -> None:
    """A value is left empty in the example only where the default depends on something else, or is nothing."""
    nothing = {variable for variable, shown, _ in Settings().effective() if not shown}
    depends = {"TIMEZONE", "SNAPSHOT_DIR"}
    empty = {setting.name for setting in described() if not setting.value}
    assert empty == (nothing | depends | set(SECRET_FILES)) - set(REQUIRED)


def test_the_example_as_it_stands_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts a service with the sample values: each of them is named, and nothing else."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError) as caught:
        load_settings(EXAMPLE)
    refused = {fault.partition(" is still the sample of .env.example")[0] for fault in caught.value.faults}
    assert refused == set(REQUIRED)


def test_a_shell_reads_the_example_as_the_service_does() -> None:
    """Whoever sources an `.env` made from it gets every value as it is meant, also one with stars in it."""
    if (shell := shutil.which("sh")) is None:
        pytest.skip("there is no POSIX shell here")
    text = re.sub(r"^# (?=[A-Z][A-Z0-9_]*=)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    script = f"set -eu\n{text}\n" + "\n".join(f"printf '%s\\n' \"${setting.name}\"" for setting in described())
    done = subprocess.run([shell], input=script, capture_output=True, text=True, check=True, env={})
    assert done.stderr == ""
    assert done.stdout.splitlines() == [setting.value for setting in described()]


def test_the_page_lists_the_settings_as_the_example_does() -> None:
    """The tables of `docs/settings.md` are made from `.env.example`."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tools.docs"
