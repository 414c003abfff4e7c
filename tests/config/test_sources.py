"""Where the settings come from: the names in .env and the environment, and the forms of a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from bot.config.settings import load_settings
from bot.config.sources import parse_env
from bot.config.values import database_patterns
from bot.errors import SettingsError
from tests.world.env_files import REQUIRED, TOKEN, faults, load, the_fault


def values(text: str) -> dict[str, str]:
    lines, found = parse_env(text)
    assert not found
    return {line.name: line.value for line in lines}


# ─── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        # A slip of the pen is never ignored.
        ("MAX_BACKUPS_COUNT=3", "MAX_BACKUPS_COUNT (.env, line 4) is no setting: write MAX_BACKUP_COUNT."),
        ("log_level=INFO", "log_level (.env, line 4) is no setting: write LOG_LEVEL."),
        ("CHECK=full\nCHECK=quick\n", "CHECK is set 2 times in .env (lines 4, 5): keep one."),
        # The settings after it are read all the same.
        (
            'SCHEDULE="0 * * * *\nTIMEZONE="UTC"\n',
            'SCHEDULE (.env, line 4) opens a quote " that is never closed: close it.',
        ),
        # The line itself is not repeated, for it may hold a secret.
        ("sk-some-secret\n", ".env, line 4, is not of the form NAME=value: mend it, or begin it with # ."),
    ],
)
def test_a_line_that_cannot_be_meant(text: str, fault: str) -> None:
    """It is named by its number, with the way to mend it."""
    assert the_fault(text) == fault


def test_a_misspelt_required_name_is_seen_behind_the_missing_one() -> None:
    """What is missing and what was written instead are brought together."""
    found = faults("", required=f"BOT_TOKN={TOKEN}\nADMIN_IDS=1\nDB_PATH=a.db\n")
    assert found == (
        "BOT_TOKN (.env, line 1) is no setting: write BOT_TOKEN.",
        "BOT_TOKEN is not set (BOT_TOKN is set: is it meant to be this one?): put the token that @BotFather gives you.",
        "DATABASES is not set (DB_PATH is set: is it meant to be this one?): put the paths of your database files.",
    )


def test_a_foreign_name_is_a_warning() -> None:
    """An .env shared with another program is usable; what it holds besides is pointed out."""
    assert load("TELEGRAM_BOT_TOKEN=x\nREDIS_URL=redis://\n").warnings == (
        "TELEGRAM_BOT_TOKEN (.env, line 4) is no setting, and is ignored: here it is called BOT_TOKEN.",
        "REDIS_URL (.env, line 5) is no setting, and is ignored.",
    )


def test_the_environment_is_searched_for_slips_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs' variables are no news; a slip is, unless the setting it resembles is given."""
    monkeypatch.setenv("HTTP_PROXY", "http://h:1")
    monkeypatch.setenv("CHECKS", "1")
    monkeypatch.setenv("DATABASE", "postgres")
    assert load().warnings == ()
    monkeypatch.setenv("MAX_BACKUP_COUNTS", "3")
    assert load().warnings == ("MAX_BACKUP_COUNTS in the environment is no setting: did you mean MAX_BACKUP_COUNT?",)
    assert load("MAX_BACKUP_COUNT=3").warnings == ()


def test_a_name_that_stands_twice() -> None:
    """Where two different values are a fault, the same value twice is a warning."""
    assert load("CHECK=full\nCHECK=full\n").warnings == ("CHECK is set 2 times in .env (lines 4, 5): keep one.",)


# ─── The .env ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_editors_make_of_the_file(encoding: str, end: str) -> None:
    """A BOM, Windows line ends and UTF-16, as PowerShell writes it, change nothing."""
    text = REQUIRED.replace("/srv/a.db", "/srv/данные.db").replace("\n", end)
    Path(".env").write_bytes(text.encode(encoding))
    settings = load_settings()
    assert (settings.admin_ids, settings.databases) == ((11, 22), ("/srv/данные.db",))


def test_the_forms_of_a_line() -> None:
    """Spaces, export, quotes and comments are read as people mean them."""
    meant = {
        "A = 1": "1",
        "export B=two words   # with a comment": "two words",
        'C="a # in quotes"  # and one outside': "a # in quotes",
        "D='single'": "single",
        "E=": "",
        "F= # empty": "",
        "G=a#b": "a#b",
        "H=it's # fine": "it's",
        r'I="say \"hi\""': 'say "hi"',
        "J=a=b": "a=b",
    }
    text = "\n    ".join(["    # a comment", *meant])
    assert values(text) == dict(zip("ABCDEFGHIJ", meant.values(), strict=True))


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_windows_paths_survive(quote: str) -> None:
    r"""A backslash is no escape, in no quotes: \n and \t begin names of folders."""
    path = r"C:\new bots\table\data.db"
    assert values(f"DATABASES={quote}{path}{quote}") == {"DATABASES": path}
    assert load(f"BACKUP_DIR={quote}C:\\new\\{quote}").backup_dir == Path("C:\\new\\").absolute()


def test_a_value_over_several_lines() -> None:
    """A list may stand in quotes with one item per line."""
    settings_lines = 'DATABASES="\n  /srv/a.db\n  /srv/b.db\n"\nCHECK=full\n'
    assert values(settings_lines)["CHECK"] == "full"
    assert database_patterns(values(settings_lines)["DATABASES"]) == ("/srv/a.db", "/srv/b.db")


def test_what_cannot_be_read_is_not_called_missing_too() -> None:
    """A required setting behind an open quote, or in a file of another encoding, has its one fault and no other."""
    found = faults("", required=f'BOT_TOKEN={TOKEN}\nADMIN_IDS="11\nDATABASES=a.db\n')
    assert found == ('ADMIN_IDS (.env, line 2) opens a quote " that is never closed: close it.',)
    Path(".env").write_bytes(f"# caf\xe9\nBOT_TOKEN={TOKEN}\nADMIN_IDS=1\nDATABASES=a.db\n".encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.faults == ("The settings file .env is not UTF-8 text: save it as UTF-8.",)


def test_a_settings_file_that_was_asked_for_must_exist() -> None:
    """Only the file .env may be missing."""
    with pytest.raises(SettingsError, match=r"The settings file other\.env does not exist"):
        load_settings(Path("other.env"))


@pytest.mark.parametrize("content", [b"A=\xff\xfe\xfa", b"A=\0"])
def test_a_settings_file_that_is_no_text(content: bytes) -> None:
    """Bytes that are no text are a fault and no traceback."""
    Path(".env").write_bytes(content)
    with pytest.raises(SettingsError, match=r"The settings file \.env (is not UTF-8|holds zero bytes)"):
        load_settings()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows calls it a matter of permission")
def test_a_folder_of_that_name_is_named_as_such() -> None:
    """Docker makes one of a file that was to be mounted and is not there."""
    Path(".env").mkdir()
    with pytest.raises(SettingsError, match=r"The settings file \.env is a folder"):
        load_settings()


@each(st.text(alphabet=st.sampled_from("ABC=\"'\\#, \n\r\t[]{}$:;/é\0"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, the reader returns lines and sentences."""
    lines, found = parse_env(text, ("A", "B"))
    assert all(line.name for line in lines)
    assert all(found)


def test_quotes_that_a_container_hands_over_are_taken_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`docker run --env-file` and compose's list form keep the quotes of NAME="value"; a list of quoted items stays."""
    monkeypatch.setenv("BACKUP_DIR", f'"{tmp_path}/kept"')
    monkeypatch.setenv("MAX_BACKUP_COUNT", "'7'")
    monkeypatch.setenv("DATABASES", '"a, b.db", "c.db"')
    settings = load_settings(None, need_telegram=False)
    assert settings.backup_dir == tmp_path / "kept"
    assert settings.max_backup_count == 7
    assert [Path(pattern).name for pattern in settings.databases] == ["a, b.db", "c.db"]
