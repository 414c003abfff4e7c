"""The settings of the alarms: what is taken, what is refused in which words, and that no secret is shown."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.alarms import hide_urls, masked_url, masked_urls, split_urls
from bot.config.settings import load_settings
from bot.config.values import as_span, span
from bot.errors import SettingsError
from bot.journal.redaction import redact

HOUR = timedelta(hours=1)


def faults_of(folder: Path, *lines: str) -> tuple[str, ...]:
    env = folder / ".env"
    env.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(env, need_telegram=False, need_databases=False)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "length"), [("90m", 1.5 * HOUR), ("6h", 6 * HOUR), (" 2 D ", 48 * HOUR), ("1.5h", 1.5 * HOUR)]
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    """Minutes, hours and days, and back to how they are written."""
    read = span(timedelta(minutes=1), timedelta(days=366))
    assert read(text) == length
    assert read(as_span(length)) == length


@pytest.mark.parametrize("text", ["6", "6 weeks", "-1h", "0m", "9999d", "off", "h", "١h"])
def test_what_is_no_length_of_time(text: str) -> None:
    """Each is refused with the way to write it; `off` only where it means something."""
    with pytest.raises(ValueError, match="write"):
        span(timedelta(minutes=1), timedelta(days=366))(text)


def test_off_is_no_reminder() -> None:
    """A word for never."""
    assert span(HOUR, HOUR, nothing="off")("OFF") == timedelta()


def test_a_comma_inside_an_address_does_not_split_it() -> None:
    """Addresses are told apart by what begins like one."""
    assert split_urls("ntfy://a,\n json://b?to=x,y  tgram://c ,") == ("ntfy://a", "json://b?to=x,y", "tgram://c")


def test_a_fault_in_a_list_of_addresses_names_the_position_and_no_secret(tmp_path: Path) -> None:
    """What was pasted without its kind is a token, most likely."""
    (fault,) = faults_of(tmp_path, "NOTIFY_URLS=tk_AbCdEfGhIjKl, ntfy://topic")
    assert "number 1" in fault
    assert "tk_" not in fault


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/secretsecret", "^HEARTBEAT_URL is no http"),
        ("hc-ping.com/secretsecret", "^HEARTBEAT_URL is no http"),
        ("https://", "^HEARTBEAT_URL is no http"),
        ("https://h:port/secretsecret", "^HEARTBEAT_URL is no http"),
        ("https://hc-ping.com/secretsecret/start", "/start"),  # it and `/fail` are added
        # A host's name is no secret: the example is not hidden because it is the same host.
        ("hc-ping.com", r"such as https://hc-ping\.com/…\.$"),
    ],
)
def test_a_watchdog_has_an_http_address(tmp_path: Path, url: str, said: str) -> None:
    """Anything else is refused without being repeated."""
    (fault,) = faults_of(tmp_path, f"HEARTBEAT_URL={url}")
    assert re.search(said, fault)
    assert "secretsecret" not in fault


def test_addresses_are_masked_and_redacted() -> None:
    """`config` shows the kinds and the host; what stood in them is hidden in every text, and hosts are not."""
    assert masked_urls("ntfy://my-private-topic, discord://123/abc") == "ntfy://…, discord://…"
    assert masked_url("https://user:pw@hc-ping.com:8000/uuid?x=1") == "https://hc-ping.com:8000/…"
    hide_urls("ntfy://my-private-topic@ntfy.example.org/other-topic-77")
    hide_urls("https://hc-ping.com/0f1e2d3c-uuid")
    told = redact("POST https://ntfy.example.org/my-private-topic and /other-topic-77, /0f1e2d3c-uuid at hc-ping.com")
    assert told == "POST https://ntfy.example.org/[hidden] and /[hidden], /[hidden] at hc-ping.com"


def test_secrets_of_the_alarms_come_from_files_too(tmp_path: Path) -> None:
    """As Docker and systemd hand them over."""
    (tmp_path / "dog").write_text("https://hc-ping.com/uuid-of-a-check\n")
    env = tmp_path / ".env"
    env.write_text(f"HEARTBEAT_URL_FILE={tmp_path / 'dog'}\n")
    settings = load_settings(env, need_telegram=False, need_databases=False)
    assert settings.heartbeat_url.get_secret_value() == "https://hc-ping.com/uuid-of-a-check"
    assert ("HEARTBEAT_URL", "https://hc-ping.com/…", "file") in settings.effective()
