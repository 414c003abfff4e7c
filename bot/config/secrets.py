"""Describes the settings that are secrets: how one is checked, what of it may be shown, and how it is hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from bot.journal.redaction import redact


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Marks a setting as a secret, which may be empty. No message of `check` repeats it.

    `shown` is what `config` prints of it; `hide` redacts it everywhere from now on. With `in_file` it can stand in a
    file of its own, which NAME_FILE names: Docker and systemd hand secrets over so.
    """

    check: Callable[[str], str] = str
    shown: Callable[[str], str] = lambda _: "…"
    hide: Callable[[str], None] = redact.add
    in_file: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> SecretStr:
        text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
        return SecretStr(self.check(text) if text else "")
