"""What a person sees while a step takes long."""

from __future__ import annotations

import threading

import pytest

from filmgate_local.progress import heartbeat


class Ticks:
    """Lets the reporter see so many intervals pass, then waits for the end of the block."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.passed = threading.Event()

    def wait(self, ended: threading.Event, _seconds: float) -> bool:
        if self._left:
            self._left -= 1
            return False
        self.passed.set()
        return ended.wait(30)


def test_a_long_step_reports_how_long_it_has_taken() -> None:
    lines: list[str] = []
    ticks = Ticks(3)
    with heartbeat(lines.append, "Packaging", ticks.wait):
        assert ticks.passed.wait(30)
    assert lines == [f"Packaging: {seconds} s so far" for seconds in (5, 10, 15)]


def test_a_short_step_reports_nothing() -> None:
    lines: list[str] = []
    with heartbeat(lines.append, "Packaging"):
        pass
    assert lines == []


def test_a_step_that_fails_is_no_longer_reported() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="broken"), heartbeat(lambda _: None, "Packaging"):
        raise ValueError("broken")
    assert threading.active_count() == before
