"""A scene with two admins."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.alarms.scene import Scene
from tests.world.stand_in import StandIn


@pytest.fixture
async def scene(standin: StandIn, tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(standin, tmp_path)
    await scene.open()
    yield scene
    await scene.close()
