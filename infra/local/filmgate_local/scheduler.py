"""Decides which invocation runs next: a fixed number of slots, given by rank, then by arrival.

Independent of ministack; `filmgate_local.patches` puts it in front of the invocations.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar


class WorkClock:
    """Seconds of work since it was created. Time spent waiting for a slot does not count.

    ``now`` returns seconds that never decrease.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._lock = threading.Lock()

    @property
    def worked_s(self) -> float:
        """Seconds of work so far; excludes a wait that is still going on."""
        with self._lock:
            until = self._now() if self._waiting_since is None else self._waiting_since
            return until - self._began - self._waited

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop counting for the length of the block."""
        with self._lock:
            since = self._waiting_since = self._now()
        try:
            yield
        finally:
            with self._lock:
                self._waited += self._now() - since
                self._waiting_since = None


CLOCK: ContextVar[WorkClock | None] = ContextVar("filmgate_clock", default=None)
"""The clock of the workflow state that this invocation runs for, if any."""


class SlotPool:
    """At most ``slots`` holders at once. ``on_release`` is called each time a holder leaves."""

    def __init__(self, slots: int, on_release: Callable[[], object] = lambda: None) -> None:
        self._free = slots
        self._queue: list[tuple[int, int, threading.Event]] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()
        self._on_release = on_release

    @property
    def waiting(self) -> int:
        """The number of callers that wait for a slot."""
        return len(self._queue)

    @contextmanager
    def slot(self, rank: int = 0) -> Iterator[None]:
        """Hold a slot for the block; the waiting caller with the lowest ``rank`` gets the next."""
        self._acquire(rank)
        try:
            yield
        finally:
            self._release()
            self._on_release()

    def _acquire(self, rank: int) -> None:
        granted = threading.Event()
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            heapq.heappush(self._queue, (rank, next(self._arrivals), granted))
        clock = CLOCK.get()
        if clock is None:
            granted.wait()
            return
        with clock.paused():
            granted.wait()

    def _release(self) -> None:
        with self._lock:
            if self._queue:
                # Handed over directly, so that no newcomer can take it in between.
                heapq.heappop(self._queue)[2].set()
            else:
                self._free += 1


class SlotScheduler:
    """The slot pools of one stack.

    There are three, so that nothing waits behind a function that takes minutes: functions that
    ask for more than one core, short functions, and functions that a person waits for. Within a
    pool, functions near the end of the pipeline go first, so that a backlog drains instead of
    growing: the rank is the position in ``order``; functions not listed there go before all others.
    """

    QUEUED_PER_SLOT = 3
    """Invocations that may wait, per slot, before no more messages are taken from a queue."""

    def __init__(
        self,
        slots: int,
        interactive: frozenset[str],
        order: tuple[str, ...],
        on_release: Callable[[], object] = lambda: None,
    ) -> None:
        self.slots = slots
        self._interactive_names = interactive
        self._ranks = {name: place for place, name in enumerate(order, start=1)}
        self._busy, self._short = SlotPool(slots, on_release), SlotPool(slots, on_release)
        self._interactive = SlotPool(slots)

    def slot(self, function: str, *, busy: bool) -> AbstractContextManager[None]:
        """Hold a slot of the function's pool for the block; ``busy``: it asks for over a core."""
        if function in self._interactive_names:
            return self._interactive.slot()
        pool = self._busy if busy else self._short
        return pool.slot(self._ranks.get(function, 0))

    @property
    def full(self) -> bool:
        """Whether so many pipeline invocations wait that no more should be admitted."""
        return max(self._busy.waiting, self._short.waiting) >= self.QUEUED_PER_SLOT * self.slots
