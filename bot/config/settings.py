"""Reads the settings from the environment and .env, validates them all at once, and explains what is wrong.

`.env.example` describes every setting. Paths count from the working directory.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings as python_warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import tzlocal
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config import alarms, destinations, sealing, values
from bot.config.sources import FoundIn, Given, gather
from bot.errors import SettingsError, how_to_install
from bot.journal.redaction import redact
from bot.models import CheckMethod, Compression, Recipient, WhenUnchanged
from bot.services.sealing.keys import Keys, Seal, is_world_readable

# The variables whose name is not the upper case of their attribute.
_RENAMED = {"send_owed": "OWED"}

# A secret can stand in a file of its own (Docker and systemd hand them over so); the file's path is the setting then.
SECRET_FILES = {
    "BOT_TOKEN_FILE": "BOT_TOKEN",
    "PROXY_FILE": "PROXY",
    "AGE_PASSPHRASE_FILE": "AGE_PASSPHRASE",
    **destinations.SECRET_FILES,
    "NOTIFY_URLS_FILE": "NOTIFY_URLS",
    "HEARTBEAT_URL_FILE": "HEARTBEAT_URL",
}

LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")

# MiB. A bot can't download a file over 20 from the cloud, nor upload one over 50 (Bot API: getFile, sendDocument).
_READABLE_VOLUME, _CLOUD_VOLUME, _LOCAL_VOLUME = 19, 49, 1900
_PATIENT_VOLUME = 200  # MiB; a server of one's own hangs up after 500 s, in which 3.4 Mbit/s send as much

_MINUTE, _YEAR = timedelta(minutes=1), timedelta(days=366)

_Count = Annotated[int, BeforeValidator(values.whole_number(1, 100_000))]
_Rule = Annotated[int, BeforeValidator(values.whole_number(0, 100_000))]
_Flag = Annotated[bool, BeforeValidator(values.boolean)]
_Folder = Annotated[Path, BeforeValidator(values.folder)]


def _machine_zone() -> ZoneInfo:
    """Return the machine's time zone, UTC when it is unknown or set in two ways that disagree."""
    return _ask_for_zone()[0]


def _ask_for_zone() -> tuple[ZoneInfo, str]:
    """Return the machine's time zone, or UTC and what is wrong with the machine's own settings."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        try:
            zone = tzlocal.get_localzone()
        except Exception as error:  # a broken configuration is no reason to start without a clock
            # A KeyError's text is a representation, with quotes; tzlocal's own advice is for programmers.
            said = " ".join(map(str, error.args)).partition("Fix the configuration")[0]
            return ZoneInfo("UTC"), re.sub(r"\s+", " ", redact(said)).strip(" .\n") or type(error).__name__
    return (zone, "") if isinstance(zone, ZoneInfo) else (ZoneInfo("UTC"), f"{zone} has no name")


class Settings(BaseSettings):
    """What the operator decided. Attributes are the variables' names in lower case, save `send_owed` (OWED).

    `load_settings` is the way to read them from the environment and .env; built directly, only arguments count.
    `deliver_to` is never empty while there are admins. Paths are absolute; seconds and MiB where numbers have a unit.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    given: Given = Field(default_factory=Given, repr=False, exclude=True)  # no setting: where the values came from

    bot_token: Annotated[SecretStr, BeforeValidator(values.bot_token)] = SecretStr("")
    admin_ids: Annotated[tuple[int, ...], BeforeValidator(values.admin_ids)] = ()
    deliver_to: Annotated[tuple[Recipient, ...], BeforeValidator(values.recipients)] = ()
    telegram_api: Annotated[str, BeforeValidator(values.api_url)] = ""
    telegram_local: _Flag = False
    proxy: Annotated[SecretStr, BeforeValidator(values.proxy_url)] | None = None

    databases: Annotated[tuple[str, ...], BeforeValidator(values.database_patterns)] = ()
    busy_timeout: Annotated[float, BeforeValidator(values.seconds(3600))] = 30
    allow_journal_recovery: _Flag = False
    snapshot_dir: _Folder | None = None
    check: Annotated[CheckMethod, BeforeValidator(values.one_of(CheckMethod))] = CheckMethod.FULL

    backup_dir: _Folder = Path("./backups")
    compression: Annotated[Compression, BeforeValidator(values.one_of(Compression))] = Compression.AUTO
    volume_size_mb: Annotated[int, BeforeValidator(values.whole_number(1, _LOCAL_VOLUME))] = _READABLE_VOLUME

    age_recipients: Annotated[tuple[str, ...], BeforeValidator(sealing.public_keys)] = ()
    age_passphrase: Annotated[SecretStr, BeforeValidator(sealing.passphrase)] = SecretStr("")
    age_identity_file: Annotated[Path, BeforeValidator(sealing.identity_file)] | None = None

    schedule: Annotated[str, BeforeValidator(values.cron_expression)] = "0 * * * *"
    drill_schedule: Annotated[str, BeforeValidator(values.cron_expression_or_off)] = "30 4 * * *"
    timezone: Annotated[ZoneInfo, BeforeValidator(values.time_zone)] = Field(default_factory=_machine_zone)

    retry_attempts: _Count = 3
    retry_delay: Annotated[float, BeforeValidator(values.seconds(86_400))] = 5
    send_owed: Annotated[Literal["newest", "all"], BeforeValidator(values.one_of(("newest", "all")))] = "newest"

    when_unchanged: Annotated[WhenUnchanged, BeforeValidator(values.one_of(WhenUnchanged))] = WhenUnchanged.SEND
    stale_after: Annotated[timedelta, BeforeValidator(alarms.span(_MINUTE, _YEAR))] | None = None
    shrink_alarm: Annotated[int, BeforeValidator(values.whole_number(0, 99))] = 50
    alarm_reminder: Annotated[timedelta, BeforeValidator(alarms.span(_MINUTE, _YEAR, off=True))] = timedelta(hours=6)
    notify_urls: Annotated[SecretStr, BeforeValidator(alarms.notify_urls)] = SecretStr("")
    heartbeat_url: Annotated[SecretStr, BeforeValidator(alarms.heartbeat_url)] = SecretStr("")

    max_backup_age_days: _Count = 7
    max_backup_count: _Count = 50
    chat_keep_hours: Annotated[int, BeforeValidator(values.whole_number(0, 47))] = 0
    keep_hourly: _Rule = 0
    keep_daily: _Rule = 0
    keep_weekly: _Rule = 0
    keep_monthly: _Rule = 0

    object_stores: Annotated[tuple[str, ...], BeforeValidator(destinations.store_urls)] = ()
    s3_endpoint: Annotated[str, BeforeValidator(destinations.endpoint)] = ""
    s3_region: Annotated[str, BeforeValidator(destinations.word)] = ""
    s3_access_key_id: Annotated[str, BeforeValidator(destinations.word)] = ""
    s3_secret_access_key: Annotated[SecretStr, BeforeValidator(destinations.secret)] | None = None
    gcs_service_account_file: Annotated[Path, BeforeValidator(destinations.key_file)] | None = None
    azure_storage_account: Annotated[str, BeforeValidator(destinations.word)] = ""
    azure_storage_key: Annotated[SecretStr, BeforeValidator(destinations.secret)] | None = None
    object_max_age_days: _Count = 30
    object_max_count: Annotated[int, BeforeValidator(values.whole_number(1, 5_000))] = 200

    email_to: Annotated[tuple[str, ...], BeforeValidator(destinations.mailboxes)] = ()
    email_from: Annotated[str, BeforeValidator(destinations.mailbox)] = ""
    smtp_url: Annotated[SecretStr, BeforeValidator(destinations.smtp_url)] | None = None
    smtp_password: Annotated[SecretStr, BeforeValidator(destinations.secret)] | None = None
    email_max_mb: Annotated[int, BeforeValidator(values.whole_number(1, 150))] = 20
    email_max_mails: Annotated[int, BeforeValidator(values.whole_number(1, 100))] = 5

    log_dir: _Folder = Path("./logs")
    log_level: Annotated[str, BeforeValidator(values.one_of(LOG_LEVELS, upper=True))] = "INFO"

    @field_validator("deliver_to")
    @classmethod
    def _default_to_the_admins(cls, chosen: tuple[Recipient, ...], info: ValidationInfo) -> tuple[Recipient, ...]:
        return chosen or tuple(Recipient(chat_id=admin) for admin in info.data.get("admin_ids", ()))

    @field_validator("telegram_local")
    @classmethod
    def _local_mode_needs_a_server(cls, local: bool, info: ValidationInfo) -> bool:
        if local and info.data.get("telegram_api") == "":
            raise ValueError("is true, but TELEGRAM_API names no server: set it, or leave TELEGRAM_LOCAL out.")
        return local

    @field_validator("volume_size_mb")
    @classmethod
    def _volume_fits_telegram(cls, size: int, info: ValidationInfo) -> int:
        # Where TELEGRAM_LOCAL is itself at fault, nothing can be said about the size.
        if size > _CLOUD_VOLUME and info.data.get("telegram_local") is False:
            raise ValueError(
                f"is {size}, but Telegram's cloud takes less than 50 MB per file: "
                f"write at most {_READABLE_VOLUME}, or use a Bot API server of your own with TELEGRAM_LOCAL=true."
            )
        return size

    @field_validator("age_passphrase")
    @classmethod
    def _one_way_to_seal(cls, chosen: SecretStr, info: ValidationInfo) -> SecretStr:
        if chosen.get_secret_value() and info.data.get("age_recipients"):
            raise ValueError(
                "and AGE_RECIPIENTS are both set: age seals for keys or by a passphrase; keep one of them."
            )
        return chosen

    @property
    def seal(self) -> Seal | None:
        """With what archives are sealed; None where they are not."""
        return sealing.seal_of(self.age_recipients, self.age_passphrase)

    @property
    def keys(self) -> Keys:
        """What opens sealed archives here. Raises SealError where the file of them can't be read any more."""
        return sealing.keys_of(self.age_identity_file, self.age_passphrase)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then what was gathered: pydantic's own readers keep no account of places and faults."""
        given = init_settings.init_kwargs.get("given") if isinstance(init_settings, InitSettingsSource) else None
        return init_settings, _GivenSource(settings_cls, given or Given())

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody and everything that receives: the chats, then the object stores, then the mailboxes."""
        places = (*self.object_stores, *(f"mail:{address}" for address in self.email_to))
        return (*self.deliver_to, *(Recipient(place=place) for place in places))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what can be used as it stands, but is likely not what was meant."""
        found = list(self.given.warnings)
        if not self.telegram_local and self.volume_size_mb > _READABLE_VOLUME:
            found.append(
                f"VOLUME_SIZE_MB is {self.volume_size_mb}: the bot can send such files, but Telegram does not let it "
                f"download them, so it can't restore from the chat alone: write at most {_READABLE_VOLUME}."
            )
        if self.telegram_local and self.volume_size_mb > _PATIENT_VOLUME:
            found.append(
                f"VOLUME_SIZE_MB is {self.volume_size_mb}: a Bot API server of your own hangs up after 500 s without "
                "an answer, so a volume may arrive and count as not sent. This size needs a line that sends "
                f"{-(-self.volume_size_mb * 8 * 1024 * 1024 // 500_000_000)} Mbit/s: write at most {_PATIENT_VOLUME}, "
                "or less on a slow line."
            )
        if self.age_identity_file is not None and is_world_readable(self.age_identity_file):
            found.append("AGE_IDENTITY_FILE can be read by others on this machine: run chmod 600 on it.")
        if sentence := sealing.mismatch(self.age_recipients, self.age_identity_file):
            found.append(sentence)
        return tuple(redact(sentence) for sentence in found)

    def effective(self) -> list[tuple[str, str, FoundIn]]:
        """List (variable, value as shown, where it was found) in the order of the flow, with secrets masked."""
        return [
            (variable, self._show(attribute), self._place(variable, attribute))
            for attribute, variable in _VARIABLES.items()
        ]

    def _place(self, variable: str, attribute: str) -> FoundIn:
        return self.given.places.get(variable, "default" if attribute not in self.model_fields_set else "argument")

    def _show(self, attribute: str) -> str:  # noqa: PLR0912 - a table of cases
        match attribute, getattr(self, attribute):
            case "bot_token", SecretStr() as token:
                bot, colon, secret = token.get_secret_value().partition(":")
                shown = f"{bot}:…{secret[-2:]}" if colon else ""
            case "proxy", SecretStr() as proxy:
                scheme, _, rest = proxy.get_secret_value().partition("://")
                _, at, server = rest.rpartition("@")
                shown = f"{scheme}://{'…@' if at else ''}{server}"
            case "age_recipients", keys:
                shown = sealing.shown(keys)
            case "smtp_url", SecretStr() as url:
                shown = destinations.shown_smtp_url(url)
            case "notify_urls", SecretStr() as urls:
                shown = alarms.masked_urls(urls.get_secret_value())
            case "heartbeat_url", SecretStr() as url:
                shown = alarms.masked_url(url.get_secret_value())
            case _, SecretStr() as hidden:
                shown = "…" if hidden.get_secret_value() else ""
            case _, timedelta() as length:
                shown = alarms.as_span(length)
            case "snapshot_dir", None:
                shown = str(self.backup_dir / ".work")
            case "deliver_to", chosen:
                shown = ", ".join(recipient.address for recipient in chosen)
            case _, tuple() as items:
                shown = ", ".join(str(item) for item in items)
            case _, bool() as flag:
                shown = "true" if flag else "false"
            case _, float() as number:
                shown = f"{number:g}"
            case _, value:
                shown = "" if value is None else str(value)
        return redact(shown)


class _GivenSource(PydanticBaseSettingsSource):
    """Hands over the gathered texts by attribute."""

    def __init__(self, settings_cls: type[BaseSettings], given: Given) -> None:
        super().__init__(settings_cls)
        self._given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._given.texts.get(_variable(field_name)), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: text for name in _VARIABLES if (text := self._given.texts.get(_VARIABLES[name]))}


def _variable(attribute: str) -> str:
    return _RENAMED.get(attribute, attribute.upper())


# Attribute → variable, in the order of the flow.
_VARIABLES = {name: _variable(name) for name in Settings.model_fields if name != "given"}


def setting_names() -> tuple[str, ...]:
    """Return every variable that is read, the files of secrets after their setting."""
    files = {setting: variable for variable, setting in SECRET_FILES.items()}
    return tuple(name for variable in _VARIABLES.values() for name in (variable, files.get(variable, "")) if name)


def load_settings(
    env_file: Path | None = Path(".env"), *, need_telegram: bool = True, need_databases: bool = True
) -> Settings:
    """Read the settings from the environment and `env_file`; from now on their secrets are redacted everywhere.

    The environment wins. Without `need_telegram` BOT_TOKEN and ADMIN_IDS may be missing, without `need_databases`
    DATABASES; what is given must be right all the same. Raises SettingsError with all faults at once, secrets in none.
    """
    given = gather(_VARIABLES.values(), SECRET_FILES, environment=os.environ, env_file=env_file)
    if "TIMEZONE" not in given.texts and (fault := _ask_for_zone()[1]):
        warning = f"The machine's time zone can't be told ({fault}), so all times are UTC: set TIMEZONE."
        given = replace(given, warnings=(*given.warnings, warning))
    _keep_secret(given)
    faults = list(given.faults)
    if need_telegram:
        faults += _missing(given, "BOT_TOKEN", "put the token that @BotFather gives you.")
        faults += _missing(given, "ADMIN_IDS", "put your own Telegram number; @userinfobot tells it.")
        if given.texts.get("PROXY") and importlib.util.find_spec("aiohttp_socks") is None:
            faults.append(f"PROXY needs the package aiohttp-socks: run {how_to_install('proxy')}.")
        faults += _unusable_phones(given.texts.get("NOTIFY_URLS", ""))
    faults += destinations.faults_between(given.texts, need_packages=need_telegram)
    if need_databases:
        faults += _missing(given, "DATABASES", "put the paths of your database files.")
    try:
        settings = Settings(given=given)
    except ValidationError as error:
        faults += _explain(error)
    if faults:
        raise SettingsError(
            tuple(redact(fault) for fault in faults), hint=".env.example explains each setting."
        ) from None
    return settings


def _keep_secret(given: Given) -> None:
    token = given.texts.get("BOT_TOKEN", "")
    if ":" in token:  # anything else is a mistake, perhaps a plain word that sentences are made of
        redact.add(token)
    redact.add_proxy(given.texts.get("PROXY", ""))
    redact.add(given.texts.get("AGE_PASSPHRASE", ""))
    destinations.keep_secret(given.texts)
    alarms.keep_urls_secret(given.texts.get("NOTIFY_URLS", ""), given.texts.get("HEARTBEAT_URL", ""))


def _unusable_phones(urls: str) -> list[str]:
    if not urls:
        return []
    from bot.config.apprise import has_apprise, unusable  # noqa: PLC0415 - apprise takes 0.2 s to import

    if not has_apprise():
        return [f"NOTIFY_URLS needs the package apprise: run {how_to_install('phones')}."]
    return alarms.unusable_urls(unusable(alarms.split_urls(urls)))


def _missing(given: Given, variable: str, mend: str) -> list[str]:
    # A setting whose file or line could not be read has its fault already.
    if variable in given.texts or variable in given.unread:
        return []
    slip = (
        f" ({given.lookalikes[variable]} is set: is it meant to be this one?)" if variable in given.lookalikes else ""
    )
    return [f"{variable} is not set{slip}: {mend}"]


def _explain(error: ValidationError) -> list[str]:
    """One sentence per fault: the variable's name, then the message of its reader."""
    faults = []
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        variable = _variable(str(detail["loc"][0]))
        reason = detail.get("ctx", {}).get("error")
        for line in str(reason if isinstance(reason, ValueError) else f"can't be used: {detail['msg']}.").split("\n"):
            faults.append(f"{variable} {line}")
    return list(dict.fromkeys(faults))
