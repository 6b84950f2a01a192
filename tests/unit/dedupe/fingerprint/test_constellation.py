"""Constellations: what shifts, codecs, noise and other speeds leave of the peaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint import constellation as module
from filmgate.dedupe.fingerprint.constellation import (
    BIN_HZ,
    HOP,
    HOP_MS,
    RATE_HZ,
    WINDOW,
    constellation,
    strongest,
)
from filmgate.dedupe.fingerprint.model import AudioTrack
from filmgate_samples import synth
from filmgate_samples.clip import RATE_HZ as SAMPLES_RATE_HZ

SECONDS = 12.0
Samples = NDArray[np.float32]


def tune(seed: int, seconds: float = SECONDS) -> Samples:
    """Synthetic music at the rate peaks are found at."""
    sound = synth.music(np.random.default_rng(seed), seconds)
    step = SAMPLES_RATE_HZ // RATE_HZ
    return sound[: len(sound) // step * step].reshape(-1, step).mean(axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def music() -> Samples:
    return tune(1)


def shared(one: AudioTrack, other: AudioTrack, later_ms: float = 0, faster: float = 1.0) -> float:
    """Share of the peaks of `one` that `other` has within a hop and a bin."""
    times = one.times_ms / faster + later_ms
    apart = np.abs(times[:, None] - other.times_ms[None]) / HOP_MS
    off = np.abs(one.frequencies_hz[:, None] * faster - other.frequencies_hz[None].astype(float))
    return float(((apart <= 1) & (off <= BIN_HZ)).any(axis=1).mean())


def test_music_has_a_few_dozen_a_second_in_order_of_time(music: Samples) -> None:
    track = constellation(music)
    assert not track.silent
    assert track.times_ms.dtype == np.int32
    assert track.frequencies_hz.dtype == np.uint16
    assert track.levels_db.dtype == np.uint8
    assert 20 < len(track.times_ms) / SECONDS < 80
    assert (np.diff(track.times_ms) >= 0).all()
    assert track.times_ms[-1] <= SECONDS * 1000
    assert track.levels_db.min() == 0


@pytest.mark.parametrize("hops", [1, 37, 150])
def test_later_sound_has_the_same_peaks_later(music: Samples, hops: int) -> None:
    shifted = np.concatenate([np.zeros(hops * HOP, dtype=np.float32), music])
    assert shared(constellation(music), constellation(shifted), hops * HOP_MS) > 0.98


def test_the_middle_of_a_sound_keeps_its_peaks(music: Samples) -> None:
    start = 200
    part = constellation(music[start * HOP : start * HOP + 5 * RATE_HZ])
    assert shared(part, constellation(music), start * HOP_MS) > 0.85


def test_loudness_does_not_count(music: Samples) -> None:
    assert shared(constellation(music), constellation(music * np.float32(0.05))) > 0.98


def test_noise_ten_times_weaker_leaves_most(music: Samples) -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(len(music)).astype(np.float32)
    level = float(np.sqrt(np.mean(music**2))) * 0.1
    assert shared(constellation(music), constellation(music + level * noise)) > 0.7


@pytest.mark.parametrize("faster", [0.8, 0.96, 1.25])
def test_a_faster_tape_moves_times_and_frequencies(music: Samples, faster: float) -> None:
    places = np.arange(0, len(music) - 1, faster)
    played = np.interp(places, np.arange(len(music)), music).astype(np.float32)
    assert shared(constellation(music), constellation(played), 0, faster) > 0.5


def test_other_music_shares_no_more_than_chance(music: Samples) -> None:
    assert shared(constellation(music), constellation(tune(2))) < 0.3


@pytest.mark.parametrize("stretch", [7, 100, 599])
def test_the_stretches_it_is_made_in_do_not_show(
    music: Samples, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = constellation(music)
    monkeypatch.setattr(module, "_CHUNK_HOPS", stretch)
    parts = constellation(music)
    for name in AudioTrack.__slots__:
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


@pytest.mark.parametrize("hz", [300.0, 1003.0, 1007.5, 2500.0])
def test_a_tone_is_placed_finer_than_a_bin(hz: float) -> None:
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    swell = np.exp(-(((time - 1) / 0.2) ** 2))
    track = constellation((np.sin(2 * np.pi * hz * time) * swell).astype(np.float32))
    loudest = int(track.levels_db.argmin())
    assert track.frequencies_hz[loudest] == pytest.approx(hz, abs=BIN_HZ / 5)
    assert track.times_ms[loudest] == pytest.approx(1000 - 500 * WINDOW / RATE_HZ, abs=HOP_MS)


def test_the_strongest_are_chosen_second_by_second(music: Samples) -> None:
    track = constellation(music)
    rows = strongest(track, 10)
    seconds = track.times_ms // 1000
    for second in np.unique(seconds):
        here = np.flatnonzero(seconds == second)
        chosen = np.intersect1d(rows, here)
        assert len(chosen) == min(10, len(here))
        left = np.setdiff1d(here, rows)
        if len(left):
            assert track.levels_db[chosen].max() <= track.levels_db[left].min()


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
    track = constellation(samples)
    assert track.silent
    assert not len(track.times_ms)
    assert not len(track.frequencies_hz)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4000))
def test_any_short_sound_is_taken(seed: int, length: int) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    track = constellation(noise)
    assert len(track.times_ms) == len(track.frequencies_hz) == len(track.levels_db)
    assert track.silent == (len(track.times_ms) == 0)


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
