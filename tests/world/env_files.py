"""Settings files of tests: written into an empty folder, loaded, and their faults."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from bot.config.settings import Settings, load_settings
from bot.errors import SettingsError

TOKEN = "123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678"
REQUIRED = f"BOT_TOKEN={TOKEN}\nADMIN_IDS=11,22\nDATABASES=/srv/a.db\n"


def load(text: str = "", **need: Any) -> Settings:
    """Load an .env that holds the required settings and `text`."""
    Path(".env").write_text(REQUIRED + textwrap.dedent(text), encoding="utf-8")
    return load_settings(**need)


def faults(text: str, *, required: str = REQUIRED, **need: Any) -> tuple[str, ...]:
    Path(".env").write_text(required + textwrap.dedent(text), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(**need)
    return caught.value.faults


def the_fault(text: str, **need: Any) -> str:
    (fault,) = faults(text, **need)
    return fault
