from __future__ import annotations

import os

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.world import World

# Read when the handler's module is imported, so set before any test module is.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Filmgate")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "api")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> TestClient:
    return world.client()
