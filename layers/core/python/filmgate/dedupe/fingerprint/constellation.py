"""The constellation of a sound: its spectral peaks (Wang, "An industrial-strength audio search
algorithm", ISMIR 2003), in numpy.

Peaks are kept where a bin is the loudest of its neighbourhood in time and frequency. Codecs,
filters and noise remove some of them and leave the others where they are. Each is placed between
the bins by a parabola through its neighbours, so that speeds can be told finely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import AudioTrack

RATE_HZ = 8000
WINDOW = 512
HOP = 160
HOP_MS = 1000 * HOP // RATE_HZ
BIN_HZ = RATE_HZ / WINDOW

_NEAR_BINS = 7
_NEAR_HOPS = 5
_LOWEST_BIN = 6
_FLOOR_DB = 55.0
_BLOCK_HOPS = 50
_MOST_A_BLOCK = 80
_SILENT_RMS = 1e-3
_STRETCH = 1000

Floats = NDArray[np.float32]


def constellation(samples: Floats) -> AudioTrack:
    """The peaks of mono sound.

    Args:
        samples: float32 (k,), in [-1, 1], at 8,000 Hz.
    """
    if len(samples) < WINDOW or float(np.sqrt(np.mean(np.square(samples)))) < _SILENT_RMS:
        return _track(*(np.zeros(0, np.float32),) * 3)
    hops, bins, levels = _peaks(samples)
    return _track(hops * HOP_MS, bins * BIN_HZ, levels.max(initial=-np.inf) - levels)


def strongest(track: AudioTrack, most: int) -> NDArray[np.intp]:
    """Rows of the loudest peaks, at most so many in each second, in order of time."""
    seconds = track.times_ms // 1000
    return np.flatnonzero(_rank(seconds, track.levels_db) < most)


def _track(times_ms: Floats, frequencies_hz: Floats, levels_db: Floats) -> AudioTrack:
    order = np.argsort(times_ms, kind="stable")
    return AudioTrack(
        times_ms=np.rint(times_ms[order]).astype(np.int32),
        frequencies_hz=np.rint(frequencies_hz[order]).astype(np.uint16),
        levels_db=np.rint(levels_db[order]).astype(np.uint8),
        silent=not len(times_ms),
    )


def _peaks(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Hops, bins and decibels of the peaks, in order of time.

    The most are counted block by block, so that a cut-out keeps the peaks of the whole. A stretch
    of the spectrogram is made at a time, with what its peaks have around them, so that
    hours of sound need no more memory than minutes.
    """
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    loudest = -np.inf
    found = []
    for start in range(0, len(windows), _STRETCH):
        first = max(0, start - _NEAR_HOPS)
        db = _spectrogram_db(windows[first : start + _STRETCH + _NEAR_HOPS])
        loudest = max(loudest, float(db.max()))
        top = _moving_max(_moving_max(db, _NEAR_BINS, axis=1), _NEAR_HOPS, axis=0)
        peak = (db == top) & (db > loudest - _FLOOR_DB)
        peak[:, :_LOWEST_BIN] = False
        peak[: start - first] = False
        peak[start - first + _STRETCH :] = False
        hops, bins = np.nonzero(peak)
        later, higher = (_between(db, hops, bins, step) for step in ((1, 0), (0, 1)))
        found.append(np.stack([first + hops, later, bins + higher, db[hops, bins]]))
    every = np.concatenate(found, axis=1)
    hops, later, bins, levels = every[:, every[3] > loudest - _FLOOR_DB]
    kept = _rank(hops // _BLOCK_HOPS, -levels) < _MOST_A_BLOCK
    return (hops + later)[kept], bins[kept], levels[kept]


def _spectrogram_db(windows: Floats) -> Floats:
    """Decibels, float32 (hops, 256)."""
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
    power = np.square(np.abs(spectrum[:, : WINDOW // 2])).astype(np.float32)
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(1e-12))))


def _rank(groups: NDArray[np.integer], values: NDArray[np.generic]) -> NDArray[np.intp]:
    """Place of each value within its group, 0 for the smallest. Groups come in rising order."""
    order = np.lexsort((values, groups))
    starts = np.searchsorted(groups, groups)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - starts
    return rank


def _between(
    db: Floats, hops: NDArray[np.intp], bins: NDArray[np.intp], step: tuple[int, int]
) -> Floats:
    """Where between -0.5 and 0.5 a parabola through each peak and its neighbours is highest."""
    last = np.array(db.shape) - 1
    below = db[np.maximum(hops - step[0], 0), np.maximum(bins - step[1], 0)]
    above = db[np.minimum(hops + step[0], last[0]), np.minimum(bins + step[1], last[1])]
    bend = below - 2 * db[hops, bins] + above
    return np.clip(0.5 * (below - above) / np.minimum(bend, -1e-6), -0.5, 0.5).astype(np.float32)


def _moving_max(values: Floats, reach: int, axis: int) -> Floats:
    """The largest value within `reach` on either side, by doubling: log(reach) passes."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.pad(moved, ((reach, reach), (0, 0)), constant_values=-np.inf)
    width, span = 1, 2 * reach + 1
    while width * 2 <= span:
        padded = np.maximum(padded[:-width], padded[width:])
        width *= 2
    if width < span:
        padded = np.maximum(padded[: len(moved)], padded[span - width :][: len(moved)])
    return np.moveaxis(padded[: len(moved)], 0, axis)
