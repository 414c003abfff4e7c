"""The settings: where they are found, what is refused, and with which words."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal
from pydantic import SecretStr

from bot.config.settings import Settings, load_settings
from bot.config.values import SAMPLE_TOKEN, database_patterns
from bot.errors import how_to_install
from bot.journal.redaction import redact
from bot.models import CheckMethod, CheckRule, Compression, Recipient
from tests.world.env_files import REQUIRED, TOKEN, faults, load, the_fault
from tests.world.snapshots import ROOT, in_process

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
    assert (settings.check, settings.compression) == (CheckRule(), Compression.AUTO)
    assert (settings.telegram_api, settings.telegram_local, settings.proxy) == ("", False, SecretStr(""))
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
    assert (settings.check, settings.compression) == (CheckRule(method=CheckMethod.QUICK), Compression.SMALL)
    assert settings.volume_size_mb == 1900
    assert (settings.schedule, settings.timezone) == ("30 4 * * MON-FRI", ZoneInfo("Europe/Berlin"))
    assert (settings.send_owed, settings.log_level) == ("all", "DEBUG")
    assert len(settings.warnings) == 1
    assert "hangs up after 500 s" in settings.warnings[0]
    assert "32 Mbit/s" in settings.warnings[0]


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
    settings = load()
    assert settings.timezone == ZoneInfo("UTC")
    assert any("no zone" in warning and "set TIMEZONE" in warning for warning in settings.given.warnings)
    assert not any("time zone" in warning for warning in load("TIMEZONE=UTC").given.warnings)


def test_a_posix_zone_is_said_to_be_none(tmp_path: Path) -> None:
    """`TZ=CET-1CEST` names no zone: people would read times of UTC without a word."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
    code = (
        "from bot.config.settings import load_settings;"
        "print(load_settings(need_telegram=False, need_databases=False).given)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "CET-1CEST" in child.stdout
    assert ". Please use a timezone" in child.stdout  # and no quoted \\n between
    assert "set TIMEZONE" in child.stdout


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
        SCHEDULE=whenever
        TIMEZONE=berlin
        MAX_BACKUP_CUNT=3
        RETRY_DELAY=soon
        just words
        """,
        required="",
    )
    of_values = {"ADMIN_IDS", "CHECK", "VOLUME_SIZE_MB", "SCHEDULE", "TIMEZONE", "RETRY_DELAY"}
    expected = of_values | {".env,", "MAX_BACKUP_CUNT", "BOT_TOKEN", "DATABASES"}
    assert sorted(fault.split()[0] for fault in found) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "rule", "shown"),
    [
        ("quick", CheckRule(method=CheckMethod.QUICK, holds_for=timedelta(days=1)), "quick,1d"),
        ("Full, 90m", CheckRule(holds_for=timedelta(minutes=90)), "full,90m"),
        ("full,always", CheckRule(holds_for=timedelta()), "full,always"),
    ],
)
def test_what_to_check_and_how_often_again(text: str, rule: CheckRule, shown: str) -> None:
    """A day where nothing is said, and shown as it can be written."""
    settings = load(f"CHECK={text}")
    assert settings.check == rule
    assert {name: value for name, value, _ in settings.effective()}["CHECK"] == shown
    assert load(f"CHECK={shown}").check == rule


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
        ("CHECK=quick,40d", "CHECK is '40d', out of range: write 1h to 31d."),
        (
            "CHECK=full,6",
            "CHECK is '6', which is no length of time: write a length of time such as 90m, 6h or 2d, or always.",
        ),
        ("LOG_LEVEL=WARN", "LOG_LEVEL is 'WARN', which is unknown: did you mean WARNING?"),
        ("OWED=none", "OWED is 'none', which is unknown: write one of newest, all."),
        (
            "TIMEZONE=UTC+2",
            "TIMEZONE is 'UTC+2', not the IANA name of a time zone: write that of a city, such as Europe/Berlin, which"
            " follows its clock changes; Etc/GMT-2 is this one without any.",
        ),
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


@pytest.mark.parametrize("expression", ["whenever", "* * * *", "61 * * * *", "0 0 30 2 *"])
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


def test_the_name_of_a_server() -> None:
    """Short and on one line; without one the host's is used, which stands in no message."""
    assert load("SERVER_NAME='web <1> · Köln'").server == "web <1> · Köln"
    assert load("").server_name == ""
    assert 0 < len(load("").server) <= 32
    assert the_fault(f"SERVER_NAME={'x' * 33}").startswith("SERVER_NAME has 33 characters: write at most 32 letters")
    assert the_fault("SERVER_NAME=--").startswith("SERVER_NAME is '--', which can't be read out as a name")
    assert the_fault('SERVER_NAME="a\nb"').startswith("SERVER_NAME is 'a")


MENDS = {
    "TELEGRAM_API": "write the server's base address, such as http://127.0.0.1:8081.",
    "PROXY": "write it as socks5://user:password@host:port or http://host:port.",
}


@pytest.mark.parametrize(
    ("name", "url"),
    [("TELEGRAM_API", url) for url in ("127.0.0.1:8081", "ftp://host", "http://", "http://host:port")]
    + [("TELEGRAM_API", url) for url in ("http://a b", "http://h/?q=1", "http://h/bot1:x")]
    + [("PROXY", url) for url in ("host:1080", "socks5://host", "socks5://:1080", "http://[host:1", "http://h:99999")],
)
def test_an_address_that_cannot_be_one(name: str, url: str) -> None:
    """Only the base address of an HTTP server is taken; a proxy needs kind, host and port."""
    assert the_fault(f"{name}={url}", need_telegram=False).endswith(MENDS[name])


def test_a_kind_of_proxy_that_is_unknown() -> None:
    """The kind is named, since socks5h is what other programs call socks5."""
    fault = the_fault("PROXY=socks5h://u:p@h:1", need_telegram=False)
    assert fault.startswith("PROXY is of the unknown kind socks5h:// (socks5 looks")


def test_a_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where aiohttp-socks is not installed, that is said before the bot starts, with the command that mends it."""
    monkeypatch.setitem(sys.modules, "aiohttp_socks", None)
    fault = f"PROXY needs the package aiohttp-socks: run {how_to_install('proxy')}."
    assert the_fault("PROXY=socks5://h:1080") == fault


def test_a_list_of_nobody() -> None:
    """Separators alone name no admin."""
    (found,) = faults("ADMIN_IDS=,", required=f"BOT_TOKEN={TOKEN}\nDATABASES=a\n")
    assert found.startswith("ADMIN_IDS is ',', which holds no number")


def test_a_file_where_a_folder_is_needed() -> None:
    """A folder's name that belongs to a file is refused before anything runs."""
    Path("taken").write_text("")
    assert the_fault("BACKUP_DIR=taken") == "BACKUP_DIR is 'taken', which is a file: name a folder."


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
    code = (
        "import sys, bot.config.settings, bot.journal.writer;"
        "sys.exit('aiogram' in sys.modules or 'aiohttp' in sys.modules)"
    )
    assert in_process(code).returncode == 0
