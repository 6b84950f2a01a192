"""Fixtures that any test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import real_files

# Read once, when the first handler is imported, whichever test that is.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Filmgate")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")

STACK_TIMEOUT_S = 1200
"""A test on the local AWS may be the one that packages, starts and fills it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests on the local AWS their time."""
    for item in items:
        on_stack = {"integration", "e2e"} & set(item.path.parts) or item.get_closest_marker("stack")
        if on_stack and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(STACK_TIMEOUT_S))


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What commands remember of files stays out of the user's own state."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real measuring files beside the checkout, or what tests do without it."""
    return real_files.folder()
