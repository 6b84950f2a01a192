"""Landmarks: pairs of spectral peaks by which sounds are found (Wang, ISMIR 2003).

The two frequencies of a pair and the time between them make its hash. The index keeps few: pairs
of the strongest peaks, which survive noise and codecs longest. A query uses more: also pairs of
weaker peaks, because a copy may have other peaks in between; both neighbours of a value that lies
between two; and all that as if the sound were played faster or slower, with its pitch shifted
along or preserved.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F64, I32, U32, Rows
from filmgate.dedupe.fingerprint.constellation import BIN_HZ, HOP_MS, strongest
from filmgate.dedupe.fingerprint.model import AudioTrack

_INDEX_PEAKS, _INDEX_FAN_OUT = 14, 2
"""For the index: peaks a second, and with how many following peaks each is paired."""
_QUERY_PEAKS, _QUERY_FAN_OUT = 30, 10
"""The same for a query at normal speed and pitch,"""
_VARIANT_PEAKS, _VARIANT_FAN_OUT = 16, 4
"""and for a query at another speed or pitch."""
_MAX_QUERY_PAIRS = 300_000
"""Pairs of a query at normal speed and pitch: a long sound gets a smaller fan-out."""
_VARIANT_PARTS, _VARIANT_PART_MS = 8, 15_000
"""Parts of a long sound, evenly spaced, that are queried at other speeds, and their length."""
_ROUNDING_ERROR = 0.3
"""A value farther than this from its nearest whole number is also looked up at the next one."""
_MIN_GAP = 2
"""Fewest hops between the peaks of a pair: 40 ms."""
_MAX_GAP = 63
"""Most hops between them, 1.26 s: six bits of the hash."""
_MAX_STEP = 63
"""Most bins between them, 984 Hz: seven bits of the hash with the sign."""
_BINS = 256
"""Frequency bins: eight bits of the hash."""


class PlaybackVariant(NamedTuple):
    """Speed and pitch of a playback, each as a factor."""

    speed: float
    pitch: float


NORMAL_PLAYBACK = PlaybackVariant(1.0, 1.0)


def _powers_around_one(ratio: float, steps: int) -> list[float]:
    """The powers of a ratio from -steps to steps, without the zeroth."""
    return [round(ratio**step, 4) for step in range(-steps, steps + 1) if step]


SPEED_PITCH_GRID = (
    NORMAL_PLAYBACK,
    # At 2 kHz half a step is less than one bin, and of the time between two peaks less than a hop.
    *(PlaybackVariant(speed, speed) for speed in _powers_around_one(1.0125, 18)),
    *(PlaybackVariant(speed, 1.0) for speed in _powers_around_one(1.025, 9)),
)
"""Normal playback; a tape at 0.8 to 1.25 times the speed; the same speeds at preserved pitch."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Pairs of peaks.

    Attributes:
        hashes: uint32 (k,), see `pack`.
        times: int32 (k,), of the first peak in hops of 20 ms, at the original speed.
        variants: int32 (k,), rows of the queried playback variants; all 0 for the index.
    """

    hashes: U32
    times: I32
    variants: I32


def index_landmarks(track: AudioTrack) -> Landmarks:
    """The landmarks a sound is found by: about 24 a second, of its strongest peaks."""
    rows = strongest(track, _INDEX_PEAKS)
    first, second = _pairs(track, rows, _INDEX_FAN_OUT)
    hops, bins = track.times_ms / HOP_MS, track.frequencies_hz / BIN_HZ
    hashes = pack(
        _rounded(bins[first]),
        _rounded(bins[second]) - _rounded(bins[first]),
        _rounded(hops[second] - hops[first]),
    )
    return Landmarks(hashes, _rounded(hops[first]), np.zeros(len(hashes), np.int32))


def query_landmarks(
    track: AudioTrack, variants: tuple[PlaybackVariant, ...] = SPEED_PITCH_GRID
) -> Landmarks:
    """The landmarks that copies may share with this sound, at every variant of speed and pitch.

    Long sounds get fewer, and at other than normal playback only some parts of them get any.
    """
    normal_pairs = _pairs(track, *_normal_peaks(track))
    other_pairs = normal_pairs
    if set(variants) - {NORMAL_PLAYBACK}:
        other_pairs = _pairs(track, *_variant_peaks(track))
    per_variant = [
        _landmarks(track, normal_pairs if variant == NORMAL_PLAYBACK else other_pairs, row, variant)
        for row, variant in enumerate(variants)
    ]
    return Landmarks(
        np.concatenate([landmarks.hashes for landmarks in per_variant]),
        np.concatenate([landmarks.times for landmarks in per_variant]),
        np.concatenate([landmarks.variants for landmarks in per_variant]),
    )


def pack(first: I32, step: I32, gap: I32) -> U32:
    """Hashes of a first bin (0..255), a step in bins (-63..63) and a gap in hops (0..63)."""
    packed = (first.astype(np.int64) << 13) | ((step.astype(np.int64) + _MAX_STEP + 1) << 6) | gap
    return packed.astype(np.uint32)


def _landmarks(
    track: AudioTrack, pairs: tuple[Rows, Rows], row: int, variant: PlaybackVariant
) -> Landmarks:
    """The landmarks of pairs of peaks at one variant, with all neighbouring values."""
    first, second = pairs
    hops, bins = track.times_ms / HOP_MS / variant.speed, track.frequencies_hz / BIN_HZ
    lows = _nearest_two(bins[first] * variant.pitch)
    highs = _nearest_two(bins[second] * variant.pitch)
    gaps = _nearest_two(hops[second] - hops[first])
    times = _rounded(hops[first])
    hashes, rows = [], []
    for (low, a), (high, b), (gap, c) in product(lows, highs, gaps):
        step = high - low
        fits = a & b & c & (low < _BINS) & (np.abs(step) <= _MAX_STEP) & (gap <= _MAX_GAP)
        hashes.append(pack(low[fits], step[fits], gap[fits]))
        rows.append(np.flatnonzero(fits))
    pair_rows = np.concatenate(rows)
    return Landmarks(
        np.concatenate(hashes), times[pair_rows], np.full(len(pair_rows), row, dtype=np.int32)
    )


def _normal_peaks(track: AudioTrack) -> tuple[Rows, int]:
    """Rows of the peaks to pair at normal playback, and the fan-out."""
    rows = strongest(track, _QUERY_PEAKS)
    affordable = _MAX_QUERY_PAIRS // max(1, len(rows))
    return rows, max(_INDEX_FAN_OUT, min(_QUERY_FAN_OUT, affordable))


def _variant_peaks(track: AudioTrack) -> tuple[Rows, int]:
    """The same at other variants: of a long sound only evenly spaced parts."""
    rows = strongest(track, _VARIANT_PEAKS)
    times = track.times_ms[rows]
    length = int(times[-1]) + 1 if len(times) else 0
    if length > _VARIANT_PARTS * _VARIANT_PART_MS:
        rows = rows[times % (length / _VARIANT_PARTS) < _VARIANT_PART_MS]
    return rows, _VARIANT_FAN_OUT


def _nearest_two(values: F64) -> list[tuple[I32, NDArray[np.bool_]]]:
    """The nearest whole number of each value, then the second nearest; each with a mask of the
    values for which a copy may well have that number."""
    nearest = np.rint(values)
    error = values - nearest
    second = nearest + np.sign(error)
    return [
        (nearest.astype(np.int32), np.ones(len(values), dtype=np.bool_)),
        (second.astype(np.int32), np.abs(error) > _ROUNDING_ERROR),
    ]


def _pairs(track: AudioTrack, rows: Rows, fan_out: int) -> tuple[Rows, Rows]:
    """Rows of each peak and of the next ones after it that are near in time and frequency."""
    hops, bins = track.times_ms[rows] / HOP_MS, track.frequencies_hz[rows] / BIN_HZ
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    used = np.zeros(len(rows), dtype=np.int32)
    for ahead in range(1, min(4 * fan_out + 1, len(rows))):
        gap = hops[ahead:] - hops[:-ahead]
        step = bins[ahead:] - bins[:-ahead]
        # A margin of one bin and half a hop, so that rounding never leaves the range of a hash.
        fits = (gap >= _MIN_GAP - 0.5) & (gap < _MAX_GAP) & (np.abs(step) <= _MAX_STEP - 1)
        fits &= used[:-ahead] < fan_out
        used[:-ahead] += fits
        paired = np.flatnonzero(fits)
        first.append(rows[paired])
        second.append(rows[paired + ahead])
    return np.concatenate(first), np.concatenate(second)


def _rounded(values: F64) -> I32:
    return np.rint(values).astype(np.int32)
