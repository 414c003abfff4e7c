"""The settings: where they are found, what is refused, and with which words."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal
from hypothesis import given as each
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.config import Settings, load_settings, setting_names
from bot.errors import SettingsError
from bot.models import CheckMethod, Compression, Recipient
from bot.redaction import redact
from bot.settings_sources import parse_env
from bot.settings_values import SAMPLE_TOKEN, database_patterns

TOKEN = "123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678"
REQUIRED = f"BOT_TOKEN={TOKEN}\nADMIN_IDS=11,22\nDATABASES=/srv/a.db\n"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the machine's own settings away, and start in an empty folder."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def load(text: str = "", **need: bool) -> Settings:
    """Load an .env that holds the required settings and `text`."""
    Path(".env").write_text(REQUIRED + textwrap.dedent(text), encoding="utf-8")
    return load_settings(**need)


def faults(text: str, *, required: str = REQUIRED, **need: bool) -> tuple[str, ...]:
    Path(".env").write_text(required + textwrap.dedent(text), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(**need)
    return caught.value.faults


def the_fault(text: str, **need: bool) -> str:
    (fault,) = faults(text, **need)
    return fault


def values(text: str) -> dict[str, str]:
    lines, found = parse_env(text)
    assert not found
    return {line.name: line.value for line in lines}


# ─── What comes out ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_required_settings_are_enough() -> None:
    """With token, admins and databases everything else has its default."""
    settings = load()
    assert settings.bot_token.get_secret_value() == TOKEN
    assert settings.admin_ids == (11, 22)
    assert settings.deliver_to == (Recipient(chat_id=11), Recipient(chat_id=22))
    assert settings.databases == ("/srv/a.db",)
    assert (settings.backup_dir, settings.log_dir) == (Path.cwd() / "backups", Path.cwd() / "logs")
    assert (settings.schedule, settings.volume_size_mb, settings.send_owed) == ("0 * * * *", 19, "newest")
    assert (settings.max_backup_age_days, settings.max_backup_count) == (7, 50)
    assert (settings.retry_attempts, settings.retry_delay, settings.busy_timeout) == (3, 5.0, 30.0)
    assert (settings.check, settings.compression) == (CheckMethod.FULL, Compression.AUTO)
    assert (settings.telegram_api, settings.telegram_local, settings.proxy) == ("", False, None)
    assert (settings.snapshot_dir, settings.allow_journal_recovery) == (None, False)
    assert settings.warnings == ()


def test_every_setting_can_be_given() -> None:
    """Each text becomes a value of its type; the case of words does not matter."""
    settings = load("""
        DELIVER_TO=77, -1001234567890; -1001234567890/42
        TELEGRAM_API=http://127.0.0.1:8081/
        TELEGRAM_LOCAL=yes
        BUSY_TIMEOUT=0.5
        ALLOW_JOURNAL_RECOVERY=on
        SNAPSHOT_DIR=work
        CHECK=Quick
        BACKUP_DIR=/srv/backups
        COMPRESSION=SMALL
        VOLUME_SIZE_MB=1900
        SCHEDULE="30 4 * * MON-FRI"
        TIMEZONE=Europe/Berlin
        RETRY_ATTEMPTS=9
        RETRY_DELAY=0
        OWED=all
        MAX_BACKUP_AGE_DAYS=30
        MAX_BACKUP_COUNT=1
        LOG_DIR=/srv/logs
        LOG_LEVEL=debug
    """)
    group = Recipient(chat_id=-1001234567890)
    assert settings.deliver_to == (Recipient(chat_id=77), group, Recipient(chat_id=group.chat_id, thread_id=42))
    assert settings.telegram_api == "http://127.0.0.1:8081"
    assert settings.telegram_local
    assert settings.allow_journal_recovery
    assert settings.busy_timeout == 0.5
    assert settings.snapshot_dir == Path.cwd() / "work"
    assert (settings.check, settings.compression) == (CheckMethod.QUICK, Compression.SMALL)
    assert settings.volume_size_mb == 1900
    assert (settings.schedule, settings.timezone) == ("30 4 * * MON-FRI", ZoneInfo("Europe/Berlin"))
    assert (settings.send_owed, settings.log_level) == ("all", "DEBUG")
    assert settings.warnings == ()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment counts before .env; an empty one counts as not given."""
    monkeypatch.setenv("MAX_BACKUP_COUNT", "8")
    monkeypatch.setenv("MAX_BACKUP_AGE_DAYS", "")
    settings = load("MAX_BACKUP_COUNT=9\nMAX_BACKUP_AGE_DAYS=3\n")
    assert (settings.max_backup_count, settings.max_backup_age_days) == (8, 3)


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env is needed where the environment holds the settings."""
    for line in REQUIRED.splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    assert load_settings().admin_ids == (11, 22)
    assert load_settings(None).admin_ids == (11, 22)


def test_settings_built_directly_see_arguments_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor reads neither the environment nor .env."""
    monkeypatch.setenv("MAX_BACKUP_COUNT", "8")
    Path(".env").write_text("RETRY_ATTEMPTS=9\n")
    settings = Settings(bot_token=SecretStr(TOKEN), admin_ids=(5,), databases=("a.db",), backup_dir=Path("/b"))
    assert (settings.max_backup_count, settings.retry_attempts, settings.deliver_to) == (50, 3, (Recipient(chat_id=5),))


def test_the_machines_zone_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """TIMEZONE follows the machine, and is UTC where the machine does not know."""
    monkeypatch.setattr(tzlocal, "get_localzone", lambda: ZoneInfo("Asia/Tokyo"))
    assert load().timezone == ZoneInfo("Asia/Tokyo")

    def unknown() -> ZoneInfo:
        raise LookupError("no zone")

    monkeypatch.setattr(tzlocal, "get_localzone", unknown)
    assert load().timezone == ZoneInfo("UTC")


def test_some_commands_need_no_token() -> None:
    """Without Telegram neither token nor admins are asked for; without databases to copy, no databases."""
    Path(".env").write_text("DATABASES=a.db\n")
    settings = load_settings(need_telegram=False)
    assert settings.bot_token.get_secret_value() == ""
    assert settings.deliver_to == ()
    Path(".env").write_text("")
    assert load_settings(need_telegram=False, need_databases=False).databases == ()


# ─── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_can_stand_in_files() -> None:
    """BOT_TOKEN_FILE and PROXY_FILE name files; a line break at the end and a BOM are not part of the secret."""
    Path("token").write_text(f"\ufeff{TOKEN}\r\n", encoding="utf-8")
    Path("proxy").write_text("socks5://u:p@h:1080\n")
    required = "ADMIN_IDS=1\nDATABASES=a.db\n"
    Path(".env").write_text(f"{required}BOT_TOKEN_FILE=token\nPROXY_FILE=proxy\n")
    settings = load_settings(need_telegram=False)
    assert settings.bot_token.get_secret_value() == TOKEN
    assert settings.proxy is not None
    assert settings.proxy.get_secret_value() == "socks5://u:p@h:1080"
    shown = {name: (value, place) for name, value, place in settings.effective()}
    assert shown["BOT_TOKEN"] == ("123456789:…78", "file")
    assert shown["PROXY"] == ("socks5://…@h:1080", "file")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "BOT_TOKEN_FILE is 'token', which does not exist"),
        (b"", "BOT_TOKEN_FILE is 'token', which is empty"),
        (b" \n", "BOT_TOKEN_FILE is 'token', which is empty"),
        (b"\xff\x00", "BOT_TOKEN_FILE is 'token', which is not text"),
        (b"no token", "BOT_TOKEN does not look like a bot's token"),
    ],
)
def test_a_secrets_file_that_cannot_be_used(content: bytes | None, fault: str) -> None:
    """Missing, empty or wrong, the file is one fault; that the token is not set is not said on top."""
    if content is not None:
        Path("token").write_bytes(content)
    (found,) = faults("BOT_TOKEN_FILE=token", required="ADMIN_IDS=1\nDATABASES=a.db\n")
    assert found.startswith(fault)


def test_a_folder_in_place_of_a_secrets_file() -> None:
    """What can't be read is a fault with the system's reason."""
    Path("token").mkdir()
    (found,) = faults("BOT_TOKEN_FILE=token", required="ADMIN_IDS=1\nDATABASES=a.db\n")
    assert found.startswith("BOT_TOKEN_FILE is 'token', which can't be read (")


def test_a_secret_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret and its file together are a fault that says where each of them stands."""
    monkeypatch.setenv("BOT_TOKEN_FILE", "token")
    assert the_fault("") == "BOT_TOKEN_FILE and BOT_TOKEN are both set (environment, .env): keep one of the two."


def test_no_fault_repeats_a_secret() -> None:
    """Neither a malformed token or proxy nor a token in the wrong place is in any sentence, nor in a repr."""
    found = faults(
        f"""
        ADMIN_IDS={TOKEN}
        BOT_TOKEN_FILE={TOKEN}
        PROXY=ftp://user:hunter2hunter2@host:1
        TELEGRAM_API=http://user:hunter2hunter2@host
        {TOKEN}
        """,
        required=f"BOT_TOKEN={TOKEN[:-1]}\n",
    )
    told = "\n".join(found)
    assert TOKEN[10:-1] not in told
    assert "hunter2" not in told
    settings = load("PROXY=http://user:hunter2hunter2@host:1", need_telegram=False)
    assert TOKEN not in repr(settings) + str(settings.model_dump())
    assert "hunter2" not in repr(settings) + str(settings.effective())


def test_loaded_secrets_are_redacted_from_then_on() -> None:
    """The journal and the chat hide what the settings hold."""
    load("PROXY=http://user:pa55word-of-proxy@host:1", need_telegram=False)
    assert "pa55word" not in redact("refused: pa55word-of-proxy")
    assert TOKEN not in redact(f"/bot{TOKEN}/getMe")


# ─── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_set_at_all() -> None:
    """A first start names everything that is required."""
    assert [fault.partition(":")[0] for fault in faults("", required="")] == [
        "BOT_TOKEN is not set",
        "ADMIN_IDS is not set",
        "DATABASES is not set",
    ]


def test_all_faults_are_reported_at_once() -> None:
    """Faults of the file, of values and of missing settings come together, each with its variable."""
    found = faults(
        """
        ADMIN_IDS=me
        CHECK=fall
        VOLUME_SIZE_MB=50
        SCHEDULE=@hourly
        TIMEZONE=berlin
        MAX_BACKUP_CUNT=3
        RETRY_DELAY=soon
        just words
        """,
        required="",
    )
    assert sorted(fault.split()[0] for fault in found) == [
        ".env,",
        "ADMIN_IDS",
        "BOT_TOKEN",
        "CHECK",
        "DATABASES",
        "MAX_BACKUP_CUNT",
        "RETRY_DELAY",
        "SCHEDULE",
        "TIMEZONE",
        "VOLUME_SIZE_MB",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("MAX_BACKUP_COUNT=ten", "MAX_BACKUP_COUNT is 'ten', not a whole number: write one from 1 to 100000."),
        ("MAX_BACKUP_COUNT=1.5", "MAX_BACKUP_COUNT is '1.5', not a whole number: write one from 1 to 100000."),
        ("MAX_BACKUP_AGE_DAYS=0", "MAX_BACKUP_AGE_DAYS is 0, out of range: write a number from 1 to 100000."),
        ("RETRY_ATTEMPTS=-1", "RETRY_ATTEMPTS is -1, out of range: write a number from 1 to 100000."),
        ("RETRY_DELAY=nan", "RETRY_DELAY is 'nan', out of range: write a number of seconds from 0 to 86400."),
        ("BUSY_TIMEOUT=1m", "BUSY_TIMEOUT is '1m', not a number of seconds: write one from 0 to 3600."),
        ("TELEGRAM_LOCAL=ja", "TELEGRAM_LOCAL is 'ja', neither true nor false: write one of the two."),
        (
            "TELEGRAM_LOCAL=true",
            "TELEGRAM_LOCAL is true, but TELEGRAM_API names no server: set it, or leave TELEGRAM_LOCAL out.",
        ),
        ("COMPRESSION=smal", "COMPRESSION is 'smal', which is unknown: did you mean small?"),
        ("CHECK=none", "CHECK is 'none', which is unknown: write one of full, quick."),
        ("LOG_LEVEL=WARN", "LOG_LEVEL is 'WARN', which is unknown: did you mean WARNING?"),
        ("OWED=none", "OWED is 'none', which is unknown: write one of newest, all."),
        ("TIMEZONE=Tokyo", "TIMEZONE is 'Tokyo', not the IANA name of a time zone: did you mean Asia/Tokyo?"),
        (
            "TIMEZONE=europe/berlni",
            "TIMEZONE is 'europe/berlni', not the IANA name of a time zone: did you mean Europe/Berlin?",
        ),
        (
            "TIMEZONE=../etc/passwd",
            "TIMEZONE is '../etc/passwd', not the IANA name of a time zone: write one such as Europe/Berlin or UTC.",
        ),
        (
            "DELIVER_TO=https://t.me/c/123/4",
            "DELIVER_TO holds the link https://t.me/c/123/4: write its numbers, -100123/4.",
        ),
        ("DELIVER_TO=0", "DELIVER_TO holds 0, which is no chat's number: write one such as 77 or -1001234567890/42."),
        (
            "DELIVER_TO=1/x",
            "DELIVER_TO holds '1/x', no chat: write numbers such as 77, -1001234567890 or -1001234567890/42.",
        ),
    ],
)
def test_a_wrong_value_is_explained(line: str, fault: str) -> None:
    """The sentence names the variable, the value's fault and the mend."""
    assert the_fault(line) == fault


@pytest.mark.parametrize("expression", ["@hourly", "* * * *", "61 * * * *", "0 0 30 2 *"])
def test_a_schedule_that_is_no_cron_expression(expression: str) -> None:
    """SCHEDULE is refused at load, with what is wrong and a form that works."""
    fault = the_fault(f"SCHEDULE={expression}")
    assert fault.startswith("SCHEDULE can't be used:")
    assert expression in fault
    assert "0 * * * *" in fault


def test_people_are_named_by_number() -> None:
    """Names, groups and words are refused one by one in ADMIN_IDS; DELIVER_TO refuses names with the way out."""
    found = faults(
        "ADMIN_IDS=@me, -100123, 7, someone\nDELIVER_TO=@channel\n", required=f"BOT_TOKEN={TOKEN}\nDATABASES=a\n"
    )
    assert found == (
        "ADMIN_IDS names @me: a bot can't look names up; put the number that @userinfobot tells.",
        "ADMIN_IDS holds -100123, the number of a group: an admin is a person; a group goes into DELIVER_TO.",
        "ADMIN_IDS holds 'someone', not a number: write people's numbers, separated by commas.",
        "DELIVER_TO names @channel: write the chat's number instead, such as -1001234567890; "
        "web.telegram.org shows it at the end of the address.",
    )


def test_the_sample_token_is_refused_for_what_it_is() -> None:
    """A copied .env.example is told apart from a mistyped token."""
    (found,) = faults(f"BOT_TOKEN={SAMPLE_TOKEN}", required="ADMIN_IDS=1\nDATABASES=a.db\n")
    assert found == "BOT_TOKEN is still the sample of .env.example: put the token that @BotFather gave your bot."


@pytest.mark.parametrize("token", ["12345", "abc:def", TOKEN[:-1], TOKEN + "x", TOKEN.replace(":", "_"), f"bot{TOKEN}"])
def test_a_token_of_another_shape_is_refused(token: str) -> None:
    """Digits, a colon and 35 characters; a part of it, or more than it, is not taken."""
    (found,) = faults(f"BOT_TOKEN={token}", required="ADMIN_IDS=1\nDATABASES=a.db\n")
    assert found.startswith("BOT_TOKEN does not look like a bot's token")


def test_the_size_of_volumes_in_the_cloud() -> None:
    """Up to 19 MiB is right, up to 49 goes with a warning, more is refused; a local server takes more in silence."""
    assert load("VOLUME_SIZE_MB=19").warnings == ()
    (warning,) = load("VOLUME_SIZE_MB=20").warnings
    assert warning.startswith(
        "VOLUME_SIZE_MB is 20: the bot can send such files, but Telegram does not let it download"
    )
    assert load("VOLUME_SIZE_MB=49").volume_size_mb == 49
    assert the_fault("VOLUME_SIZE_MB=50").startswith("VOLUME_SIZE_MB is 50, but Telegram's cloud takes less")
    assert the_fault("TELEGRAM_API=http://x\nTELEGRAM_LOCAL=1\nVOLUME_SIZE_MB=1901").startswith(
        "VOLUME_SIZE_MB is 1901"
    )


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8081", "ftp://host", "http://", "http://host:port", "http://a b", "http://h/?q=1", "http://h/bot1:x"],
)
def test_an_api_address_that_cannot_be_one(url: str) -> None:
    """Only the base address of an HTTP server is taken."""
    assert the_fault(f"TELEGRAM_API={url}").endswith("write the server's base address, such as http://127.0.0.1:8081.")


@pytest.mark.parametrize("url", ["host:1080", "socks5://host", "socks5://:1080", "http://[host:1", "http://h:99999"])
def test_a_proxy_address_that_cannot_be_one(url: str) -> None:
    """Kind, host and port are needed."""
    assert the_fault(f"PROXY={url}", need_telegram=False).endswith(
        "write it as socks5://user:password@host:port or http://host:port."
    )


def test_a_kind_of_proxy_that_is_unknown() -> None:
    """The kind is named, since socks5h is what other programs call socks5."""
    assert the_fault("PROXY=socks5h://u:p@h:1", need_telegram=False).startswith(
        "PROXY is of the unknown kind socks5h:// (socks5 looks"
    )


def test_a_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where aiohttp-socks is not installed, that is said before the bot starts, with the command that mends it."""
    monkeypatch.setitem(sys.modules, "aiohttp_socks", None)
    fault = "PROXY needs the package aiohttp-socks: run pip install 'sqlite-courier[proxy]'."
    assert the_fault("PROXY=socks5://h:1080") == fault


def test_a_list_of_nobody() -> None:
    """Separators alone name no admin."""
    (found,) = faults("ADMIN_IDS=,", required=f"BOT_TOKEN={TOKEN}\nDATABASES=a\n")
    assert found.startswith("ADMIN_IDS is ',', which holds no number")


def test_a_file_where_a_folder_is_needed() -> None:
    """A folder's name that belongs to a file is refused before anything runs."""
    Path("taken").write_text("")
    assert the_fault("BACKUP_DIR=taken") == "BACKUP_DIR is 'taken', which is a file: name a folder."


# ─── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_misspelt_name_is_a_fault_with_the_right_one() -> None:
    """A slip of the pen in .env is never ignored."""
    assert the_fault("MAX_BACKUPS_COUNT=3") == "MAX_BACKUPS_COUNT (.env, line 4) is no setting: write MAX_BACKUP_COUNT."
    assert the_fault("log_level=INFO") == "log_level (.env, line 4) is no setting: write LOG_LEVEL."


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
    """Two different values are a fault, the same value twice is a warning."""
    assert the_fault("CHECK=full\nCHECK=quick\n") == "CHECK is set 2 times in .env (lines 4, 5): keep one."
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
    assert values(
        """
        # a comment
        A = 1
        export B=two words   # with a comment
        C="a # in quotes"  # and one outside
        D='single'
        E=
        F= # empty
        G=a#b
        H=it's # fine
        I="say \\"hi\\""
        J=a=b
        """
    ) == {
        "A": "1",
        "B": "two words",
        "C": "a # in quotes",
        "D": "single",
        "E": "",
        "F": "",
        "G": "a#b",
        "H": "it's",
        "I": 'say "hi"',
        "J": "a=b",
    }


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


def test_a_quote_that_is_never_closed() -> None:
    """It is named, and the settings after it are read all the same."""
    assert the_fault('SCHEDULE="0 * * * *\nTIMEZONE="UTC"\n') == (
        'SCHEDULE (.env, line 4) opens a quote " that is never closed: close it.'
    )


def test_a_line_that_is_no_setting_is_not_repeated() -> None:
    """The fault gives the number of the line, for the line may hold a secret."""
    assert the_fault("sk-some-secret\n") == (
        ".env, line 4, is not of the form NAME=value: mend it, or begin it with # ."
    )


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


@each(st.text(alphabet=st.sampled_from("ABC=\"'\\#, \n\r\t[]{}$:;/é\0"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, the reader returns lines and sentences."""
    lines, found = parse_env(text, ("A", "B"))
    assert all(line.name for line in lines)
    assert all(found)


# ─── DATABASES ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("a.db", ("a.db",)),
        ("a.db, b c.db;d.db,", ("a.db", "b c.db", "d.db")),
        ("/srv/*/[ab].db", ("/srv/*/[ab].db",)),
        ("[ab].db, c.db", ("[ab].db", "c.db")),
        ('"a, b.db", c.db', ("a, b.db", "c.db")),
        ("'a;b.db'; \"c.db\"", ("a;b.db", "c.db")),
        ("bob's.db, it's.db", ("bob's.db", "it's.db")),
        ('["a, b.db", "c.db"]', ("a, b.db", "c.db")),
        (r'["C:\\bots\\a.db"]', (r"C:\bots\a.db",)),
        (r'C:\bots\a.db, "C:\my bots\"', (r"C:\bots\a.db", "C:\\my bots\\")),
        ("a.db, a.db", ("a.db",)),
        ("данные #1.db", ("данные #1.db",)),
    ],
)
def test_the_forms_of_a_list_of_databases(text: str, patterns: tuple[str, ...]) -> None:
    """Commas, semicolons and lines separate; quotes keep an item whole; a JSON list works too."""
    assert database_patterns(text) == patterns


def test_the_list_of_databases_in_an_env_file() -> None:
    """Quotes of items are not taken for quotes of the value."""
    settings = load("").databases, load_databases('"a, b.db", "c #1.db"  # two'), load_databases(r'["a.db", "b.db"]')
    assert settings == (("/srv/a.db",), ("a, b.db", "c #1.db"), ("a.db", "b.db"))


def load_databases(value: str) -> tuple[str, ...]:
    Path(".env").write_text(f"DATABASES={value}\n", encoding="utf-8")
    return load_settings(need_telegram=False).databases


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """~ is the home folder, since no shell expands it in .env."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert load_databases("~/a.db") == (str(Path("/home/me/a.db")),)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("sqlite:///a.db", "holds 'sqlite:///a.db': write the path of a file"),
        ("sqlite+aiosqlite:///a.db", "holds 'sqlite+aiosqlite:///a.db': write the path of a file"),
        (", ,", "is ', ,', which holds no path"),
        (":memory:", "holds ':memory:': write the path of a file"),
        (r'["C:\bots\new.db"]', r"holds 'C:\x08ots\new.db', with a control character in it"),
        (r'["C:\data\new.db"]', "is not a JSON list (Invalid \\escape"),
        ('["a.db", 3]', "is not a JSON list of texts"),
        ('a.db, "b.db', "holds '\"b.db', which opens a quote and never closes it"),
        ("/path/to/your.db", "is still the sample of .env.example"),
    ],
)
def test_a_list_of_databases_that_cannot_be_meant(value: str, reason: str) -> None:
    """URLs, half quotes and swallowed backslashes are refused."""
    (found,) = faults(f"DATABASES={value}", required=f"BOT_TOKEN={TOKEN}\nADMIN_IDS=1\n")
    assert found.startswith(f"DATABASES {reason}")


# ─── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_effective_settings_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is listed once with its value and its place."""
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    effective = load("TIMEZONE=UTC\nDELIVER_TO=-1001/4\n").effective()
    shown = {name: (value, place) for name, value, place in effective}
    assert len(shown) == len(effective)
    assert shown["BOT_TOKEN"] == ("123456789:…78", ".env")
    assert shown["LOG_LEVEL"] == ("DEBUG", "environment")
    assert shown["DELIVER_TO"] == ("-1001/4", ".env")
    assert shown["TIMEZONE"] == ("UTC", ".env")
    assert shown["OWED"] == ("newest", "default")
    assert shown["RETRY_DELAY"] == ("5", "default")
    assert shown["PROXY"] == ("", "default")
    assert shown["SNAPSHOT_DIR"] == (str(Path.cwd() / "backups" / ".work"), "default")


def test_reading_the_settings_does_not_load_the_telegram_library() -> None:
    """Commands that don't talk to Telegram must not pay for aiogram's import."""
    code = "import sys, bot.config, bot.journal; sys.exit('aiogram' in sys.modules or 'aiohttp' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
