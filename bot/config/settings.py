"""Reads the settings from the environment and .env, validates them all at once, and explains what is wrong.

`.env.example` describes every setting. Paths count from the working directory.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bot.config import alarms, destinations, sealing, telegram, values
from bot.config.faults import absence, explained, missing
from bot.config.secrets import Secret
from bot.config.sources import FoundIn, Given, gather
from bot.config.zone import machine_zone, time_zone
from bot.errors import SettingsError, how_to_install
from bot.journal.redaction import redact
from bot.models import CheckRule, Compression, Recipient, WhenUnchanged
from bot.services.sealing.keys import Keys, Seal, is_world_readable

# The variables whose name is not the upper case of their attribute.
_RENAMED = {"send_owed": "OWED"}

LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")

_MINUTE, _HOUR, _DAY, _YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=366)

_Count = Annotated[int, BeforeValidator(values.whole_number(1, 100_000))]
_Rule = Annotated[int, BeforeValidator(values.whole_number(0, 100_000))]
_Flag = Annotated[bool, BeforeValidator(values.boolean)]
_Folder = Annotated[Path, BeforeValidator(values.folder)]
_NONE = SecretStr("")


class Settings(BaseModel):
    """What the operator decided. Attributes are the variables' names in lower case, save `send_owed` (OWED).

    `load_settings` is the way to read them from the environment and .env; built directly, only arguments count.
    `deliver_to` is never empty while there are admins. Paths are absolute; seconds and MiB where numbers have a unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    # No setting: where the values came from.
    given: InstanceOf[Given] = Field(default_factory=Given, repr=False, exclude=True)

    bot_token: Annotated[
        SecretStr, Secret(check=telegram.bot_token, shown=telegram.shown_token, hide=telegram.hide_token)
    ] = _NONE
    admin_ids: Annotated[tuple[int, ...], BeforeValidator(telegram.admin_ids)] = ()
    deliver_to: Annotated[tuple[Recipient, ...], BeforeValidator(telegram.recipients)] = ()
    server_name: Annotated[str, BeforeValidator(telegram.server_name)] = ""
    receive: _Flag = True
    telegram_api: Annotated[str, BeforeValidator(values.base_url("http://127.0.0.1:8081", but="/bot"))] = ""
    telegram_local: _Flag = False
    proxy: Annotated[SecretStr, Secret(check=telegram.proxy_url, shown=telegram.shown_proxy, hide=redact.add_proxy)] = (
        _NONE
    )

    databases: Annotated[tuple[str, ...], BeforeValidator(values.database_patterns)] = ()
    busy_timeout: Annotated[float, BeforeValidator(values.seconds(3600))] = 30
    allow_journal_recovery: _Flag = False
    snapshot_dir: _Folder | None = None
    check: Annotated[CheckRule, BeforeValidator(values.check_rule(_HOUR, 31 * _DAY))] = CheckRule()

    backup_dir: _Folder = Path("./backups")
    compression: Annotated[Compression, BeforeValidator(values.one_of(Compression))] = Compression.AUTO
    volume_size_mb: Annotated[int, BeforeValidator(values.whole_number(1, telegram.LOCAL_VOLUME))] = (
        telegram.READABLE_VOLUME
    )

    age_recipients: Annotated[tuple[str, ...], BeforeValidator(sealing.public_keys)] = ()
    age_passphrase: Annotated[SecretStr, Secret(check=sealing.passphrase)] = _NONE
    age_identity_file: Annotated[Path, BeforeValidator(sealing.identity_file)] | None = None

    schedule: Annotated[str, BeforeValidator(values.cron_expression)] = "0 * * * *"
    drill_schedule: Annotated[str, BeforeValidator(values.cron_expression_or_off)] = "30 4 * * *"
    timezone: Annotated[ZoneInfo, BeforeValidator(time_zone)] = Field(default_factory=lambda: machine_zone()[0])

    retry_attempts: _Count = 3
    retry_delay: Annotated[float, BeforeValidator(values.seconds(86_400))] = 5
    send_owed: Annotated[Literal["newest", "all"], BeforeValidator(values.one_of(("newest", "all")))] = "newest"

    when_unchanged: Annotated[WhenUnchanged, BeforeValidator(values.one_of(WhenUnchanged))] = WhenUnchanged.SEND
    stale_after: Annotated[timedelta, BeforeValidator(values.span(_MINUTE, _YEAR))] | None = None
    shrink_alarm: Annotated[int, BeforeValidator(values.whole_number(0, 99))] = 50
    alarm_reminder: Annotated[timedelta, BeforeValidator(values.span(_MINUTE, _YEAR, nothing=values.OFF))] = timedelta(
        hours=6
    )
    notify_urls: Annotated[
        SecretStr, Secret(check=alarms.notify_urls, shown=alarms.masked_urls, hide=alarms.hide_urls)
    ] = _NONE
    heartbeat_url: Annotated[
        SecretStr, Secret(check=alarms.heartbeat_url, shown=alarms.masked_url, hide=alarms.hide_urls)
    ] = _NONE

    max_backup_age_days: _Count = 7
    max_backup_count: _Count = 50
    weekly_report: _Flag = True
    chat_keep_hours: Annotated[int, BeforeValidator(values.whole_number(0, 47))] = 0
    keep_hourly: _Rule = 0
    keep_daily: _Rule = 0
    keep_weekly: _Rule = 0
    keep_monthly: _Rule = 0

    object_stores: Annotated[tuple[str, ...], BeforeValidator(destinations.store_urls)] = ()
    s3_endpoint: Annotated[str, BeforeValidator(values.base_url("https://s3.example.org"))] = ""
    s3_region: Annotated[str, BeforeValidator(destinations.word)] = ""
    s3_access_key_id: Annotated[str, BeforeValidator(destinations.word)] = ""
    s3_secret_access_key: Annotated[SecretStr, Secret()] = _NONE
    gcs_service_account_file: Annotated[Path, BeforeValidator(destinations.key_file)] | None = None
    azure_storage_account: Annotated[str, BeforeValidator(destinations.word)] = ""
    azure_storage_key: Annotated[SecretStr, Secret()] = _NONE
    object_max_age_days: _Count = 30
    object_max_count: Annotated[int, BeforeValidator(values.whole_number(1, 5_000))] = 200

    email_to: Annotated[tuple[str, ...], BeforeValidator(destinations.mailboxes)] = ()
    email_from: Annotated[str, BeforeValidator(destinations.mailbox)] = ""
    smtp_url: Annotated[
        SecretStr,
        Secret(
            check=destinations.smtp_url,
            shown=destinations.shown_smtp_url,
            hide=destinations.hide_smtp_url,
            in_file=False,
        ),
    ] = _NONE
    smtp_password: Annotated[SecretStr, Secret()] = _NONE
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
        if info.data.get("telegram_local") is False and (fault := telegram.volume_fault(size)):
            raise ValueError(fault)
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
    def server(self) -> str:
        """The name of this server: SERVER_NAME, else the host's. What people read carries `server_name` alone."""
        return self.server_name or telegram.host_name()

    @property
    def seal(self) -> Seal | None:
        """With what archives are sealed; None where they are not."""
        return sealing.seal_of(self.age_recipients, self.age_passphrase)

    @property
    def keys(self) -> Keys:
        """What opens sealed archives here. Raises SealError where the file of them can't be read any more."""
        return sealing.keys_of(self.age_identity_file, self.age_passphrase)

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody and everything that receives: the chats, then the object stores, then the mailboxes."""
        return (*self.deliver_to, *self.places)

    @property
    def places(self) -> tuple[Recipient, ...]:
        """What receives besides chats."""
        places = (*self.object_stores, *(f"mail:{address}" for address in self.email_to))
        return tuple(Recipient(place=place) for place in places)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what can be used as it stands, but is likely not what was meant."""
        found = [*self.given.warnings, telegram.volume_warning(self.volume_size_mb, local=self.telegram_local)]
        if self.age_identity_file is not None and is_world_readable(self.age_identity_file):
            found.append("AGE_IDENTITY_FILE can be read by others on this machine: run chmod 600 on it.")
        found.append(sealing.mismatch(self.age_recipients, self.age_identity_file))
        return tuple(redact(sentence) for sentence in found if sentence)

    def effective(self) -> list[tuple[str, str, FoundIn]]:
        """List (variable, value as shown, where it was found) in the order of the flow, with secrets masked."""
        return [
            (
                variable,
                self._show(attribute),
                self.given.places.get(variable, "argument" if attribute in self.model_fields_set else "default"),
            )
            for attribute, variable in _VARIABLES.items()
        ]

    def _show(self, attribute: str) -> str:
        match attribute, getattr(self, attribute):
            case _, SecretStr() as hidden:
                text = hidden.get_secret_value()
                return redact(_SECRETS[attribute].shown(text)) if text else ""
            case "age_recipients", keys:
                return redact(sealing.shown(keys))
            case "snapshot_dir", None:
                return redact(str(self.backup_dir / ".work"))
            case _, value:
                return redact(values.as_written(value))


def _variable(attribute: str) -> str:
    return _RENAMED.get(attribute, attribute.upper())


# Attribute → variable, in the order of the flow.
_VARIABLES = {name: _variable(name) for name in Settings.model_fields if name != "given"}

_SECRETS = {
    name: mark for name, field in Settings.model_fields.items() for mark in field.metadata if isinstance(mark, Secret)
}
SECRET_FILES = {f"{_VARIABLES[name]}_FILE": _VARIABLES[name] for name, secret in _SECRETS.items() if secret.in_file}
"""The variable that names the file of a secret → the secret's own."""


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
    if "TIMEZONE" not in given.texts and (fault := machine_zone()[1]):
        warning = f"The machine's time zone can't be told ({fault}), so all times are UTC: set TIMEZONE."
        given = replace(given, warnings=(*given.warnings, warning))
    for name, secret in _SECRETS.items():
        secret.hide(given.texts.get(_VARIABLES[name], ""))
    lacking: list[str] = []
    if need_telegram:
        lacking += missing(given, "BOT_TOKEN", "put the token that @BotFather gives you.")
        lacking += missing(given, "ADMIN_IDS", "put your own Telegram number; @userinfobot tells it.")
    if need_databases:
        lacking += missing(given, "DATABASES", "put the paths of your database files.")
    faults = [*given.faults, *lacking]
    if lacking and env_file is not None and given.env_file is None:
        faults.insert(0, absence(env_file))
    if need_telegram:
        if given.texts.get("PROXY") and importlib.util.find_spec("aiohttp_socks") is None:
            faults.append(f"PROXY needs the package aiohttp-socks: run {how_to_install('proxy')}.")
        faults += alarms.faults_of_phones(given.texts.get("NOTIFY_URLS", ""))
    faults += destinations.faults_between(given.texts, need_packages=need_telegram)
    try:
        texts: dict[str, Any] = {name: given.texts.get(variable) for name, variable in _VARIABLES.items()}
        settings = Settings(given=given, **{name: text for name, text in texts.items() if text})
    except ValidationError as error:
        faults += explained(error, _variable)
    if faults:
        raise SettingsError(
            tuple(redact(fault) for fault in faults),
            hint=".env.example explains each setting; `sqlite-courier setup` asks for what is needed.",
        ) from None
    return settings
