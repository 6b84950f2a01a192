"""Who gets a slot, and what a clock counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from filmgate_local.turns import CLOCK, Clock, Lane, Turns


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_lowest_rank_goes_first_and_then_who_came_first() -> None:
    lane, went = Lane(1), []

    def take(name: str, rank: int) -> None:
        with lane.slot(rank):
            went.append(name)

    with lane.slot():
        threads = []
        for place, (name, rank) in enumerate([("new", 3), ("old", 1), ("next", 2), ("old too", 1)]):
            threads.append(in_thread(lambda name=name, rank=rank: take(name, rank)))  # type: ignore[misc]
            until(lambda place=place: lane.waiting == place + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(5)
    assert went == ["old", "old too", "next", "new"]


def test_a_slot_comes_back_when_its_holder_fails() -> None:
    lane = Lane(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), lane.slot():
            raise ValueError("broken")
    assert lane.waiting == 0


def test_no_more_at_once_than_there_are_slots() -> None:
    lane, running, most = Lane(3), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        with lane.slot():
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.002)
            with lock:
                running[0] -= 1

    threads = [in_thread(work) for _ in range(40)]
    for thread in threads:
        thread.join(5)
    assert (running[0], most[0]) == (0, 3)


def test_a_clock_counts_work_and_not_waiting() -> None:
    lane, clock = Lane(1), Clock()
    token = CLOCK.set(clock)
    other = threading.Event()

    def hold() -> None:
        with lane.slot():
            other.set()
            time.sleep(0.3)

    in_thread(hold)
    other.wait(5)
    with lane.slot():
        assert clock.worked_s < 0.2
        time.sleep(0.1)
    assert 0.1 <= clock.worked_s < 0.3
    CLOCK.reset(token)


def test_lanes_are_apart_and_fullness_is_of_the_pipeline_only() -> None:
    turns = Turns(1, frozenset({"api"}), ("finish", "ingest"))
    waiting: list[threading.Thread] = []
    gate = threading.Event()

    def call(function: str, busy: bool) -> None:
        with turns.slot(function, busy=busy):
            gate.wait(5)

    def crowd(function: str, busy: bool) -> None:
        waiting.extend(in_thread(lambda: call(function, busy)) for _ in range(Turns.AHEAD + 1))

    crowd("api", busy=False)
    time.sleep(0.05)
    assert not turns.full
    crowd("finish", busy=False)
    until(lambda: turns.full)
    with turns.slot("fingerprint", busy=True):
        pass
    gate.set()
    for thread in waiting:
        thread.join(5)
    assert not turns.full
