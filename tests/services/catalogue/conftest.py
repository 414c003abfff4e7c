"""An open catalogue, and where it lies."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.services.catalogue import Catalogue
from tests.world.catalogue import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.db"


@pytest.fixture
async def catalogue(path: Path) -> AsyncIterator[Catalogue]:
    async with await Catalogue.open(path, clock=lambda: NOW) as opened:
        yield opened
