"""Landmarks: what shifts, codecs and noise leave of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.fingerprint import landmarks as module
from filmgate.fingerprint.landmarks import HOP, HOP_S, RATE_HZ, WINDOW, landmarks, pack, unpack
from filmgate.fingerprint.model import AudioTrack
from filmgate.samples import synth
from filmgate.samples.clip import RATE_HZ as SAMPLES_RATE_HZ

SECONDS = 12.0
Samples = NDArray[np.float32]


def tune(seed: int, seconds: float = SECONDS) -> Samples:
    """Synthetic music at the rate landmarks are made at."""
    sound = synth.music(np.random.default_rng(seed), seconds)
    step = SAMPLES_RATE_HZ // RATE_HZ
    return sound[: len(sound) // step * step].reshape(-1, step).mean(axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def music() -> Samples:
    return tune(1)


def shared(one: AudioTrack, other: AudioTrack, offset_hops: int = 0) -> float:
    """Share of the landmarks of `one` that `other` has at the offset."""
    first = set(zip(one.hashes.tolist(), (one.times + offset_hops).tolist(), strict=True))
    second = set(zip(other.hashes.tolist(), other.times.tolist(), strict=True))
    return len(first & second) / len(first)


def test_music_has_a_few_dozen_a_second_in_order_of_time(music: Samples) -> None:
    track = landmarks(music)
    assert not track.silent
    assert track.hop_s == HOP_S
    assert track.hashes.dtype == np.uint32
    assert track.times.dtype == np.int32
    assert 20 < len(track.hashes) / SECONDS < 300
    assert (np.diff(track.times) >= 0).all()
    assert track.times[-1] * HOP_S <= SECONDS


@pytest.mark.parametrize("hops", [1, 37, 150])
def test_later_sound_has_the_same_landmarks_later(music: Samples, hops: int) -> None:
    shifted = np.concatenate([np.zeros(hops * HOP, dtype=np.float32), music])
    assert shared(landmarks(music), landmarks(shifted), hops) > 0.95


def test_the_middle_of_a_sound_keeps_its_landmarks(music: Samples) -> None:
    start = 200
    part = landmarks(music[start * HOP : start * HOP + 5 * RATE_HZ])
    assert shared(part, landmarks(music), start) > 0.6


def test_loudness_does_not_count(music: Samples) -> None:
    assert shared(landmarks(music), landmarks(music * np.float32(0.05))) > 0.98


def test_codec_like_noise_leaves_many(music: Samples) -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(len(music)).astype(np.float32)
    level = float(np.sqrt(np.mean(music**2))) * 0.1
    assert shared(landmarks(music), landmarks(music + level * noise)) > 0.2


def test_other_music_shares_next_to_none(music: Samples) -> None:
    assert shared(landmarks(music), landmarks(tune(2))) < 0.02


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, dtype=np.float32),
        np.ones(WINDOW - 1, dtype=np.float32),
        np.zeros(RATE_HZ, dtype=np.float32),
        np.full(RATE_HZ, 5e-4, dtype=np.float32),
    ],
    ids=["nothing", "shorter than a window", "silence", "a whisper of an offset"],
)
def test_nothing_to_hear_is_silent(samples: Samples) -> None:
    track = landmarks(samples)
    assert track.silent
    assert not len(track.hashes)
    assert not len(track.times)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4000))
def test_any_short_sound_is_taken(seed: int, length: int) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    track = landmarks(noise)
    assert len(track.hashes) == len(track.times)
    assert track.silent == (len(track.hashes) == 0)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(-63, 63), st.integers(0, 63)), min_size=1)
)
def test_packing_is_undone_by_unpacking(parts: list[tuple[int, int, int]]) -> None:
    first, step, gap = (np.array(column, dtype=np.int32) for column in zip(*parts, strict=True))
    for found, wanted in zip(unpack(pack(first, step, gap)), (first, step, gap), strict=True):
        assert np.array_equal(found, wanted)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 12), st.integers(0, 1))
def test_the_moving_maximum_is_what_a_loop_finds(
    rows: int, columns: int, reach: int, axis: int
) -> None:
    values = np.random.default_rng(rows).normal(size=(rows, columns)).astype(np.float32)
    moved = np.moveaxis(values, axis, 0)
    wanted = np.stack(
        [moved[max(0, at - reach) : at + reach + 1].max(axis=0) for at in range(len(moved))]
    )
    found = module._moving_max(values, reach, axis)
    assert np.array_equal(np.moveaxis(found, axis, 0), wanted)
