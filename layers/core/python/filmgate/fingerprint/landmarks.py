"""Audio landmarks: pairs of spectral peaks (Wang, "An industrial-strength audio search
algorithm", ISMIR 2003), in numpy.

Peaks are kept where a bin is the loudest of its neighbourhood in time and frequency; each is
paired with the next few peaks ahead of it. A pair's two frequencies and time difference make the
hash; codecs, filters and noise remove some peaks and leave the others where they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.fingerprint.model import AudioTrack

RATE_HZ = 8000
WINDOW = 512
HOP = 160
HOP_S = HOP / RATE_HZ

_NEAR_BINS = 9
_NEAR_HOPS = 7
_LOWEST_BIN = 6
_FLOOR_DB = 55.0
_FAN_OUT = 4
_MAX_GAP = 63
_MIN_GAP = 2
_MAX_STEP = 63
_MAX_PER_HOP = 1.2
_SILENT_RMS = 1e-3
_BLOCK = 4096


def landmarks(samples: NDArray[np.float32]) -> AudioTrack:
    """The landmarks of mono sound.

    Args:
        samples: float32 (k,), in [-1, 1], at 8,000 Hz.
    """
    empty = AudioTrack(np.zeros(0, np.uint32), np.zeros(0, np.int32), HOP_S, silent=True)
    if len(samples) < WINDOW or float(np.sqrt(np.mean(np.square(samples)))) < _SILENT_RMS:
        return empty
    hops, freqs = _peaks(_spectrogram_db(samples))
    hashes, times = _pairs(hops, freqs)
    if not len(hashes):
        return empty
    order = np.argsort(times, kind="stable")
    return AudioTrack(hashes[order], times[order], HOP_S, silent=False)


def unpack(
    hashes: NDArray[np.uint32],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """First bin, frequency step in bins and time gap in hops of packed hashes, each int32 (k,)."""
    wide = hashes.astype(np.int64)
    first = (wide >> 13) & 0xFF
    step = ((wide >> 6) & 0x7F) - _MAX_STEP - 1
    return first.astype(np.int32), step.astype(np.int32), (wide & 0x3F).astype(np.int32)


def pack(
    first: NDArray[np.int32], step: NDArray[np.int32], gap: NDArray[np.int32]
) -> NDArray[np.uint32]:
    """The inverse of `unpack`."""
    packed = (first.astype(np.int64) << 13) | ((step.astype(np.int64) + _MAX_STEP + 1) << 6) | gap
    return packed.astype(np.uint32)


def _spectrogram_db(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (hops, 256), decibels relative to the loudest bin."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    taper = np.hanning(WINDOW).astype(np.float32)
    power = np.empty((len(windows), WINDOW // 2), dtype=np.float32)
    for start in range(0, len(windows), _BLOCK):
        block = windows[start : start + _BLOCK] * taper
        spectrum = np.fft.rfft(block, axis=1)[:, : WINDOW // 2]
        power[start : start + _BLOCK] = np.square(np.abs(spectrum))
    db: NDArray[np.float32] = 10 * np.log10(np.maximum(power, np.float32(1e-12)))
    return db - db.max()


def _peaks(db: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Hops and bins of the peaks, in order of time, at most about `_MAX_PER_HOP` a hop."""
    top = _moving_max(_moving_max(db, _NEAR_BINS, axis=1), _NEAR_HOPS, axis=0)
    peak = (db == top) & (db > -_FLOOR_DB)
    peak[:, :_LOWEST_BIN] = False
    hops, bins = np.nonzero(peak)
    most = int(len(db) * _MAX_PER_HOP)
    if len(hops) > most:
        keep = np.sort(np.argsort(-db[hops, bins], kind="stable")[:most])
        hops, bins = hops[keep], bins[keep]
    return hops.astype(np.int32), bins.astype(np.int32)


def _moving_max(values: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
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


def _pairs(
    hops: NDArray[np.int32], bins: NDArray[np.int32]
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Each peak with up to `_FAN_OUT` of the peaks after it, near in time and frequency."""
    hashes, times = [], []
    used = np.zeros(len(hops), dtype=np.int32)
    for ahead in range(1, 4 * _FAN_OUT + 1):
        if ahead >= len(hops):
            break
        gap = hops[ahead:] - hops[:-ahead]
        step = bins[ahead:] - bins[:-ahead]
        fits = (gap >= _MIN_GAP) & (gap <= _MAX_GAP) & (np.abs(step) <= _MAX_STEP)
        fits &= used[:-ahead] < _FAN_OUT
        used[:-ahead] += fits
        hashes.append(pack(bins[:-ahead][fits], step[fits], gap[fits]))
        times.append(hops[:-ahead][fits])
    if not hashes:
        return np.zeros(0, np.uint32), np.zeros(0, np.int32)
    return np.concatenate(hashes), np.concatenate(times)
