"""The order in which waiting invocations get slots, and what a work clock counts."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from filmgate_local.scheduler import CLOCK, SlotPool, SlotScheduler, WorkClock

DEADLOCK_S = 30


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLOCK_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_lowest_rank_goes_first_and_then_the_first_to_arrive() -> None:
    pool, order = SlotPool(1), []

    def take(name: str, rank: int) -> None:
        with pool.slot(rank):
            order.append(name)

    with pool.slot():
        threads = []
        for place, (name, rank) in enumerate([("new", 3), ("old", 1), ("next", 2), ("old too", 1)]):
            threads.append(in_thread(lambda name=name, rank=rank: take(name, rank)))  # type: ignore[misc]
            until(lambda place=place: pool.waiting == place + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(DEADLOCK_S)
    assert order == ["old", "old too", "next", "new"]


def test_a_slot_comes_back_when_its_holder_fails() -> None:
    pool = SlotPool(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), pool.slot():
            raise ValueError("broken")
    assert pool.waiting == 0


def test_no_more_run_at_once_than_there_are_slots() -> None:
    slots, callers = 3, 40
    pool = SlotPool(slots)
    running, most = [0], [0]
    lock, go_on = threading.Lock(), threading.Semaphore(0)

    def work() -> None:
        with pool.slot():
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            go_on.acquire()
            with lock:
                running[0] -= 1

    threads = [in_thread(work) for _ in range(callers)]
    until(lambda: running[0] == slots and pool.waiting == callers - slots)
    go_on.release(callers)
    for thread in threads:
        thread.join(DEADLOCK_S)
    assert (running[0], most[0]) == (0, slots)


def test_each_release_is_reported() -> None:
    released: list[None] = []
    pool = SlotPool(2, lambda: released.append(None))
    for _ in range(3):
        with pool.slot():
            pass
    assert len(released) == 3


def test_a_clock_counts_work_and_not_waiting() -> None:
    seconds = [100.0]
    clock = WorkClock(lambda: seconds[0])
    seconds[0] += 2
    assert clock.worked_s == 2
    with clock.paused():
        seconds[0] += 50
        assert clock.worked_s == 2
    seconds[0] += 3
    assert clock.worked_s == 5


def test_the_clock_of_an_invocation_stands_still_exactly_while_it_waits_for_a_slot() -> None:
    ticks = itertools.count()
    pool, clock = SlotPool(1), WorkClock(lambda: float(next(ticks)))
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with pool.slot():
            entered.set()
            leave.wait(DEADLOCK_S)

    def wait_for_slot() -> None:
        CLOCK.set(clock)
        with pool.slot():
            pass

    in_thread(hold)
    assert entered.wait(DEADLOCK_S)
    waiting = in_thread(wait_for_slot)
    until(lambda: pool.waiting == 1)
    # The first look may come before the clock stops; once it has, each reading is the same.
    until(lambda: clock.worked_s == clock.worked_s)
    stopped_at = clock.worked_s
    assert clock.worked_s == stopped_at
    leave.set()
    waiting.join(DEADLOCK_S)
    assert clock.worked_s > stopped_at


def test_pools_are_separate_and_only_the_pipeline_counts_as_full() -> None:
    scheduler = SlotScheduler(1, frozenset({"api"}), ("finish", "ingest"))
    callers = SlotScheduler.QUEUED_PER_SLOT + 1
    threads: list[threading.Thread] = []
    gate = threading.Event()

    def call(function: str) -> None:
        with scheduler.slot(function, busy=False):
            gate.wait(DEADLOCK_S)

    def crowd(function: str) -> None:
        threads.extend(in_thread(lambda: call(function)) for _ in range(callers))

    crowd("api")
    until(lambda: scheduler._interactive.waiting == callers - 1)
    assert not scheduler.full
    crowd("finish")
    until(lambda: scheduler.full)
    with scheduler.slot("fingerprint", busy=True):
        pass
    gate.set()
    for thread in threads:
        thread.join(DEADLOCK_S)
    assert not scheduler.full
