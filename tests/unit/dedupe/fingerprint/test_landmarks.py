"""Landmarks: how many there are, and that those asked for are those a copy has kept."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.fingerprint.landmarks import (
    NORMAL_PLAYBACK,
    SPEED_PITCH_GRID,
    Landmarks,
    PlaybackVariant,
    index_landmarks,
    pack,
    query_landmarks,
)
from filmgate.dedupe.fingerprint.model import AudioTrack


def stars(seconds: float, a_second: float, seed: int = 1) -> AudioTrack:
    """A constellation at random."""
    rng = np.random.default_rng(seed)
    count = round(seconds * a_second)
    return AudioTrack(
        np.sort(rng.integers(0, round(seconds * 1000), count)).astype(np.int32),
        rng.integers(100, 3000, count).astype(np.uint16),
        rng.integers(0, 55, count).astype(np.uint8),
        silent=not count,
    )


def played(track: AudioTrack, how: PlaybackVariant) -> AudioTrack:
    return AudioTrack(
        np.rint(track.times_ms / how.speed).astype(np.int32),
        np.rint(track.frequencies_hz * how.pitch).astype(np.uint16),
        track.levels_db,
        silent=False,
    )


def agreeing(queried: Landmarks, indexed: Landmarks, variant: int) -> float:
    """Share of the indexed landmarks that are queried at about their time."""
    mine = queried.variants == variant
    there = Counter(
        (mark, time + late)
        for mark, time in zip(
            queried.hashes[mine].tolist(), queried.times[mine].tolist(), strict=True
        )
        for late in (-1, 0, 1)
    )
    marks = zip(indexed.hashes.tolist(), indexed.times.tolist(), strict=True)
    return sum(mark in there for mark in marks) / len(indexed.hashes)


@pytest.mark.parametrize("a_second", [20, 40, 80])
def test_some_two_dozen_a_second_are_kept_however_dense_the_sound(a_second: int) -> None:
    assert 20 < len(index_landmarks(stars(100, a_second)).hashes) / 100 <= 28


def test_sparse_sound_keeps_two_a_peak() -> None:
    assert len(index_landmarks(stars(100, 6)).hashes) / 100 == pytest.approx(12, rel=0.2)


def test_what_is_asked_holds_what_is_kept() -> None:
    track = stars(20, 30)
    assert agreeing(query_landmarks(track), index_landmarks(track), 0) > 0.98


def test_a_part_asks_for_what_the_whole_has_kept() -> None:
    whole = stars(40, 40)
    part = (whole.times_ms >= 12_345) & (whole.times_ms < 22_345)
    copy = AudioTrack(
        whole.times_ms[part] - 12_345,
        whole.frequencies_hz[part],
        whole.levels_db[part],
        silent=False,
    )
    indexed = index_landmarks(whole)
    inside = (indexed.times > 640) & (indexed.times < 1050)
    some = Landmarks(indexed.hashes[inside], indexed.times[inside] - 617, indexed.variants[inside])
    assert agreeing(query_landmarks(copy), some, 0) > 0.75


@given(st.integers(1, len(SPEED_PITCH_GRID) - 1), st.floats(-0.4, 0.4))
def test_played_otherwise_it_asks_for_what_the_original_has_kept(row: int, between: float) -> None:
    """Also where the speed is between two of the grid."""
    step = SPEED_PITCH_GRID[row].speed ** (between / 18)
    how = PlaybackVariant(
        SPEED_PITCH_GRID[row].speed * step,
        SPEED_PITCH_GRID[row].pitch * (step if SPEED_PITCH_GRID[row].pitch != 1 else 1),
    )
    original = stars(6, 14)
    found = query_landmarks(original, (NORMAL_PLAYBACK, SPEED_PITCH_GRID[row]))
    indexed = index_landmarks(played(original, how))
    marks = set(found.hashes[found.variants == 1].tolist())
    assert np.isin(indexed.hashes, list(marks)).mean() > 0.25


def test_playings_go_both_ways_in_small_steps() -> None:
    for family in (
        sorted(how.speed for how in SPEED_PITCH_GRID if how.pitch == how.speed),
        sorted(how.speed for how in SPEED_PITCH_GRID if how.pitch == 1.0),
    ):
        assert family[0] == pytest.approx(0.8, abs=0.01)
        assert family[-1] == pytest.approx(1.25, abs=0.01)
        assert max(np.diff(np.log(family))) < 0.026
    assert SPEED_PITCH_GRID[0] == NORMAL_PLAYBACK
    assert len(SPEED_PITCH_GRID) < 256


def test_a_long_sound_asks_for_a_bounded_number() -> None:
    hour = query_landmarks(stars(3600, 40))
    ten_hours = query_landmarks(stars(36_000, 40))
    assert len(ten_hours.hashes) < 12 * len(hour.hashes)
    others = np.count_nonzero(ten_hours.variants)
    assert others < 1.2 * np.count_nonzero(hour.variants)


def test_silence_has_none() -> None:
    nothing = stars(0, 1)
    assert not len(index_landmarks(nothing).hashes)
    assert not len(query_landmarks(nothing).hashes)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(-63, 63), st.integers(0, 63)), min_size=1)
)
def test_different_pairs_have_different_hashes(parts: list[tuple[int, int, int]]) -> None:
    first, step, gap = (np.array(column, dtype=np.int32) for column in zip(*parts, strict=True))
    hashes = pack(first, step, gap)
    assert len(np.unique(hashes)) == len(set(parts))
    assert hashes.max() < 2**21
