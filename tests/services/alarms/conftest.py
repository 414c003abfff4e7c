"""A scene with two databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.alarms.scene import Scene
from tests.world.databases import make_database
from tests.world.stand_in import StandIn


@pytest.fixture
async def scene(standin: StandIn, tmp_path: Path) -> AsyncIterator[Scene]:
    """Two admins and two databases, users.db with 500 rows and shop.db."""
    sources = [make_database(tmp_path / "live" / "users.db", 500), make_database(tmp_path / "live" / "shop.db")]
    scene = Scene(standin, tmp_path, sources)
    await scene.open()
    yield scene
    await scene.close()
