"""Synthesised sound: music, speech-like babble, engines, wind and water.

Each function takes a random generator and a length in seconds and returns mono float32 samples
at `RATE_HZ`, peak 0.8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from filmgate_samples.clip import RATE_HZ, Sound

_SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9, 12, 14),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (5, 3, 0, 4), (0, 2, 3, 4), (1, 4, 0, 5))
_Samples = NDArray[np.float64]


def _finish(samples: _Samples) -> Sound:
    peak = float(np.abs(samples).max()) or 1.0
    fade = min(len(samples) // 4, RATE_HZ // 20)
    samples[:fade] *= np.linspace(0, 1, fade)
    samples[-fade:] *= np.linspace(1, 0, fade)
    return (samples * (0.8 / peak)).astype(np.float32)


def _tone(
    frequency: float, seconds: float, partials: NDArray[np.float64], decay: float
) -> _Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    numbers = np.arange(1, len(partials) + 1)
    usable = numbers * frequency < RATE_HZ / 2.5
    waves = np.sin(2 * np.pi * frequency * np.outer(numbers[usable], time))
    envelope = np.minimum(time / 0.01, 1) * np.exp(-decay * time)
    return np.asarray((partials[usable] @ waves) * envelope, dtype=np.float64)


def _add(track: _Samples, start_s: float, part: _Samples, gain: float = 1.0) -> None:
    start = int(start_s * RATE_HZ)
    part = part[: max(0, len(track) - start)]
    track[start : start + len(part)] += gain * part


def _shaped_noise(
    rng: Generator, samples: int, shape: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> _Samples:
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum *= shape(np.fft.rfftfreq(samples, 1 / RATE_HZ).astype(np.float64))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / (np.abs(noise).max() or 1.0))


def _peak(centre: float, spread: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda frequency: np.exp(-(((frequency - centre) / spread) ** 2))


def _drums(rng: Generator, track: _Samples, beat_s: float) -> None:
    time = np.arange(int(0.22 * RATE_HZ)) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-30 * time)))) * np.exp(-14 * time)
    snare = rng.standard_normal(len(time)) * np.exp(-22 * time)
    hat = np.diff(rng.standard_normal(len(time) + 1)) * np.exp(-70 * time)
    steps = int(len(track) / RATE_HZ / (beat_s / 2)) + 1
    kicks = rng.random(16) < 0.25
    kicks[[0, 8]] = True
    hats = rng.random(16) < 0.7
    for step in range(steps):
        start, slot = step * beat_s / 2, step % 16
        if kicks[slot]:
            _add(track, start, kick, 0.9)
        if slot % 4 == 2:
            _add(track, start, snare, 0.25)
        if hats[slot]:
            _add(track, start, hat, 0.08)


def music(rng: Generator, seconds: float) -> Sound:
    """A tune: chords, a bass, an arpeggio or a melody, and drums in two of three cases."""
    track = np.zeros(int(seconds * RATE_HZ))
    scale = _SCALES[str(rng.choice(list(_SCALES)))]
    root = int(rng.integers(43, 55))
    beat = 60 / float(rng.uniform(72, 152))
    progression = _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
    partials = rng.uniform(0.2, 1.0, 7) / np.arange(1, 8) ** rng.uniform(0.8, 2.2)
    lead = rng.uniform(0.1, 1.0, 5) / np.arange(1, 6) ** rng.uniform(0.5, 2.0)
    rhythm = rng.choice([0.5, 0.5, 1.0, 0.25], 8)

    def pitch(degree: int) -> float:
        octave, step = divmod(degree, len(scale))
        return float(440 * 2 ** ((root + 12 * octave + scale[step] - 69) / 12))

    bar = 0
    while bar * 4 * beat < seconds:
        chord = progression[bar % 4]
        start = bar * 4 * beat
        for degree in (0, 2, 4):
            _add(track, start, _tone(pitch(chord + degree + 7), 4 * beat, partials, 0.5), 0.16)
        for half in range(4):
            note = _tone(pitch(chord) / 2, beat, partials[:3], 3.0)
            _add(track, start + half * beat, note, 0.35)
        place, turn = 0.0, 0
        while place < 4:
            degree = chord + int(rng.choice([0, 2, 4, 6, 7, 9])) + 7
            _add(track, start + place * beat, _tone(pitch(degree), beat, lead, 5.0), 0.22)
            place += float(rhythm[turn % 8])
            turn += 1
        bar += 1
    if rng.random() < 0.67:
        _drums(rng, track, beat)
    return _finish(track)


_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)


def babble(rng: Generator, seconds: float) -> Sound:
    """Speech without words: a voice of harmonics under moving formants, with breaths."""
    track = np.zeros(int(seconds * RATE_HZ))
    base = float(rng.uniform(95, 230))
    place = 0.1
    while place < seconds:
        length = float(rng.uniform(0.09, 0.28))
        vowels = np.array(_VOWELS)[rng.integers(0, len(_VOWELS), 2)]
        _add(track, place, _syllable(rng, base * rng.uniform(0.85, 1.25), length, vowels))
        if rng.random() < 0.5:
            hiss = _shaped_noise(rng, int(0.06 * RATE_HZ), _peak(5200, 1800))
            _add(track, place + length, hiss * np.hanning(len(hiss)), 0.5)
        place += length + float(rng.choice([0.03, 0.05, 0.08, 0.35], p=[0.4, 0.3, 0.2, 0.1]))
    return _finish(track)


def _syllable(rng: Generator, pitch: float, seconds: float, vowels: NDArray[np.int_]) -> _Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    glide = np.linspace(1, rng.uniform(0.85, 1.15), len(time))
    phase = 2 * np.pi * np.cumsum(pitch * glide) / RATE_HZ
    mix = np.linspace(0, 1, len(time))
    formants = [vowels[0, i] * (1 - mix) + vowels[1, i] * mix for i in range(3)]
    out = np.zeros(len(time))
    for number in range(1, int(3600 / pitch)):
        frequency = number * pitch
        level = sum(
            gain * np.exp(-(((frequency - formant) / 110) ** 2))
            for gain, formant in zip((1.0, 0.6, 0.3), formants, strict=True)
        )
        out += (level + 0.02) * np.sin(number * phase)
    return out * np.hanning(len(time))


def engine(rng: Generator, seconds: float) -> Sound:
    """A motor whose speed rises and falls over road noise."""
    count = int(seconds * RATE_HZ)
    time = np.arange(count) / RATE_HZ
    turns = rng.uniform(22, 60) * (1 + 0.5 * np.sin(2 * np.pi * time / rng.uniform(3, 9)))
    phase = 2 * np.pi * np.cumsum(turns) / RATE_HZ
    levels = rng.uniform(0.1, 1, 12) / np.arange(1, 13) ** 0.7
    hum = sum(level * np.sin((n + 1) * phase) for n, level in enumerate(levels))
    road = _shaped_noise(rng, count, lambda f: 1 / (1 + (f / 700) ** 1.5))
    return _finish(np.asarray(hum) / 3 + road * 0.5)


def wind(rng: Generator, seconds: float) -> Sound:
    """Gusts of noise round a wandering pitch."""
    count = int(seconds * RATE_HZ)
    gusts = np.zeros(count)
    knots = np.linspace(0, seconds, int(seconds * 1.5) + 3)
    time = np.arange(count) / RATE_HZ
    for centre in rng.uniform(180, 2400, 5):
        gusts += _shaped_noise(rng, count, _peak(centre, 0.35 * centre)) * np.interp(
            time, knots, rng.random(len(knots)) ** 2
        )
    return _finish(gusts)


def water(rng: Generator, seconds: float) -> Sound:
    """Waves of surf with single drops, each a short rising tone."""
    count = int(seconds * RATE_HZ)
    time = np.arange(count) / RATE_HZ
    surf = _shaped_noise(rng, count, lambda f: 1 / (1 + (f / 1500) ** 2))
    surf *= 0.35 + 0.65 * np.sin(np.pi * time / rng.uniform(2.5, 5)) ** 2
    drop_time = np.arange(int(0.12 * RATE_HZ)) / RATE_HZ
    for start in rng.uniform(0, seconds, int(seconds * 6)):
        low = rng.uniform(500, 1800)
        drop = np.sin(2 * np.pi * (low * drop_time + 4000 * drop_time**2)) * np.exp(-40 * drop_time)
        _add(surf, float(start), drop, float(rng.uniform(0.2, 0.8)))
    return _finish(surf)


def bangs(rng: Generator, seconds: float) -> Sound:
    """Distant explosions with crackle and whistles."""
    track = np.zeros(int(seconds * RATE_HZ))
    for start in np.sort(rng.uniform(0, seconds, int(seconds * 1.8))):
        length = int(rng.uniform(0.5, 1.2) * RATE_HZ)
        decay = np.exp(-np.arange(length) / RATE_HZ * rng.uniform(4, 9))
        boom = _shaped_noise(rng, length, lambda f: 1 / (1 + (f / 180) ** 2)) * decay
        _add(track, float(start), boom, float(rng.uniform(0.5, 1)))
        crackle = rng.standard_normal(length) * (rng.random(length) < 0.004) * decay
        _add(track, float(start) + 0.25, crackle, 0.15)
        whistle_time = np.arange(int(0.4 * RATE_HZ)) / RATE_HZ
        high = rng.uniform(1200, 2600)
        whistle = np.sin(2 * np.pi * (high * whistle_time - 900 * whistle_time**2))
        _add(track, float(start) - 0.4 if start > 0.4 else 0.0, whistle, 0.06)
    return _finish(track)


def mix(*parts: tuple[Sound, float]) -> Sound:
    """Sounds of one length added with gains."""
    return _finish(sum((part.astype(np.float64) * gain for part, gain in parts), np.zeros(1)))
