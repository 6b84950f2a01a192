"""Changes to a sound: what happens to it on the way from one file to another.

As with pictures, an edit draws its parameters, and then is a pure function of sound and
parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from filmgate.dedupe.tuning.truth import Parameters
from filmgate_samples import synth
from filmgate_samples.clip import RATE_HZ, Sound

_WINDOW = 2048
_HOP = 512


@dataclass(frozen=True)
class SoundEdit:
    """`draw` picks parameters, `change` applies them to a sound."""

    draw: Callable[[Generator], Parameters]
    change: Callable[[Sound, Parameters], Sound]


def _number(rng: Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _loudness(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def _noise(sound: Sound, parameters: Parameters) -> Sound:
    rng = np.random.default_rng(int(parameters["noise"]))
    level = _loudness(sound) * 10 ** (-float(parameters["snr_db"]) / 20)
    return (sound + level * rng.standard_normal(len(sound))).astype(np.float32)


def _trim(sound: Sound, parameters: Parameters) -> Sound:
    keep = int(float(parameters["keep"]) * len(sound))
    start = int(float(parameters["start"]) * (len(sound) - keep))
    return sound[start : start + keep]


def _voice_over(sound: Sound, parameters: Parameters) -> Sound:
    """Someone speaks over it."""
    rng = np.random.default_rng(int(parameters["voice"]))
    voice = synth.babble(rng, len(sound) / RATE_HZ + 1)[: len(sound)]
    level = _loudness(sound) / max(_loudness(voice), 1e-6)
    mixed = sound + voice * level * 10 ** (-float(parameters["snr_db"]) / 20)
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def _low_pass(sound: Sound, parameters: Parameters) -> Sound:
    """As over a telephone."""
    spectrum = np.fft.rfft(sound)
    spectrum[int(float(parameters["cut_hz"]) * len(sound) / RATE_HZ) :] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def resample(sound: Sound, factor: float) -> Sound:
    """Faster and higher by a factor, as a tape that runs too fast."""
    places = np.arange(0, len(sound) - 1, factor)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def _resample(sound: Sound, parameters: Parameters) -> Sound:
    return resample(sound, float(parameters["factor"]))


def _tempo(sound: Sound, parameters: Parameters) -> Sound:
    """Faster at the same pitch: a phase vocoder (Flanagan and Golden, 1966)."""
    window = np.hanning(_WINDOW).astype(np.float32)
    starts = np.arange(0, len(sound) - _WINDOW, _HOP)
    spectra = np.fft.rfft(sound[starts[:, None] + np.arange(_WINDOW)] * window)
    steps = np.arange(0, len(spectra) - 1, float(parameters["factor"]))
    before = steps.astype(int)
    share = (steps - before)[:, None]
    strength = (1 - share) * np.abs(spectra[before]) + share * np.abs(spectra[before + 1])
    # Each band's phase goes on as fast as it did where the frame was taken from.
    turned = np.angle(spectra[before + 1]) - np.angle(spectra[before])
    phase = np.cumsum(turned, axis=0) - turned + np.angle(spectra[0])
    return _overlapped(np.fft.irfft(strength * np.exp(1j * phase), _WINDOW) * window)


def _overlapped(frames: NDArray[np.float64]) -> Sound:
    out = np.zeros(_HOP * (len(frames) - 1) + _WINDOW)
    for number, frame in enumerate(frames):
        out[number * _HOP : number * _HOP + _WINDOW] += frame
    # Four Hann windows, squared, add up to 1.5.
    return (out / 1.5).astype(np.float32)


SOUND_EDITS: dict[str, SoundEdit] = {
    "trim": SoundEdit(lambda rng: {"keep": 0.5, "start": _number(rng, 0, 1)}, _trim),
    "noise": SoundEdit(
        lambda rng: {"snr_db": _number(rng, 8, 16), "noise": int(rng.integers(1 << 31))}, _noise
    ),
    "voice_over": SoundEdit(
        lambda rng: {"snr_db": _number(rng, 0, 6), "voice": int(rng.integers(1 << 31))},
        _voice_over,
    ),
    "low_pass": SoundEdit(lambda rng: {"cut_hz": _number(rng, 2000, 3500)}, _low_pass),
    "resample": SoundEdit(lambda rng: {"factor": _number(rng, 0.94, 1.06)}, _resample),
    "tempo": SoundEdit(lambda rng: {"factor": _number(rng, 0.85, 1.2)}, _tempo),
}
