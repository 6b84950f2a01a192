"""Landmarks: pairs of spectral peaks by which sounds are found (Wang, ISMIR 2003).

A pair's two frequencies and the time between them make the hash. What is kept of a sound is
little: pairs of its strongest peaks, which noise and codecs leave for longest. What is asked for
is more: pairs of weaker peaks as well, for in a copy others may have come between; the neighbours
of values that fall between two; and all that as it would be if the sound were played faster or
slower, with its pitch moved along or kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.constellation import BIN_HZ, HOP_MS, strongest
from filmgate.dedupe.fingerprint.model import AudioTrack

_KEPT_PEAKS, _KEPT_FAN_OUT = 14, 2
_ASKED_PEAKS, _ASKED_FAN_OUT = 30, 10
_PLAYED_PEAKS, _PLAYED_FAN_OUT = 16, 4
_MOST_ASKED = 300_000
_PLAYED_PARTS, _PLAYED_PART_MS = 8, 15_000
_SURE = 0.3
_MAX_GAP = 63
_MIN_GAP = 2
_MAX_STEP = 63
_BINS = 256


class Playing(NamedTuple):
    """How a sound is played: so many times as fast, and so many times as high."""

    speed: float
    pitch: float


PLAIN = Playing(1.0, 1.0)


def _around_one(ratio: float, steps: int) -> list[float]:
    """The powers of a ratio but the zeroth."""
    return [round(ratio**step, 4) for step in range(-steps, steps + 1) if step]


PLAYINGS = (
    PLAIN,
    # Of a frequency near 2 kHz, half a step is not quite a bin, of a pair's time not quite a hop.
    *(Playing(speed, speed) for speed in _around_one(1.0125, 18)),
    *(Playing(speed, 1.0) for speed in _around_one(1.025, 9)),
)
"""As it is; as a tape that runs at 0.8 to 1.25 times the speed; with its pitch kept."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Pairs of peaks.

    Attributes:
        hashes: uint32 (k,), see `pack`.
        times: int32 (k,), of the first peak in hops of 20 ms, as played.
        playings: int32 (k,), rows of the playings asked for; all 0 for what is kept.
    """

    hashes: NDArray[np.uint32]
    times: NDArray[np.int32]
    playings: NDArray[np.int32]


def kept(track: AudioTrack) -> Landmarks:
    """What a sound is found by: some 24 landmarks a second, of the strongest peaks."""
    rows = strongest(track, _KEPT_PEAKS)
    first, second = _pairs(track, rows, _KEPT_FAN_OUT)
    hops, bins = track.times_ms / HOP_MS, track.frequencies_hz / BIN_HZ
    hashes = pack(
        _whole(bins[first]),
        _whole(bins[second]) - _whole(bins[first]),
        _whole(hops[second] - hops[first]),
    )
    return Landmarks(hashes, _whole(hops[first]), np.zeros(len(hashes), np.int32))


def asked(track: AudioTrack, playings: tuple[Playing, ...] = PLAYINGS) -> Landmarks:
    """What is looked for: the landmarks that copies may have kept of this sound, however played.

    Of long sounds fewer, and in ways of playing other than the plain one only some parts.
    """
    plain = _pairs(track, *_chosen(track))
    some = _pairs(track, *_chosen_parts(track)) if set(playings) - {PLAIN} else plain
    found = [
        _played(track, plain if playing == PLAIN else some, row, playing)
        for row, playing in enumerate(playings)
    ]
    return Landmarks(
        np.concatenate([some.hashes for some in found]),
        np.concatenate([some.times for some in found]),
        np.concatenate([some.playings for some in found]),
    )


def pack(
    first: NDArray[np.int32], step: NDArray[np.int32], gap: NDArray[np.int32]
) -> NDArray[np.uint32]:
    """Hashes of a first bin (0..255), a step in bins (-63..63) and a gap in hops (0..63)."""
    packed = (first.astype(np.int64) << 13) | ((step.astype(np.int64) + _MAX_STEP + 1) << 6) | gap
    return packed.astype(np.uint32)


def _played(
    track: AudioTrack,
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
    row: int,
    playing: Playing,
) -> Landmarks:
    first, second = pairs
    hops, bins = track.times_ms / HOP_MS / playing.speed, track.frequencies_hz / BIN_HZ
    lows = _either(bins[first] * playing.pitch)
    highs = _either(bins[second] * playing.pitch)
    gaps = _either(hops[second] - hops[first])
    times = _whole(hops[first])
    hashes, rows = [], []
    for (low, a), (high, b), (gap, c) in product(lows, highs, gaps):
        step = high - low
        fits = a & b & c & (low < _BINS) & (np.abs(step) <= _MAX_STEP) & (gap <= _MAX_GAP)
        hashes.append(pack(low[fits], step[fits], gap[fits]))
        rows.append(np.flatnonzero(fits))
    places = np.concatenate(rows)
    return Landmarks(
        np.concatenate(hashes), times[places], np.full(len(places), row, dtype=np.int32)
    )


def _chosen(track: AudioTrack) -> tuple[NDArray[np.intp], int]:
    """Rows of the peaks to pair, and with how many others each."""
    rows = strongest(track, _ASKED_PEAKS)
    most = _MOST_ASKED // max(1, len(rows))
    return rows, max(_KEPT_FAN_OUT, min(_ASKED_FAN_OUT, most))


def _chosen_parts(track: AudioTrack) -> tuple[NDArray[np.intp], int]:
    """The same for other ways of playing: of a long sound only parts, evenly spaced."""
    rows = strongest(track, _PLAYED_PEAKS)
    times = track.times_ms[rows]
    length = int(times[-1]) + 1 if len(times) else 0
    if length > _PLAYED_PARTS * _PLAYED_PART_MS:
        rows = rows[times % (length / _PLAYED_PARTS) < _PLAYED_PART_MS]
    return rows, _PLAYED_FAN_OUT


def _either(
    values: NDArray[np.float64],
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """The whole number nearest to each value; and the other one beside it, where that is as
    likely to be found in a copy."""
    near = np.rint(values)
    beyond = values - near
    other = near + np.sign(beyond)
    return [
        (near.astype(np.int32), np.ones(len(values), dtype=np.bool_)),
        (other.astype(np.int32), np.abs(beyond) > _SURE),
    ]


def _pairs(
    track: AudioTrack, rows: NDArray[np.intp], fan_out: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of each peak and of the next ones after it, near in time and frequency."""
    hops, bins = track.times_ms[rows] / HOP_MS, track.frequencies_hz[rows] / BIN_HZ
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    used = np.zeros(len(rows), dtype=np.int32)
    for ahead in range(1, min(4 * fan_out + 1, len(rows))):
        gap = hops[ahead:] - hops[:-ahead]
        step = bins[ahead:] - bins[:-ahead]
        # A bin and a half hop of room, so that rounding never leaves the range of a hash.
        fits = (gap >= _MIN_GAP - 0.5) & (gap < _MAX_GAP) & (np.abs(step) <= _MAX_STEP - 1)
        fits &= used[:-ahead] < fan_out
        used[:-ahead] += fits
        places = np.flatnonzero(fits)
        first.append(rows[places])
        second.append(rows[places + ahead])
    return np.concatenate(first), np.concatenate(second)


def _whole(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)
