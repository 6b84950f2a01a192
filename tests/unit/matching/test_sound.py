"""Hearing: offsets, speeds, parts, and what is only chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.fingerprint.landmarks import HOP_S, RATE_HZ, landmarks
from filmgate.fingerprint.model import AudioTrack
from filmgate.matching.sound import hear
from filmgate.samples import synth
from filmgate.samples.clip import RATE_HZ as SAMPLES_RATE_HZ

SPEEDS = (0.8, 0.95, 1.05, 1.25)
STEP = SAMPLES_RATE_HZ // RATE_HZ


def reduced(sound: np.ndarray) -> np.ndarray:
    return sound[: len(sound) // STEP * STEP].reshape(-1, STEP).mean(axis=1).astype(np.float32)


def tune(seed: int, seconds: float = 15.0) -> np.ndarray:
    return reduced(synth.music(np.random.default_rng(seed), seconds))


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    return tune(1)


def test_a_sound_is_itself(music: np.ndarray) -> None:
    track = landmarks(music)
    found = hear(track, track, SPEEDS)
    assert found.score == 1.0
    assert found.decisive
    assert found.speed == 1.0
    assert found.coverage > 0.95


@pytest.mark.parametrize("start_s", [0.0, 2.5, 7.0])
def test_a_part_is_found_where_it_is(music: np.ndarray, start_s: float) -> None:
    part = music[round(start_s * RATE_HZ) : round((start_s + 6) * RATE_HZ)]
    found = hear(landmarks(music), landmarks(part), SPEEDS)
    (segment,) = found.segments
    assert found.decisive
    assert segment.a_start - segment.b_start == pytest.approx(start_s, abs=2 * HOP_S)
    assert segment.a_end - segment.a_start > 4.5
    assert found.coverage < 0.5


@pytest.mark.parametrize("speed", SPEEDS)
def test_faster_sound_is_heard_with_its_pitch_moved(music: np.ndarray, speed: float) -> None:
    places = np.arange(0, len(music) - 1, speed)
    played = np.interp(places, np.arange(len(music)), music).astype(np.float32)
    found = hear(landmarks(music), landmarks(played), SPEEDS)
    assert found.speed == speed
    assert found.score > 0.3


def test_noise_lowers_the_score_and_keeps_the_match(music: np.ndarray) -> None:
    level = float(np.sqrt(np.mean(music**2))) * 10 ** (-10 / 20)
    noise = np.random.default_rng(1).standard_normal(len(music)).astype(np.float32)
    found = hear(landmarks(music), landmarks(music + level * noise), (1.0,))
    assert 0.5 < found.score <= 1.0


@pytest.mark.parametrize("seed", range(2, 5))
def test_other_music_is_not_the_same(music: np.ndarray, seed: int) -> None:
    found = hear(landmarks(music), landmarks(tune(seed)), SPEEDS)
    assert found.score < 0.5
    assert not found.decisive


def test_votes_by_chance_do_not_hide_a_part() -> None:
    """Landmarks so dense that every speed tried gathers votes without meaning."""
    rng = np.random.default_rng(1)

    def crowd(count: int) -> AudioTrack:
        hashes = (rng.integers(40, 60, count) << 13) | (rng.integers(60, 70, count) << 6)
        times = np.sort(rng.integers(0, count // 2, count))
        gaps = rng.integers(2, 9, count)
        return AudioTrack(
            (hashes | gaps).astype(np.uint32), times.astype(np.int32), HOP_S, silent=False
        )

    a, b = crowd(12_000), crowd(12_000)
    shared = slice(1000, 1300)
    b.hashes[shared] = a.hashes[shared]
    b.times[shared] = a.times[shared]
    found = hear(a, b, SPEEDS)
    assert found.speed == 1.0
    assert found.score > 0.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 900), st.integers(1, 900))
def test_random_landmarks_agree_on_nothing(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        AudioTrack(
            # Few enough values for some to be equal by chance.
            (rng.integers(0, 5000, count) << 6).astype(np.uint32),
            np.sort(rng.integers(0, 1500, count)).astype(np.int32),
            HOP_S,
            silent=False,
        )
        for count in (n, m)
    )
    assert hear(a, b, (1.0,)).score == 0.0


def test_swapping_sides_swaps_the_segments(music: np.ndarray) -> None:
    whole, part = landmarks(music), landmarks(music[3 * RATE_HZ : 9 * RATE_HZ])
    there, back = hear(whole, part, (1.0,)), hear(part, whole, (1.0,))
    assert there.score == pytest.approx(back.score, abs=0.02)
    assert there.segments[0].a_start == pytest.approx(back.segments[0].b_start, abs=0.1)
