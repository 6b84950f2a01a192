"""Exact scans of one segment: frames by Hamming distance, sound by aligned landmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.index.port import IndexQuery
from filmgate.dedupe.index.segment import HASH_WORDS, Segment, as_words
from filmgate.dedupe.index.settings import IndexSettings

# Distances at a time, and queries among them: half a megabyte of words stays in the processor's
# cache, and rows much shorter than these cost numpy more than the distances.
_BLOCK = 65536
_QUERY_BLOCK = 8
_PLAYING_BITS = 8
_OFFSET_BITS = 32
_OFFSET_ZERO = 1 << 31
_BIN_HOPS = 4
_LEAST_BINS = 100


def near(
    words: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs within the radius, block by block, as (columns of queries, columns of words).

    Both are uint64 (4, …), see `as_words`. Three words tell nearly all pairs apart: only where
    their 192 bits are within the radius is the fourth looked at, so nothing is missed. A byte
    holds 192; it would not hold the 256 of an inverted picture.
    """
    rows = min(_QUERY_BLOCK, max(queries.shape[1], 1))
    width = _BLOCK // rows
    # Reused for every block: fresh pages would cost more than the distances.
    mixed, bits, most = (np.empty(rows * width, kind) for kind in (np.uint64, np.uint8, np.uint8))
    # Whole eights at the end too, so that eight can be looked at as one.
    close = np.zeros(rows * width + 8, dtype=np.bool_)
    for f in range(0, words.shape[1], width):
        block = words[:, f : f + width]
        for q in range(0, queries.shape[1], rows):
            some = queries[:, q : q + rows]
            shape = (some.shape[1], block.shape[1])
            size = shape[0] * shape[1]
            flat, xor, far = mixed[:size], mixed[:size].reshape(shape), most[:size]
            for word in range(HASH_WORDS - 1):
                np.bitwise_xor(some[word][:, None], block[word][None], out=xor)
                if word:
                    far += np.bitwise_count(flat, out=bits[:size])
                else:
                    np.bitwise_count(flat, out=far)
            np.less_equal(far, radius, out=close[:size])
            close[size : size + 8] = False
            row, column = np.divmod(_rare(close[: -(-size // 8) * 8]), shape[1])
            distance = far[row * shape[1] + column].astype(np.int16)
            distance += np.bitwise_count(some[-1, row] ^ block[-1, column])
            within = distance <= radius
            if within.any():
                yield row[within] + q, column[within] + f


def _rare(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where the few true ones are. Eight at a time: most eights have none."""
    eights = np.flatnonzero(flags.view(np.uint64))
    places = (eights[:, None] * 8 + np.arange(8)).ravel()
    return places[flags[places]]


class FrameScan:
    """Counts, for each entry of a segment, the query frames and crops that have a counterpart."""

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        self._frames = as_words(query.frames.reshape(-1, query.frames.shape[-1]))
        self._crops = as_words(query.crops)
        self._frame_count = query.frames.shape[1]

    def hits(self, segment: Segment) -> NDArray[np.int64]:
        """int64 (e,). A query frame counts once, in whichever variant and however often it hits."""
        settings, n = self._settings, self._frame_count
        span = n + self._crops.shape[1]
        found = [np.zeros(0, dtype=np.int64)]
        for queries, words, offsets, radius in (
            (self._frames, segment.frames, segment.frame_offsets, settings.frame_radius),
            (self._frames, segment.crops, segment.crop_offsets, settings.crop_radius),
            (self._crops, segment.frames, segment.frame_offsets, settings.crop_radius),
            (self._crops, segment.crops, segment.crop_offsets, settings.strip_radius),
        ):
            for q, f in near(words, queries, radius):
                picture = q % n if queries is self._frames else q + n
                owner = np.searchsorted(offsets, f, side="right") - 1
                found.append(np.unique(owner * span + picture))
        owners = np.unique(np.concatenate(found)) // max(span, 1)
        return np.bincount(owners, minlength=len(segment)).astype(np.int64)


class SoundScan:
    """Counts, for each entry of a segment, the landmarks that agree on one time offset.

    `tally` every segment of the index first: it finds the hashes too common to say anything.
    """

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        sought = query.sought
        played = sought.hashes.astype(np.int64) << _PLAYING_BITS | sought.playings
        _, of, counts = np.unique(played, return_inverse=True, return_counts=True)
        telling = counts[of] <= settings.hot_query_landmarks
        self._hashes, self._of = np.unique(sought.hashes[telling], return_inverse=True)
        self._times = sought.times[telling].astype(np.int64)
        self._playings = sought.playings[telling].astype(np.int64)
        self._places = np.zeros(len(self._hashes), dtype=np.int64)

    def tally(self, segment: Segment) -> None:
        """Count the segment's places of each query hash."""
        low, high = self._bounds(segment)
        self._places += high - low

    def votes(self, segment: Segment) -> NDArray[np.int64]:
        """int64 (e,): the most landmarks in a bin of offsets, beyond what chance brings.

        A bin has a fuller neighbour above counted with it: tempo and rounding spread one true
        offset over some hops. Chance is what the other bins of the same playing hold.
        """
        votes = np.zeros(len(segment), dtype=np.int64)
        low, high = self._bounds(segment)
        sizes = np.where(self._places <= self._settings.hot_landmarks, high - low, 0)[self._of]
        total = int(sizes.sum())
        if not total:
            return votes
        places = np.repeat(low[self._of] - (np.cumsum(sizes) - sizes), sizes) + np.arange(total)
        offsets = segment.landmark_times[places] - np.repeat(self._times, sizes)
        owners = segment.landmark_owners[places].astype(np.int64)
        lines = owners << _PLAYING_BITS | np.repeat(self._playings, sizes)
        bins, counts = np.unique(
            (lines << _OFFSET_BITS) | (offsets // _BIN_HOPS + _OFFSET_ZERO), return_counts=True
        )
        together = counts.copy()
        together[:-1] += np.where(np.diff(bins) == 1, counts[1:], 0)
        beyond = np.floor(together - _by_chance(bins, counts, together)).astype(np.int64)
        np.maximum.at(votes, bins >> (_OFFSET_BITS + _PLAYING_BITS), beyond)
        return votes

    def _bounds(self, segment: Segment) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return (
            np.searchsorted(segment.landmarks, self._hashes, side="left"),
            np.searchsorted(segment.landmarks, self._hashes, side="right"),
        )


def _by_chance(
    bins: NDArray[np.int64], counts: NDArray[np.int64], together: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What two neighbouring bins hold by chance in all but few cases: the mean over the offsets
    of their line and two standard deviations (of Poisson's distribution)."""
    lines = bins >> _OFFSET_BITS
    starts = np.flatnonzero(np.r_[True, lines[1:] != lines[:-1]])
    ends = np.r_[starts[1:], len(bins)]
    of = np.repeat(np.arange(len(starts)), ends - starts)
    width = np.maximum(bins[ends - 1] - bins[starts] + 1, _LEAST_BINS)[of]
    mean = 2 * (np.add.reduceat(counts, starts)[of] - together) / width
    return np.asarray(mean + 2 * np.sqrt(mean))
