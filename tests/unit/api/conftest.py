from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> TestClient:
    return world.client()
