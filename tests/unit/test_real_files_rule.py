"""Missing measuring files never make continuous integration green."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import real_files


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_in_continuous_integration_a_test_fails(tmp_path: Path, value: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="measuring files"):
        real_files.folder(tmp_path / "none", {"CI": value})


@pytest.mark.parametrize("environment", [{}, {"CI": ""}, {"CI": "false"}])
def test_elsewhere_it_is_skipped(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(pytest.skip.Exception, match="measuring files"):
        real_files.folder(tmp_path / "none", environment)


def test_files_that_are_there_are_used(tmp_path: Path) -> None:
    assert real_files.folder(tmp_path, {"CI": "true"}) == tmp_path
