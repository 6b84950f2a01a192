"""Temporal alignment of synthetic similarity matrices: offsets, speeds and segments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.matching.temporal_alignment import AlignedSegment, align

Floats = NDArray[np.float32]
RATE_HZ = 4.0


def times(seconds: float, start: float = 0.0) -> Floats:
    return (start + np.arange(round(seconds * RATE_HZ)) / RATE_HZ).astype(np.float32)


def table(shown_a: NDArray[np.float64], shown_b: NDArray[np.float64], seed: int = 1) -> Floats:
    """Similarities of frames that show these moments of one film; NaN shows something else.

    Moments less than a second apart look the more alike the closer they are.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.08, (len(shown_a), len(shown_b)))
    gap = np.abs(shown_a[:, None] - shown_b[None, :])
    alike = 0.97 * np.exp(-np.square(np.nan_to_num(gap, nan=99) / 0.35))
    return np.clip(np.maximum(noise, alike), -1, 1).astype(np.float32)


def ends(found: AlignedSegment, a: Floats, b: Floats) -> list[float]:
    return [
        float(value)
        for value in (
            a[found.rows[0]],
            a[found.rows[-1]],
            b[found.columns[0]],
            b[found.columns[-1]],
        )
    ]


def test_a_video_aligns_with_itself() -> None:
    a = times(20)
    (found,) = align(table(a.astype(float), a.astype(float)), a, a)
    assert found.mapping.speed == 1.0
    assert found.mapping.offset == pytest.approx(0, abs=0.05)
    assert found.rows.tolist() == found.columns.tolist() == list(range(80))


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 12), st.floats(5, 8), st.floats(0, 10), st.integers(0, 99))
def test_a_part_is_found_where_it_is(
    start: float, seconds: float, before: float, seed: int
) -> None:
    a = times(20)
    b = times(before + seconds + 4)
    shown = np.where((b >= before) & (b <= before + seconds), b - before + start, np.nan)
    found = align(table(a.astype(float), shown, seed), a, b)[0]
    assert found.mapping.speed == pytest.approx(1.0, abs=0.03)
    a_start, a_end, b_start, b_end = ends(found, a, b)
    assert a_start == pytest.approx(start, abs=0.6)
    assert a_end == pytest.approx(start + seconds, abs=0.6)
    assert b_start == pytest.approx(before, abs=0.6)
    assert b_end == pytest.approx(before + seconds, abs=0.6)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.8, 1.25), st.floats(0, 4), st.integers(0, 99))
def test_speed_and_offset(speed: float, offset: float, seed: int) -> None:
    a = times(20)
    b = times(20 / speed + 4)
    shown = (b.astype(float) - offset) * speed
    shown[(shown < 0) | (shown > 20)] = np.nan
    found = align(table(a.astype(float), shown, seed), a, b)[0]
    assert len(found.rows) > 70
    # A few percent over a short time may pass for the plain speed, which is preferred.
    if abs(speed - 1) >= 0.06:
        assert found.mapping.speed == pytest.approx(speed, abs=0.02)
        assert found.mapping.offset == pytest.approx(offset, abs=0.3)


def test_other_sampling_instants_and_rates() -> None:
    a = times(15)
    b = (np.arange(180) / 12 + 0.07).astype(np.float32)
    found = align(table(a.astype(float), b.astype(float)), a, b)[0]
    assert found.mapping.speed == 1.0
    assert found.mapping.offset == pytest.approx(0, abs=0.06)


def test_two_segments_in_another_order() -> None:
    a, b = times(20), times(20)
    shown = np.where(b < 10, b.astype(float) + 10, b.astype(float) - 10)
    found = align(table(a.astype(float), shown), a, b)
    assert len(found) == 2
    assert sorted(round(segment.mapping.offset) for segment in found) == [-10, 10]
    assert all(len(segment.rows) >= 36 for segment in found)


def test_a_break_in_the_middle_gives_two_segments() -> None:
    a = times(24)
    shown = a.astype(float).copy()
    shown[(a > 9) & (a < 14)] = np.nan
    found = align(table(a.astype(float), shown), a, a)
    assert len(found) == 2
    assert all(abs(segment.mapping.offset) < 0.1 for segment in found)


def test_unrelated_videos_do_not_align() -> None:
    a, b = times(20), times(25)
    noise = np.random.default_rng(1).normal(0, 0.1, (len(a), len(b))).astype(np.float32)
    assert align(noise, a, b) == []


def test_one_similar_frame_is_not_a_segment() -> None:
    a, b = times(20), times(20)
    noise = np.random.default_rng(1).normal(0, 0.1, (80, 80)).astype(np.float32)
    noise[30, 50] = 0.99
    assert align(noise, a, b) == []


def test_a_static_background_does_not_hide_the_alignment() -> None:
    a, b = times(20), times(20)
    shown = b.astype(float) + 5
    shown[shown > 20] = np.nan
    moving = table(a.astype(float), shown)
    still = np.clip(0.8 + 0.2 * moving, -1, 1).astype(np.float32)
    found = align(still, a, b)[0]
    assert found.mapping.speed == 1.0
    assert found.mapping.offset == pytest.approx(-5, abs=0.2)


def test_a_static_video_aligns_from_the_start() -> None:
    a, b = times(6), times(9)
    found = align(np.full((len(a), len(b)), 0.97, dtype=np.float32), a, b)
    assert found[0].mapping.speed == 1.0
    assert found[0].mapping.offset == 0.0
    assert len(found[0].rows) == len(a)


@pytest.mark.parametrize("period", [1.5, 2.0, 3.0])
def test_repetition_is_aligned_at_normal_speed(period: float) -> None:
    a = times(16)
    phase = a.astype(float) % period
    gap = np.abs(phase[:, None] - phase[None, :])
    gap = np.minimum(gap, period - gap)
    repeats = (0.95 * np.exp(-np.square(gap / 0.3))).astype(np.float32)
    found = align(repeats, a, a)[0]
    assert found.mapping.speed == 1.0
    assert len(found.rows) >= len(a) * 0.75


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 2))
def test_segments_stay_inside_whatever_the_table(n: int, m: int, seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    a = (np.arange(n) * step).astype(np.float32)
    b = (np.arange(m) * step).astype(np.float32)
    for found in align(rng.uniform(-1, 1, (n, m)).astype(np.float32), a, b):
        assert len(found.rows) == len(found.columns) == len(found.similarity)
        assert 0 <= found.rows.min() <= found.rows.max() < n
        assert 0 <= found.columns.min() <= found.columns.max() < m
        assert (np.diff(found.rows) > 0).all()
        # Two frames of `a` may share one of `b`, or take its two neighbours the other way round.
        assert (np.diff(found.columns) >= -1).all()
        assert 0.5 <= found.mapping.speed <= 2
