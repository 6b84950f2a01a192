"""Fixtures that any test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real measuring files beside the checkout; tests without it are skipped."""
    if not _SHARED.is_dir():
        pytest.skip("the measuring files (../shared/data beside the checkout) are not here")
    return _SHARED
