"""The real measuring files beside the checkout, and what tests do where they are missing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def folder(path: Path = FOLDER, environment: Mapping[str, str] = os.environ) -> Path:
    """Where they are.

    Raises:
        pytest.fail.Exception: they are missing in continuous integration (`CI=true`), where a
            skipped test would go unnoticed.
        pytest.skip.Exception: they are missing elsewhere.
    """
    if path.is_dir():
        return path
    message = f"the measuring files are missing: put them into {path}"
    if environment.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{message} (CI is set, so this is not skipped)")
    pytest.skip(message)
