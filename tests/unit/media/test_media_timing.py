"""Pictures are picked by time, and the plan agrees with picking them one by one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from filmgate.media.timing import SampleClock, plan_picks, skip_group_end


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
    picks = plan_picks(decoding_order, SampleClock(interval / 10))
    chosen = sorted(t for t, pick in zip(decoding_order, picks, strict=True) if pick)
    assert chosen == _picked(times, interval / 10)
    assert chosen[0] == times[0]


def _group(start_s: float, length_s: float, rate: float = 25.0) -> list[float]:
    return [start_s + at / rate for at in range(round(length_s * rate))]


def test_what_precedes_a_keyframe_is_skipped() -> None:
    times = _group(0.0, 2.0)
    picks = plan_picks(times, SampleClock(0.25))
    remaining, gap_fill = skip_group_end(times, picks, float("-inf"), 2.0 - 0.9)
    assert [times[i] for i, pick in enumerate(remaining) if pick] == [
        0.0,
        0.28,
        0.52,
        0.76,
        1.0,
        1.12,
    ]
    assert gap_fill == 1.12


def test_a_short_group_is_its_keyframe_where_that_is_near_enough() -> None:
    times = _group(3.0, 0.5)
    picks = plan_picks(times, SampleClock(0.25))
    remaining, gap_fill = skip_group_end(times, picks, 2.5, 3.5 - 0.9)
    assert [i for i, pick in enumerate(remaining) if pick] == [0]
    assert gap_fill is None


@given(
    st.lists(st.integers(1, 80), min_size=2, max_size=20),
    st.sampled_from([24.0, 25.0, 30000 / 1001, 60.0]),
    st.sampled_from([0.1, 0.25, 0.4]),
    st.sampled_from([0.8, 0.95]),
)
def test_no_gap_is_longer_than_allowed(
    groups: list[int], rate: float, interval: float, max_gap: float
) -> None:
    clock, sampled, start = SampleClock(interval), list[float](), 0
    for count in groups:
        times = [(start + at) / rate for at in range(count)]
        start += count
        picks = plan_picks(times, clock.copy())
        last = sampled[-1] if sampled else float("-inf")
        remaining, _ = skip_group_end(times, picks, last, start / rate - max_gap)
        assert sum(remaining) <= sum(picks) + 1
        for time_s, pick in zip(times, remaining, strict=True):
            if pick:
                clock.take(time_s)
                sampled.append(time_s)
    gaps = [b - a for a, b in pairwise([*sampled, start / rate])]
    assert max(gaps) <= max_gap + 1 / rate + 1e-6
