"""Comparing audio: offsets, speeds, parts, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.constellation import RATE_HZ, constellation
from filmgate.dedupe.fingerprint.landmarks import NORMAL_PLAYBACK, SPEED_PITCH_GRID, PlaybackVariant
from filmgate.dedupe.fingerprint.model import AudioTrack
from filmgate.dedupe.matching.audio import compare_audio
from filmgate_samples import synth
from filmgate_samples.clip import RATE_HZ as SAMPLES_RATE_HZ
from filmgate_samples.sound_edits import SOUND_EDITS, resample

SECONDS = 15.0
STEP = SAMPLES_RATE_HZ // RATE_HZ
Samples = NDArray[np.float32]


def reduced(sound: Samples) -> Samples:
    return sound[: len(sound) // STEP * STEP].reshape(-1, STEP).mean(axis=1).astype(np.float32)


def original(seed: int, seconds: float = SECONDS) -> Samples:
    """At the rate of files."""
    return synth.music(np.random.default_rng(seed), seconds)


def tune(seed: int, seconds: float = SECONDS) -> Samples:
    return reduced(original(seed, seconds))


def speech(seed: int, seconds: float = 8.0) -> Samples:
    return reduced(synth.babble(np.random.default_rng(seed), seconds))


@pytest.fixture(scope="module")
def music() -> Samples:
    return tune(1)


def test_a_sound_is_itself(music: Samples) -> None:
    track = constellation(music)
    evidence = compare_audio(track, track, SPEED_PITCH_GRID)
    assert evidence.score == 1.0
    assert evidence.decisive
    assert evidence.speed == 1.0
    assert evidence.coverage > 0.95


@pytest.mark.parametrize("start_s", [0.0, 2.5, 7.0])
def test_a_part_is_found_where_it_is(music: Samples, start_s: float) -> None:
    part = music[round(start_s * RATE_HZ) : round((start_s + 6) * RATE_HZ)]
    evidence = compare_audio(constellation(music), constellation(part), SPEED_PITCH_GRID)
    (segment,) = evidence.segments
    assert evidence.decisive
    assert segment.a_start - segment.b_start == pytest.approx(start_s, abs=0.04)
    assert segment.a_end - segment.a_start > 4.5
    assert evidence.coverage < 0.5


@pytest.mark.parametrize("speed", [0.81, 0.957, 1.033, 1.24])
def test_the_speed_of_resampled_audio_is_measured(speed: float) -> None:
    sound = original(1)
    evidence = compare_audio(
        constellation(reduced(sound)),
        constellation(reduced(resample(sound, speed))),
        SPEED_PITCH_GRID,
    )
    assert evidence.decisive
    assert evidence.speed == pytest.approx(speed, rel=0.002)
    assert evidence.coverage > 0.9


@pytest.mark.parametrize("speed", [0.86, 0.93, 1.07, 1.19])
def test_the_speed_of_time_stretched_audio_is_measured(speed: float) -> None:
    sound = original(1)
    faster = SOUND_EDITS["tempo"].change(sound, {"factor": speed})
    evidence = compare_audio(
        constellation(reduced(sound)), constellation(reduced(faster)), SPEED_PITCH_GRID
    )
    assert evidence.decisive
    assert evidence.speed == pytest.approx(speed, rel=0.003)


def test_only_the_given_variants_are_searched(music: Samples) -> None:
    faster = constellation(reduced(resample(original(1), 1.1)))
    assert not compare_audio(constellation(music), faster, (NORMAL_PLAYBACK,)).decisive
    assert compare_audio(
        constellation(music), faster, (NORMAL_PLAYBACK, PlaybackVariant(1.1, 1.1))
    ).decisive


def test_a_voice_over_does_not_hide_a_faster_copy(music: Samples) -> None:
    faster = reduced(resample(original(1), 1.1))
    voice = speech(4, SECONDS)[: len(faster)]
    louder = voice * 1.2 * np.sqrt(np.mean(faster**2) / np.mean(voice**2))
    copy = constellation(faster + louder)
    for a, b, speed in ((music, copy, 1.1), (copy, music, 1 / 1.1)):
        one, other = (x if isinstance(x, AudioTrack) else constellation(x) for x in (a, b))
        evidence = compare_audio(one, other, (NORMAL_PLAYBACK, PlaybackVariant(speed, speed)))
        assert evidence.decisive
        assert evidence.speed == pytest.approx(speed, rel=0.002)


def test_noise_lowers_the_score_and_keeps_the_match(music: Samples) -> None:
    level = float(np.sqrt(np.mean(music**2)))
    noise = np.random.default_rng(1).standard_normal(len(music)).astype(np.float32)
    scores = []
    for snr_db in (20, 5, 0):
        noisy = constellation(music + level * 10 ** (-snr_db / 20) * noise)
        evidence = compare_audio(constellation(music), noisy, SPEED_PITCH_GRID)
        assert evidence.decisive
        assert evidence.speed == 1.0
        scores.append(evidence.score)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.95


def test_speech_over_music_leaves_the_music(music: Samples) -> None:
    voice = speech(3, SECONDS)[: len(music)]
    louder = voice * np.sqrt(np.mean(music**2) / np.mean(voice**2))
    evidence = compare_audio(constellation(music), constellation(music + louder), SPEED_PITCH_GRID)
    assert evidence.decisive
    assert evidence.coverage > 0.7


def test_what_comes_after_a_cut_is_found_too(music: Samples) -> None:
    cut = np.concatenate([music[: 5 * RATE_HZ], music[9 * RATE_HZ :]])
    evidence = compare_audio(constellation(music), constellation(cut), SPEED_PITCH_GRID)
    assert evidence.decisive
    before, after = evidence.segments
    assert before.a_start - before.b_start == pytest.approx(0, abs=0.04)
    assert after.a_start - after.b_start == pytest.approx(4, abs=0.04)
    assert evidence.coverage == pytest.approx(11 / 15, abs=0.1)


@pytest.mark.parametrize("seed", range(2, 8))
def test_other_music_is_not_the_same(music: Samples, seed: int) -> None:
    evidence = compare_audio(constellation(music), constellation(tune(seed)), SPEED_PITCH_GRID)
    assert evidence.score < 0.6
    assert not evidence.decisive


@pytest.mark.parametrize("seed", range(5))
def test_other_words_are_not_the_same(seed: int) -> None:
    one, other = (constellation(speech(10 + 2 * seed + side)) for side in range(2))
    assert not compare_audio(one, other, SPEED_PITCH_GRID).decisive


def test_a_steady_tone_says_nothing() -> None:
    time = np.arange(8 * RATE_HZ) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * 100 * number * time) / number for number in range(1, 12))
    rng = np.random.default_rng(1)
    one, other = (
        constellation((0.3 * hum + 0.01 * rng.standard_normal(len(time))).astype(np.float32))
        for _ in range(2)
    )
    assert not compare_audio(one, other, SPEED_PITCH_GRID).decisive


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 900), st.integers(0, 900))
def test_random_peaks_agree_on_nothing(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (stars(rng, count) for count in (n, m))
    assert not compare_audio(a, b, SPEED_PITCH_GRID).decisive


def stars(rng: np.random.Generator, count: int) -> AudioTrack:
    return AudioTrack(
        np.sort(rng.integers(0, 20_000, count)).astype(np.int32),
        rng.integers(100, 4000, count).astype(np.uint16),
        rng.integers(0, 55, count).astype(np.uint8),
        silent=not count,
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.8, 1.25),
    st.booleans(),
    st.integers(-10_000, 10_000),
    st.floats(0.4, 1.0),
)
def test_any_speed_and_shift_is_found_again(
    seed: int, speed: float, moved: bool, later_ms: int, share: float
) -> None:
    """A share of the peaks is index_landmarks, the others are replaced by random ones."""
    rng = np.random.default_rng(seed)
    a, other = stars(rng, 700), stars(rng, 700)
    left = rng.random(700) < share
    times = np.where(left, a.times_ms / speed, other.times_ms / speed) + later_ms
    bins = np.where(left, a.frequencies_hz * (speed if moved else 1.0), other.frequencies_hz)
    order = np.argsort(times)
    inside = order[(times[order] >= 0) & (bins[order] < 4000)]
    b = AudioTrack(
        np.rint(times[inside]).astype(np.int32),
        np.rint(bins[inside]).astype(np.uint16),
        np.where(left, a.levels_db, other.levels_db)[inside].astype(np.uint8),
        silent=False,
    )
    evidence = compare_audio(a, b, SPEED_PITCH_GRID)
    assert evidence.decisive
    assert evidence.speed == pytest.approx(speed, rel=0.003)
    first = evidence.segments[0]
    assert first.b_start == pytest.approx(first.a_start / speed + later_ms / 1000, abs=0.1)


def test_swapping_sides_swaps_the_segments(music: Samples) -> None:
    whole, part = constellation(music), constellation(music[3 * RATE_HZ : 9 * RATE_HZ])
    forward, backward = (
        compare_audio(whole, part, SPEED_PITCH_GRID),
        compare_audio(part, whole, SPEED_PITCH_GRID),
    )
    assert forward.score == pytest.approx(backward.score, abs=0.02)
    assert forward.segments[0].a_start == pytest.approx(backward.segments[0].b_start, abs=0.1)
