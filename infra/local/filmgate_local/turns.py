"""Who may run next: a few slots for each lane, given by rank, then by arrival.

Knows nothing of ministack; `filmgate_local.patches` puts it in front of the invocations.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar


class Clock:
    """Seconds of work since it was made: time spent waiting for a slot does not count."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._lock = threading.Lock()

    @property
    def worked_s(self) -> float:
        """Seconds so far, without those waited, a wait that still goes on included."""
        with self._lock:
            until = self._waiting_since or time.monotonic()
            return until - self._began - self._waited

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stand still for the block."""
        with self._lock:
            self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._waited += time.monotonic() - (self._waiting_since or 0.0)
                self._waiting_since = None


CLOCK: ContextVar[Clock | None] = ContextVar("filmgate_clock", default=None)
"""The clock of the state that this invocation runs for, if any."""


class Lane:
    """At most ``slots`` holders at once. ``relieved`` is called after each one that leaves."""

    def __init__(self, slots: int, relieved: Callable[[], object] = lambda: None) -> None:
        self._free = slots
        self._waiting: list[tuple[int, int, threading.Event]] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()
        self._relieved = relieved

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    @contextmanager
    def slot(self, rank: int = 0) -> Iterator[None]:
        """Hold a slot for the block; of those who wait, the lowest ``rank`` gets the next one."""
        self._take(rank)
        try:
            yield
        finally:
            self._give()
            self._relieved()

    def _take(self, rank: int) -> None:
        called = threading.Event()
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            heapq.heappush(self._waiting, (rank, next(self._arrivals), called))
        clock = CLOCK.get()
        if clock is None:
            called.wait()
            return
        with clock.stopped():
            called.wait()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                # The slot goes from hand to hand, so nobody new can slip in between.
                heapq.heappop(self._waiting)[2].set()
            else:
                self._free += 1


class Turns:
    """The lanes of one stack.

    Three of them, so that nobody waits behind what takes minutes: functions that ask for more than
    a core, the other ones, and those somebody waits for at a terminal. Within a lane, what is near
    its end goes before what is only starting, so that a backlog drains instead of growing: rank is
    the place in ``order``; functions that are not in it go first.
    """

    AHEAD = 3
    """Invocations that may wait, for each slot, before no more work is let in."""

    def __init__(
        self,
        slots: int,
        interactive: frozenset[str],
        order: tuple[str, ...],
        relieved: Callable[[], object] = lambda: None,
    ) -> None:
        self.slots = slots
        self._interactive_names = interactive
        self._ranks = {name: place for place, name in enumerate(order, start=1)}
        self._busy, self._short = Lane(slots, relieved), Lane(slots, relieved)
        self._interactive = Lane(slots)

    def slot(self, function: str, *, busy: bool) -> AbstractContextManager[None]:
        """Hold a slot of the function's lane for the block."""
        if function in self._interactive_names:
            return self._interactive.slot()
        lane = self._busy if busy else self._short
        return lane.slot(self._ranks.get(function, 0))

    @property
    def full(self) -> bool:
        """Whether so many wait already that no more should be let in."""
        return max(self._busy.waiting, self._short.waiting) >= self.AHEAD * self.slots
