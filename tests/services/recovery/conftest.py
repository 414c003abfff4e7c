"""A scene on a running stand-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world.recovery import Scene
from tests.world.stand_in import StandIn


@pytest.fixture
async def scene(standin: StandIn, tmp_path: Path) -> AsyncIterator[Scene]:
    """A machine with a bot and one admin, Ann."""
    scene = await Scene(standin, tmp_path).open()
    yield scene
    await scene.close()
