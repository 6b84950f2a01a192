"""Which uploads fit on the disk."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from filmgate_local.space import DiskFullError, Space
from filmgate_local.stack import DiskSpace


def test_an_upload_may_not_use_the_reserve() -> None:
    space = Space(lambda: 100, reserve=40)
    with space.held(60):
        pass
    with pytest.raises(DiskFullError), space.held(61):
        pass


def test_uploads_under_way_count_until_they_end() -> None:
    space = Space(lambda: 100, reserve=40)
    with ExitStack() as arriving:
        for _ in range(6):
            arriving.enter_context(space.held(10))
        with pytest.raises(DiskFullError), space.held(1):
            pass
    with space.held(60):
        pass


def test_an_upload_that_fails_gives_its_space_back() -> None:
    space = Space(lambda: 100, reserve=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), space.held(100):
            raise ValueError("broken")


def test_the_log_names_the_beginning_and_the_end_of_a_full_disk_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = [0]
    space = Space(lambda: free[0], reserve=0)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            with pytest.raises(DiskFullError), space.held(1):
                pass
        free[0] = 10
        for _ in range(5):
            with space.held(1):
                pass
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_person_reads_how_much_is_left_and_when_it_is_too_little() -> None:
    assert str(DiskSpace(2_500_000_000, 256_000_000)) == "2.5 GB free"
    full = DiskSpace(256_000_000, 256_000_000)
    assert full.full
    assert "refused" in str(full)
    assert "256 MB" in str(full)
