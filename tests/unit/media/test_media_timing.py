"""Pictures are picked by time, and the plan agrees with picking them one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filmgate.media.timing import SampleClock, wanted


def _picked(times: list[float], interval: float) -> list[float]:
    clock, picked = SampleClock(interval), []
    for time_s in times:
        if clock.wants(time_s):
            clock.take(time_s)
            picked.append(time_s)
    return picked


def test_the_grid_starts_at_the_first_picture() -> None:
    times = [3.2 + i / 25 for i in range(60)]
    assert [round(t - 3.2, 2) for t in _picked(times, 0.5)] == [0.0, 0.52, 1.0, 1.52, 2.0]


def test_a_gap_gives_one_picture_and_no_burst() -> None:
    assert _picked([0.0, 0.1, 5.3, 5.4, 5.5, 5.6], 0.5) == [0.0, 5.3, 5.5]


@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=80, unique=True),
    st.integers(1, 40),
    st.randoms(use_true_random=False),
)
def test_planning_in_decoding_order_picks_the_same(ticks, interval, random) -> None:  # type: ignore[no-untyped-def]
    times = sorted(tick / 25 for tick in ticks)
    decoding_order = times.copy()
    random.shuffle(decoding_order)
    picks = wanted(decoding_order, SampleClock(interval / 10))
    chosen = sorted(t for t, pick in zip(decoding_order, picks, strict=True) if pick)
    assert chosen == _picked(times, interval / 10)
    assert chosen[0] == times[0]
