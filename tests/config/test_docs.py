"""`.env.example`, the Settings class and the README's table say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.config.settings import SECRET_FILES, Settings, load_settings, setting_names
from bot.config.sources import EnvLine, Given, parse_env
from bot.config.values import SAMPLE_ADMIN, SAMPLE_DATABASE, SAMPLE_TOKEN
from bot.errors import SettingsError

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / ".env.example"
README = ROOT / "README.md"
REQUIRED = {"BOT_TOKEN": SAMPLE_TOKEN, "ADMIN_IDS": SAMPLE_ADMIN, "DATABASES": SAMPLE_DATABASE}


def example_lines() -> list[EnvLine]:
    lines, faults = parse_env(EXAMPLE.read_text(encoding="utf-8"))
    assert not faults
    return lines


def documented() -> dict[str, tuple[str, str]]:
    """Return variable → (value, comment) as `.env.example` has them."""
    text = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return {line.name: (line.value, text[line.line - 2].removeprefix("# ")) for line in example_lines()}


def readme_table() -> str:
    """Return the table that belongs between the README's markers, made from `.env.example`."""
    rows = ["| Setting | Default | What it does |", "|---|---|---|"]
    for name, (value, comment) in documented().items():
        default = "**required**" if name in REQUIRED else f"`{value}`" if value else ""
        rows.append(f"| `{name}` | {default} | {comment.removeprefix('REQUIRED. ').replace('|', '&#124;')} |")
    return "\n".join(rows)


def test_the_example_holds_every_setting_once_in_the_order_of_the_class() -> None:
    """A setting that is added, renamed or dropped has to be so in `.env.example` too."""
    assert [line.name for line in example_lines()] == list(setting_names())


def test_each_setting_of_the_example_has_one_comment_of_its_own() -> None:
    """Every variable is explained in the line above it, and stands after an empty line."""
    text = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for line in example_lines():
        assert re.match(r"# \S.*\.$", text[line.line - 2]), line.name
        assert text[line.line - 3] == "", line.name


def test_the_values_of_the_example_are_the_defaults() -> None:
    """Copying `.env.example` and filling in the required values changes nothing."""
    given = {line.name: line.value for line in example_lines() if line.value and line.name not in REQUIRED}
    assert not set(given) & set(SECRET_FILES)
    assert Settings(given=Given(texts=given)).model_dump() == Settings().model_dump()


def test_defaults_that_are_not_empty_are_written_out() -> None:
    """A value is left empty in the example only where the default depends on something else, or is nothing."""
    empty = {line.name for line in example_lines() if not line.value}
    assert empty == {
        "BOT_TOKEN_FILE",
        "DELIVER_TO",
        "TELEGRAM_API",
        "PROXY",
        "PROXY_FILE",
        "SNAPSHOT_DIR",
        "AGE_RECIPIENTS",
        "AGE_PASSPHRASE",
        "AGE_PASSPHRASE_FILE",
        "AGE_IDENTITY_FILE",
        "STALE_AFTER",
        "NOTIFY_URLS",
        "NOTIFY_URLS_FILE",
        "HEARTBEAT_URL",
        "HEARTBEAT_URL_FILE",
        "TIMEZONE",
        "OBJECT_STORES",
        "S3_ENDPOINT",
        "S3_REGION",
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
        "S3_SECRET_ACCESS_KEY_FILE",
        "GCS_SERVICE_ACCOUNT_FILE",
        "AZURE_STORAGE_ACCOUNT",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_KEY_FILE",
        "EMAIL_TO",
        "EMAIL_FROM",
        "SMTP_URL",
        "SMTP_PASSWORD",
        "SMTP_PASSWORD_FILE",
    }


def test_the_example_as_it_stands_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts a service with the sample values: each of them is named, and nothing else."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError) as caught:
        load_settings(EXAMPLE)
    refused = {fault.partition(" is still the sample of .env.example")[0] for fault in caught.value.faults}
    assert refused == set(REQUIRED)


def test_the_readme_lists_the_settings_as_the_example_does() -> None:
    """The README's table is made from `.env.example`; the message of a failure is the table to paste."""
    if not README.exists():
        pytest.skip("there is no README yet")
    match = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", README.read_text(encoding="utf-8"), re.DOTALL)
    assert match, "README.md has no <!-- settings --> … <!-- /settings --> around its table of settings"
    missing = [name for name in setting_names() if f"`{name}`" not in match[1]]
    assert match[1].strip() == readme_table(), f"missing: {missing or 'none'}; the table should read:\n{readme_table()}"
