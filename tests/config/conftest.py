"""Every test here starts in an empty folder, without the machine's own settings."""

from pathlib import Path

import pytest

from bot.config.settings import setting_names


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the machine's own settings away, and start in an empty folder."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
