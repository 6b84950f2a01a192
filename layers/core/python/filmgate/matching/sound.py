"""What the sound of two assets says about each other: landmarks that agree on one offset."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from filmgate.fingerprint.landmarks import pack, unpack
from filmgate.fingerprint.model import AudioTrack
from filmgate.matching.model import Segment

_MIN_VOTES = 8
_OVER_CHANCE = 4.0
_MOST_REPEATS = 64
_LEAST_OFFSETS = 200
_REACH_HOPS = 2
_SURE = 0.8
_STRETCH_GAP_S = 3.0


@dataclass(frozen=True, slots=True)
class Sound:
    """The acoustic evidence.

    Attributes:
        score: 0..1.
        votes: landmarks that agree on the offset.
        coverage: share of the longer side's sound that the segments hold.
        speed: how much faster b plays.
    """

    score: float
    votes: int
    decisive: bool
    coverage: float
    speed: float
    segments: tuple[Segment, ...]


def hear(a: AudioTrack, b: AudioTrack, speeds: tuple[float, ...]) -> Sound:
    """Compare sound at the given speeds of b over a, with the pitch kept and with it moved."""
    tried = [_aligned(a, b, 1.0, a.hashes, a.times)]
    for speed in speeds:
        if speed != 1.0:
            for pitch in (1.0, speed):
                hashes, rows = _stretched(a.hashes, speed, pitch)
                tried.append(_aligned(a, b, speed, hashes, a.times[rows]))
    # Trying more hashes brings more votes by chance, so those that were found too few come last.
    return max(tried, key=lambda sound: (sound.score > 0, sound.votes))


def _stretched(
    hashes: NDArray[np.uint32], speed: float, pitch: float
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The hashes of the same sound played faster, and which landmark each is of.

    Scaled bins and gaps fall between two whole ones, so both neighbours are tried.
    """
    first, step, gap = (part.astype(np.float64) for part in unpack(hashes))
    found = []
    rounds = (np.floor, np.ceil)
    for bins, steps, gaps in product(rounds, rounds, rounds):
        parts = (
            np.clip(bins(first * pitch), 0, 255),
            np.clip(steps(step * pitch), -63, 63),
            np.clip(gaps(gap / speed), 0, 63),
        )
        found.append(pack(*(part.astype(np.int32) for part in parts)))
    rows = np.arange(len(hashes))
    both = np.unique(np.stack([np.concatenate(found), np.tile(rows, len(found))]), axis=1)
    return both[0].astype(np.uint32), both[1].astype(np.int64)


def _aligned(
    a: AudioTrack,
    b: AudioTrack,
    speed: float,
    hashes: NDArray[np.uint32],
    times: NDArray[np.int32],
) -> Sound:
    """Count the landmarks of `a`, given as hashes at times, that agree on one offset in `b`."""
    rows, columns = _joined(hashes, b.hashes)
    if len(rows) < _MIN_VOTES:
        return Sound(0.0, 0, False, 0.0, speed, ())
    a_times, b_times = times[rows], b.times[columns]
    offsets = np.rint(b_times - a_times / speed).astype(np.int64)
    lowest = int(offsets.min())
    counts = np.bincount(offsets - lowest)
    window = np.convolve(counts, np.ones(2 * _REACH_HOPS + 1, dtype=int), mode="same")
    offset = int(window.argmax()) + lowest
    near = np.abs(offsets - offset) <= _REACH_HOPS
    votes = len(np.unique(columns[near]))
    width = 2 * _REACH_HOPS + 1
    chance = (len(rows) - int(near.sum())) * width / max(len(counts), _LEAST_OFFSETS)
    if votes < max(_MIN_VOTES, _OVER_CHANCE * chance):
        return Sound(0.0, votes, False, 0.0, speed, ())
    segments = _segments(a_times[near] * a.hop_s, b_times[near] * b.hop_s)
    overlap = _overlap(a, b, speed, offset)
    score = round(float(np.interp(votes / overlap, (0.01, 0.05, 0.2, 0.5), (0.3, 0.8, 0.95, 1))), 4)
    return Sound(score, votes, score >= _SURE, _coverage(segments, a, b), speed, segments)


def _joined(
    a: NDArray[np.uint32], b: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column numbers of equal hashes, without those so common that they tell nothing."""
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a, side="left")
    last = np.searchsorted(b[order], a, side="right")
    count = np.where(last - first <= _MOST_REPEATS, last - first, 0)
    rows = np.repeat(np.arange(len(a)), count)
    starts = np.repeat(first, count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[starts + within]


def _overlap(a: AudioTrack, b: AudioTrack, speed: float, offset: int) -> int:
    """Landmarks of the poorer side inside the time both have at this offset."""
    moved = a.times / speed + offset
    inside_a = np.sum((moved >= b.times[0]) & (moved <= b.times[-1]))
    inside_b = np.sum((b.times >= moved.min()) & (b.times <= moved.max()))
    return max(1, int(min(inside_a, inside_b)))


def _segments(a_s: NDArray[np.floating], b_s: NDArray[np.floating]) -> tuple[Segment, ...]:
    """Runs of votes without long gaps, as stretches of time."""
    order = np.argsort(a_s, kind="stable")
    a_s, b_s = a_s[order], b_s[order]
    runs = np.split(np.arange(len(a_s)), np.flatnonzero(np.diff(a_s) > _STRETCH_GAP_S) + 1)
    return tuple(
        Segment(
            a_start=round(float(a_s[run].min()), 3),
            a_end=round(float(a_s[run].max()), 3),
            b_start=round(float(b_s[run].min()), 3),
            b_end=round(float(b_s[run].max()), 3),
        )
        for run in runs
        if len(run) >= _MIN_VOTES // 2
    )


def _coverage(segments: tuple[Segment, ...], a: AudioTrack, b: AudioTrack) -> float:
    held_a = sum(part.a_end - part.a_start for part in segments)
    held_b = sum(part.b_end - part.b_start for part in segments)
    whole_a = max(1e-3, float(np.ptp(a.times)) * a.hop_s)
    whole_b = max(1e-3, float(np.ptp(b.times)) * b.hop_s)
    return round(min(1.0, held_a / whole_a, held_b / whole_b), 4)
