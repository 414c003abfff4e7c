"""A service installed and removed: only what `install` wrote is replaced, and only that is removed."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import MachineError
from bot.services.host import accounts
from bot.services.host.installation import MARK, Command, Installation, Recipe, Registration, Starter
from bot.services.host.machine import ask, find, registration, serves
from bot.services.host.registering import check_as_user, install, uninstall
from tests.world.databases import make_database, write_env
from tests.world.host import installation_in
from tests.world.snapshots import NOBODY, as_nobody, in_process

TOKEN = f"123456789:{'A' * 35}"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands of the machine are shell here")


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    """A service whose settings can be read."""
    made = installation_in(tmp_path, system=False)
    write_env(tmp_path, [make_database(tmp_path / "live" / "app.db")], BOT_TOKEN=TOKEN, ADMIN_IDS="11")
    return made


def noted(folder: Path, word: str) -> Command:
    """A command of the machine that leaves a word."""
    return ("sh", "-c", f"echo {word} >> '{folder / 'ran'}'")


def recipe_in(folder: Path, *begin: Command, text: str = f"<!-- {MARK} -->") -> Recipe:
    place = Registration(
        kind=Starter.LAUNCHD,
        name="sqlite-courier",
        system=False,
        file=folder / "agents" / "sqlite-courier.plist",
        end=(noted(folder, "ended"),),
        removed=(noted(folder, "forgotten"),),
    )
    return Recipe(registration=place, content=text.encode(), begin=begin or (noted(folder, "begun"),))


def test_it_is_written_begun_ended_and_removed(made: Installation, tmp_path: Path) -> None:
    """Our folders are made before, a second time takes the first one's place, and archives stay at the end."""
    recipe, told = recipe_in(tmp_path), list[str]()
    for _ in range(2):
        install(recipe, made, tell=told.append)
    place = recipe.registration
    assert (tmp_path / "backups").is_dir()
    known = ask(place)
    assert (known.ours, known.user, known.active) == (True, accounts.me(), None)
    uninstall(place, tell=told.append)
    assert (tmp_path / "ran").read_text().split() == ["begun", "ended", "begun", "ended", "forgotten"]
    assert [line for line in told if "wrote" in line or "removed" in line] == [
        f"wrote {place.file}", f"wrote {place.file}", f"removed {place.file}",
    ]  # fmt: skip
    assert not place.file.exists()
    assert (tmp_path / "backups").is_dir()


def test_what_somebody_else_wrote_is_left_alone(made: Installation, tmp_path: Path) -> None:
    """A unit typed by hand is neither replaced nor removed."""
    recipe = recipe_in(tmp_path)
    place = recipe.registration
    place.file.parent.mkdir()
    place.file.write_text("<plist>my own</plist>")
    with pytest.raises(MachineError, match="was not written by"):
        install(recipe, made, tell=pytest.fail)
    with pytest.raises(MachineError, match="left alone"):
        uninstall(place, tell=pytest.fail)
    assert place.file.read_text() == "<plist>my own</plist>"
    assert not (tmp_path / "ran").exists()


def test_a_machine_that_refuses_is_quoted(made: Installation, tmp_path: Path) -> None:
    """What was done by then is said, and the machine's own words."""
    recipe = recipe_in(tmp_path, ("sh", "-c", "echo No such domain >&2; exit 5"))
    with pytest.raises(MachineError, match=r"is written, but then sh .* failed: No such domain"):
        install(recipe, made, tell=lambda _: None)
    gone = recipe_in(tmp_path, ("no-such-program-here",))
    with pytest.raises(MachineError, match="no-such-program-here"):
        install(gone, made, tell=lambda _: None)


@pytest.mark.skipif(not accounts.IS_ROOT, reason="only root can be somebody else")
def test_settings_that_the_user_of_the_service_cant_read_are_found_before(made: Installation, tmp_path: Path) -> None:
    """A service that would fail at each start is not installed."""
    (tmp_path / ".env").chmod(0o600)
    with pytest.raises(MachineError, match="nobody"):
        check_as_user(replace(made, user="nobody"))


def test_the_service_of_these_settings_is_known_again(made: Installation, tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, text=f"<!-- {MARK} --> {tmp_path / '.env'}")
    install(recipe, made, tell=lambda _: None)
    assert serves(recipe.registration, tmp_path / ".env")
    assert not serves(recipe.registration, tmp_path / "other" / ".env")


def test_nothing_is_found_where_nothing_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service of one's own is found in one's own folder, unless that of the machine is asked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    name = "sqlite-courier-of-a-test"
    assert find(name) is None
    place = registration(name, system=False)
    place.file.parent.mkdir(parents=True, exist_ok=True)
    place.file.write_text("mine")
    assert find(name) == place
    assert find(name, system=True) is None


def test_a_user_without_a_home_has_no_service_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run programs as such; that is no traceback of `status`, `doctor` or `setup`."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert find("of-a-test") is None


_LOOKS = f"""
import os, sys
from pathlib import Path
from bot.services.host.machine import find, of_settings
os.environ["HOME"] = sys.argv[1]
os.setgid({NOBODY}); os.setuid({NOBODY})
print(find("of-a-test"), of_settings(Path("/srv/courier/.env")))
"""


@as_nobody
def test_a_home_that_is_closed_to_its_user_has_no_service_either(tmp_path: Path) -> None:
    """A container that was started as root has root's, also as its PUID."""
    (tmp_path / "root" / ".config/systemd/user").mkdir(parents=True)
    (tmp_path / "root").chmod(0o700)
    done = in_process(_LOOKS, tmp_path / "root")
    assert (done.stdout, done.stderr) == ("None None\n", "")


@as_nobody
def test_whether_another_user_can_run_this_program_is_known_before_anything_is_written(tmp_path: Path) -> None:
    """Root's home is closed to others, and with it what root has installed there."""
    assert accounts.fault_of_running(accounts.me(), tmp_path) == ""
    tmp_path.chmod(0o700)
    fault = accounts.fault_of_running("nobody", tmp_path)
    assert fault == f"nobody can't run {sys.executable} in {tmp_path}: Permission denied"
