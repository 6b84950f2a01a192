"""The constellation of a sound: its spectral peaks (Wang, "An industrial-strength audio search
algorithm", ISMIR 2003), in NumPy.

A bin is a peak where it is the loudest of its neighbourhood in time and frequency. Codecs,
filters and noise remove some peaks and leave the others where they are. A parabola through its
neighbours places each peak between the bins, so that speeds can be measured finely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F32, Rows
from filmgate.dedupe.fingerprint.model import AudioTrack

RATE_HZ = 8000
"""Samples of mono sound a second: they reach 4 kHz, where the strongest peaks of speech and music
lie."""
WINDOW = 512
"""Samples of a window: 64 ms."""
HOP = 160
"""Samples from one window to the next."""
HOP_MS = 1000 * HOP // RATE_HZ
"""The same in milliseconds: 20."""
BIN_HZ = RATE_HZ / WINDOW
"""Hertz from one frequency bin to the next: 15.625."""

_NEIGHBOUR_BINS = 7
"""A peak is the loudest of so many bins above and below it, 109 Hz,"""
_NEIGHBOUR_HOPS = 5
"""and of so many hops before and after it, 100 ms."""
_LOWEST_BIN = 6
"""Below 94 Hz hum and rumble make peaks, and many codecs and small speakers drop the sound."""
_FLOOR_DB = 55.0
"""Peaks so many decibels below the loudest of the sound, or more, are dropped."""
_BLOCK_HOPS = 50
"""Hops of a block, one second, in which peaks are counted."""
_MAX_PEAKS_PER_BLOCK = 80
"""Peaks kept of a block, the loudest."""
_SILENT_RMS = 1e-3
"""Root mean square of samples in -1..1 below which a sound is silent: -60 dB."""
_CHUNK_HOPS = 1000
"""Hops of the spectrogram computed at a time."""


def constellation(samples: F32) -> AudioTrack:
    """The peaks of a mono sound.

    Args:
        samples: float32 (k,), in -1..1, at `RATE_HZ`.
    """
    if len(samples) < WINDOW or float(np.sqrt(np.mean(np.square(samples)))) < _SILENT_RMS:
        return _track(*(np.zeros(0, np.float32),) * 3)
    hops, bins, levels = _peaks(samples)
    return _track(hops * HOP_MS, bins * BIN_HZ, levels.max(initial=-np.inf) - levels)


def strongest(track: AudioTrack, most: int) -> Rows:
    """Rows of the loudest peaks, at most `most` in each second, in order of time."""
    seconds = track.times_ms // 1000
    return np.flatnonzero(_rank(seconds, track.levels_db) < most)


def _track(times_ms: F32, frequencies_hz: F32, levels_db: F32) -> AudioTrack:
    order = np.argsort(times_ms, kind="stable")
    return AudioTrack(
        times_ms=np.rint(times_ms[order]).astype(np.int32),
        frequencies_hz=np.rint(frequencies_hz[order]).astype(np.uint16),
        levels_db=np.rint(levels_db[order]).astype(np.uint8),
        silent=not len(times_ms),
    )


def _peaks(samples: F32) -> tuple[F32, F32, F32]:
    """Hops, bins and decibels of the peaks, in order of time.

    The limit applies to each block, so that an excerpt keeps the peaks of the whole. The
    spectrogram is computed in chunks that overlap by the neighbourhood of a peak, so that hours
    of sound need no more memory than minutes.
    """
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    loudest = -np.inf
    chunks = []
    for start in range(0, len(windows), _CHUNK_HOPS):
        first = max(0, start - _NEIGHBOUR_HOPS)
        db = _spectrogram_db(windows[first : start + _CHUNK_HOPS + _NEIGHBOUR_HOPS])
        loudest = max(loudest, float(db.max()))
        top = _moving_max(_moving_max(db, _NEIGHBOUR_BINS, axis=1), _NEIGHBOUR_HOPS, axis=0)
        peak = (db == top) & (db > loudest - _FLOOR_DB)
        peak[:, :_LOWEST_BIN] = False
        peak[: start - first] = False
        peak[start - first + _CHUNK_HOPS :] = False
        hops, bins = np.nonzero(peak)
        later, higher = (_parabolic_offset(db, hops, bins, step) for step in ((1, 0), (0, 1)))
        chunks.append(np.stack([first + hops, later, bins + higher, db[hops, bins]]))
    every = np.concatenate(chunks, axis=1)
    hops, later, bins, levels = every[:, every[3] > loudest - _FLOOR_DB]
    loud = _rank(hops // _BLOCK_HOPS, -levels) < _MAX_PEAKS_PER_BLOCK
    return (hops + later)[loud], bins[loud], levels[loud]


def _spectrogram_db(windows: F32) -> F32:
    """Decibels, float32 (hops, 256)."""
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
    power = np.square(np.abs(spectrum[:, : WINDOW // 2])).astype(np.float32)
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(1e-12))))


def _rank(groups: NDArray[np.integer], values: NDArray[np.generic]) -> Rows:
    """Rank of each value within its group, 0 for the smallest. Groups come in rising order."""
    order = np.lexsort((values, groups))
    starts = np.searchsorted(groups, groups)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - starts
    return rank


def _parabolic_offset(db: F32, hops: Rows, bins: Rows, step: tuple[int, int]) -> F32:
    """Offset of the maximum of a parabola through each peak and its neighbours: -0.5..0.5."""
    last = np.array(db.shape) - 1
    below = db[np.maximum(hops - step[0], 0), np.maximum(bins - step[1], 0)]
    above = db[np.minimum(hops + step[0], last[0]), np.minimum(bins + step[1], last[1])]
    curvature = below - 2 * db[hops, bins] + above
    return np.clip(0.5 * (below - above) / np.minimum(curvature, -1e-6), -0.5, 0.5).astype(
        np.float32
    )


def _moving_max(values: F32, reach: int, axis: int) -> F32:
    """The largest value within `reach` on either side, in log(reach) passes of doubling width."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.pad(moved, ((reach, reach), (0, 0)), constant_values=-np.inf)
    width, span = 1, 2 * reach + 1
    while width * 2 <= span:
        padded = np.maximum(padded[:-width], padded[width:])
        width *= 2
    if width < span:
        padded = np.maximum(padded[: len(moved)], padded[span - width :][: len(moved)])
    return np.moveaxis(padded[: len(moved)], 0, axis)
