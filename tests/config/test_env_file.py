"""An .env that is changed keeps what else stands in it, and is read back as it was meant."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.env_file import change_env, difference, env_line, path_list
from bot.config.settings import setting_names
from bot.config.sources import parse_env
from bot.config.values import database_patterns
from bot.errors import SettingsError
from bot.journal.redaction import HIDDEN
from tests.world.env_files import TOKEN


def changed(text: str, **values: str | None) -> str:
    return change_env(textwrap.dedent(text), values, setting_names())


def test_values_change_in_their_places_and_the_rest_stays() -> None:
    """Comments, foreign names, exports and order; what is new comes below its default, or last."""
    before = """\
        # my bot
        export BOT_TOKEN=old   # of the shop
        MY_OWN=1

        # Who receives.
        # DELIVER_TO=
        DATABASES="a.db,
          b.db"
        ADMIN_IDS=11
        ADMIN_IDS=12
        """
    after = changed(
        before, BOT_TOKEN=None, BOT_TOKEN_FILE="/x/token", DATABASES="/srv/c.db", ADMIN_IDS="13", DELIVER_TO="13,-100"
    )
    assert after == textwrap.dedent("""\
        # my bot
        MY_OWN=1

        # Who receives.
        # DELIVER_TO=
        DELIVER_TO=13,-100
        DATABASES=/srv/c.db
        ADMIN_IDS=13
        BOT_TOKEN_FILE=/x/token
        """)
    assert (
        changed("SCHEDULE='0 * * * *' # hourly\r\nX=1\r\n", SCHEDULE="@daily") == "SCHEDULE=@daily # hourly\r\nX=1\r\n"
    )
    assert changed("X=1", ADMIN_IDS="5") == "X=1\nADMIN_IDS=5\n"
    assert changed("", ADMIN_IDS="5") == "ADMIN_IDS=5\n"
    assert changed("X=1\n", ADMIN_IDS=None) == "X=1\n"


def test_nothing_changes_where_nothing_is_asked(tmp_path: Path) -> None:
    example = (Path(__file__).parent.parent.parent / ".env.example").read_text(encoding="utf-8")
    assert change_env(example, {}, setting_names()) == example
    after = change_env(example, {"KEEP_DAILY": "7"}, setting_names())
    assert difference(example, after) == ["+ KEEP_DAILY=7"]


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=12), min_size=1))
def test_any_paths_are_read_back(names: list[str]) -> None:
    """Or refused with a sentence; never taken for others."""
    paths = list(dict.fromkeys(f"/srv/{name.strip()}" for name in names if name.strip()))
    try:
        line = env_line("DATABASES", path_list(paths))
    except SettingsError:
        return
    (entry,), faults = parse_env(line)
    assert not faults
    assert list(database_patterns(entry.value)) == paths


def test_a_difference_shows_no_secret() -> None:
    lines = difference(f"BOT_TOKEN={TOKEN}\nX=1\n", "X=1\nBOT_TOKEN_FILE=/x\n")
    assert lines == [f"- BOT_TOKEN={HIDDEN}", "+ BOT_TOKEN_FILE=/x"]


def test_what_no_line_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match="rename the file"):
        path_list(["/srv/a\nb.db"])
