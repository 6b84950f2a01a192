"""Shows progress while a step takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str], None]
"""Shows one line."""

INTERVAL_S = 5.0

Wait = Callable[[threading.Event, float], bool]
"""Waits for the event for so many seconds; returns whether it is set."""


@contextmanager
def heartbeat(
    progress: Progress, step: str, wait: Wait = lambda ended, seconds: ended.wait(seconds)
) -> Iterator[None]:
    """Report every ``INTERVAL_S`` seconds that the block still runs, and for how long."""
    ended = threading.Event()

    def report() -> None:
        seconds = INTERVAL_S
        while not wait(ended, INTERVAL_S):
            progress(f"{step}: {seconds:.0f} s so far")
            seconds += INTERVAL_S

    reporter = threading.Thread(target=report, name="filmgate-heartbeat", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
