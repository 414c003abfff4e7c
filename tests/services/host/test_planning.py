"""What is planned for a machine: the user, the folders, and the settings that a service would not see."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.config.settings import Settings, load_settings
from bot.errors import CourierError, NotFoundError, SettingsError
from bot.models import Database
from bot.services.host import accounts
from bot.services.host.installation import Installation
from bot.services.host.planning import plan_installation, writable_folders
from tests.world.databases import make_database, write_env


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return make_database(tmp_path / "live" / "app.db")


def settings_of(folder: Path, *sources: Path | str, **more: str) -> Settings:
    return load_settings(write_env(folder, sources, **more), need_telegram=False)


def planned(folder: Path, *databases: Path, **more: Any) -> Installation:
    found = [Database(path=path, name=path.name) for path in databases]
    settings = more.pop("settings", None) or settings_of(folder, *databases)
    return plan_installation(settings, found, env_file=folder / ".env", **more)


def test_it_starts_this_interpreter_here(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path is absolute, and a package called `bot` in that folder is not taken for ours."""
    monkeypatch.chdir(tmp_path)
    settings = settings_of(tmp_path, live)
    made = plan_installation(settings, [Database(path=live, name="app.db")], env_file=Path(".env"), system=True)
    assert made.program == (sys.executable, "-P", "-m", "bot", "run", "--env-file", str(tmp_path / ".env"))
    assert (made.folder, made.user, made.token_file) == (tmp_path, accounts.owner_of(live), None)
    assert made.own == (tmp_path / "backups", tmp_path / "logs")


@pytest.mark.parametrize(
    ("patterns", "more", "folders"),
    [
        (["live/app.db"], {}, ["backups", "live", "logs"]),
        (["live/app.db", "live/deep/x.db"], {}, ["backups", "live", "logs"]),  # what lies in another is in it
        (["live/**/*.db"], {}, ["backups", "live", "logs"]),
        (["later/x.db"], {"SNAPSHOT_DIR": "ram"}, ["backups", "later", "logs", "ram"]),
        (["app.db"], {}, [""]),  # beside the folders of our own
    ],
)
def test_it_writes_to_what_it_needs_alone(
    tmp_path: Path, patterns: Sequence[str], more: dict[str, str], folders: Sequence[str]
) -> None:
    """Our own folders, and those of the databases: a glob covers what comes later too."""
    for path in ("live/app.db", "live/deep/x.db", "app.db"):
        make_database(tmp_path / path)
    more = {name: str(tmp_path / value) for name, value in more.items()}
    settings = settings_of(tmp_path, *(tmp_path / pattern for pattern in patterns), **more)
    assert writable_folders(settings, []) == tuple(tmp_path / folder for folder in folders)


def test_a_link_is_followed_to_where_its_log_lies(live: Path, tmp_path: Path) -> None:
    """SQLite keeps the log beside the file, not beside the link to it."""
    link = tmp_path / "links" / "app.db"
    link.parent.mkdir()
    link.symlink_to(live)
    folders = writable_folders(settings_of(tmp_path, link), [Database(path=link, name="app.db")])
    assert live.parent in folders


@pytest.mark.skipif(not accounts.IS_ROOT, reason="only root gives files away")
def test_it_runs_as_the_owner_of_the_databases(live: Path, tmp_path: Path) -> None:
    """Where they have different ones, somebody has to choose."""
    other = make_database(tmp_path / "live" / "other.db")
    accounts.hand_over(live, "nobody")
    assert planned(tmp_path, live, system=True).user == "nobody"
    with pytest.raises(SettingsError, match=r"different users: .*app.db to nobody, .*other.db to root") as refused:
        planned(tmp_path, live, other, system=True)
    assert "--as" in refused.value.hint
    assert planned(tmp_path, live, other, system=True, user="nobody").user == "nobody"


def test_what_the_service_would_not_see_is_refused(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of this shell alone, a file that is not there, a user that nobody knows, and no name at all."""

    def refused(**more: Any) -> str:
        with pytest.raises(CourierError) as error:
            planned(tmp_path, live, **more)
        return error.value.sentence

    assert "is no name" in refused(name="../x")
    assert "no user nobody-knows" in refused(system=True, user="nobody-knows")
    assert "runs as you" in refused(system=False, user="somebody-else")
    monkeypatch.setenv("MAX_BACKUP_COUNT", "7")
    assert "MAX_BACKUP_COUNT: set in this shell" in refused()
    monkeypatch.delenv("MAX_BACKUP_COUNT")
    settings = settings_of(tmp_path, live)
    (tmp_path / ".env").unlink()
    assert "There is no" in refused(settings=settings)


def test_without_a_database_nobody_can_be_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, tmp_path / "gone.db")
    with pytest.raises(NotFoundError, match="as whom"):
        planned(tmp_path, settings=settings, system=True)
    assert planned(tmp_path, settings=settings, system=False).user == accounts.me()
    assert os.sep in str(settings.backup_dir)
