"""Fixtures that any test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read once, when the first handler is imported, whichever test that is.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Filmgate")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What commands remember of files stays out of the user's own state."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real measuring files beside the checkout; tests without it are skipped."""
    if not _SHARED.is_dir():
        pytest.skip("the measuring files (../shared/data beside the checkout) are not here")
    return _SHARED
