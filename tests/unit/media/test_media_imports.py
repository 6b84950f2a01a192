"""What light functions import of this package must not load a decoder."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"av", "PIL", "numpy"}


@pytest.mark.parametrize(
    "module",
    [
        "model",
        "limits",
        "sampling",
        "sniff",
        "probe",
        "decode",
        "storyboard",
        "timing",
        "geometry",
        "shared_artifacts",
        "picture_set",
    ],
)
def test_importing_loads_no_decoder(module: str) -> None:
    code = f"import sys, filmgate.media.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert HEAVY.isdisjoint(loaded)
