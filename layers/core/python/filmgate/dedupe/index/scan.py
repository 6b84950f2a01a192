"""Exact scans of one segment: frames by Hamming distance, sound by aligned landmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import F64, I64, U64, Rows, ranges
from filmgate.dedupe.index.port import OFFSET_BIN_HOPS, IndexQuery
from filmgate.dedupe.index.segment import CODES_PER_HASH, Segment, binary_codes
from filmgate.dedupe.index.settings import IndexSettings

_BLOCK = 65536
"""Distances computed at a time: half a megabyte of codes stays in the processor's cache."""
_QUERY_BLOCK = 8
"""Queries among them; with much shorter rows NumPy's overhead exceeds the work."""
_VARIANT_BITS = 8
"""Bits of a playback variant in the key of a vote,"""
_OFFSET_BITS = 32
"""and bits of its time offset."""
_OFFSET_ZERO = 1 << 31
"""Number of the bin at offset zero."""
_MIN_BINS = 100
"""Chance votes are averaged over at least so many bins of offsets."""


def hamming_range_search(codes: U64, queries: U64, radius: int) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of hashes within the radius, block by block.

    The first three of the four codes of a hash rule out nearly all pairs: the fourth is compared
    only where the distance of these 192 bits is within the radius, so no pair is missed. A byte
    holds 192; it would not hold the 256 of an inverted picture.

    Args:
        codes, queries: uint64 (4, n) and (4, m), see `binary_codes`.
        radius: in bits.

    Yields:
        Columns of `queries` and columns of `codes`, both (pairs,).
    """
    rows = min(_QUERY_BLOCK, max(queries.shape[1], 1))
    width = _BLOCK // rows
    # Reused for every block: new memory pages would cost more than the distances.
    mixed, bits, sums = (np.empty(rows * width, kind) for kind in (np.uint64, np.uint8, np.uint8))
    # Padded to a multiple of eight, so that eight flags can be tested as one.
    close = np.zeros(rows * width + 8, dtype=np.bool_)
    for first_column in range(0, codes.shape[1], width):
        block = codes[:, first_column : first_column + width]
        for first_query in range(0, queries.shape[1], rows):
            some = queries[:, first_query : first_query + rows]
            shape = (some.shape[1], block.shape[1])
            size = shape[0] * shape[1]
            flat, xor, distance = mixed[:size], mixed[:size].reshape(shape), sums[:size]
            for number in range(CODES_PER_HASH - 1):
                np.bitwise_xor(some[number][:, None], block[number][None], out=xor)
                if number:
                    distance += np.bitwise_count(flat, out=bits[:size])
                else:
                    np.bitwise_count(flat, out=distance)
            np.less_equal(distance, radius, out=close[:size])
            close[size : size + 8] = False
            row, column = np.divmod(_sparse_nonzero(close[: -(-size // 8) * 8]), shape[1])
            whole = distance[row * shape[1] + column].astype(np.int16)
            whole += np.bitwise_count(some[-1, row] ^ block[-1, column])
            within = whole <= radius
            if within.any():
                yield row[within] + first_query, column[within] + first_column


def _sparse_nonzero(flags: NDArray[np.bool_]) -> Rows:
    """Indices of the few true flags. Tests eight at a time, of which most have none."""
    eights = np.flatnonzero(flags.view(np.uint64))
    indices = (eights[:, None] * 8 + np.arange(8)).ravel()
    return indices[flags[indices]]


class FrameScan:
    """Counts, for each entry of a segment, the query frames and crops that have a counterpart."""

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        self._frames = binary_codes(query.frames.reshape(-1, query.frames.shape[-1]))
        self._crops = binary_codes(query.crops)
        self._frame_count = query.frames.shape[1]

    def hits(self, segment: Segment) -> I64:
        """int64 (e,). A query frame counts once, in whichever variant and however often it hits."""
        settings, n = self._settings, self._frame_count
        span = n + self._crops.shape[1]
        hits = [np.zeros(0, dtype=np.int64)]
        for queries, codes, offsets, radius in (
            (self._frames, segment.frames, segment.frame_offsets, settings.frame_radius),
            (self._frames, segment.crops, segment.crop_offsets, settings.crop_radius),
            (self._crops, segment.frames, segment.frame_offsets, settings.crop_radius),
            (self._crops, segment.crops, segment.crop_offsets, settings.strip_radius),
        ):
            for query, column in hamming_range_search(codes, queries, radius):
                picture = query % n if queries is self._frames else query + n
                owner = np.searchsorted(offsets, column, side="right") - 1
                hits.append(np.unique(owner * span + picture))
        owners = np.unique(np.concatenate(hits)) // max(span, 1)
        return np.bincount(owners, minlength=len(segment)).astype(np.int64)


class SoundScan:
    """Counts, for each entry of a segment, the landmarks that agree on one time offset.

    Call `tally` with every segment of the index first: it finds the hashes that are too common to
    be distinctive.
    """

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        audio = query.audio
        in_variant = audio.hashes.astype(np.int64) << _VARIANT_BITS | audio.variants
        _, group, counts = np.unique(in_variant, return_inverse=True, return_counts=True)
        distinctive = counts[group] <= settings.hot_query_landmarks
        self._hashes, self._hash_of = np.unique(audio.hashes[distinctive], return_inverse=True)
        self._times = audio.times[distinctive].astype(np.int64)
        self._variants = audio.variants[distinctive].astype(np.int64)
        self._occurrences = np.zeros(len(self._hashes), dtype=np.int64)

    def tally(self, segment: Segment) -> None:
        """Count how often the segment holds each query hash."""
        low, high = self._bounds(segment)
        self._occurrences += high - low

    def votes(self, segment: Segment) -> I64:
        """int64 (e,): the most landmarks in a bin of offsets, beyond those due to chance.

        Two neighbouring bins count together: tempo and rounding spread one true offset over some
        hops. Chance is estimated from the other bins of the same playback variant.
        """
        votes = np.zeros(len(segment), dtype=np.int64)
        low, high = self._bounds(segment)
        usable = self._occurrences <= self._settings.hot_landmarks
        sizes = np.where(usable, high - low, 0)[self._hash_of]
        if not sizes.any():
            return votes
        rows = ranges(low[self._hash_of], sizes)
        offsets = segment.landmark_times[rows] - np.repeat(self._times, sizes)
        owners = segment.landmark_owners[rows].astype(np.int64)
        lines = owners << _VARIANT_BITS | np.repeat(self._variants, sizes)
        bins, counts = np.unique(
            (lines << _OFFSET_BITS) | (offsets // OFFSET_BIN_HOPS + _OFFSET_ZERO),
            return_counts=True,
        )
        together = counts.copy()
        together[:-1] += np.where(np.diff(bins) == 1, counts[1:], 0)
        beyond = np.floor(together - _chance_votes(bins, counts, together)).astype(np.int64)
        np.maximum.at(votes, bins >> (_OFFSET_BITS + _VARIANT_BITS), beyond)
        return votes

    def _bounds(self, segment: Segment) -> tuple[Rows, Rows]:
        return (
            np.searchsorted(segment.landmarks, self._hashes, side="left"),
            np.searchsorted(segment.landmarks, self._hashes, side="right"),
        )


def _chance_votes(bins: I64, counts: I64, together: I64) -> F64:
    """Votes that two neighbouring bins rarely exceed by chance: the mean over the offsets of
    their line plus two standard deviations (of a Poisson distribution).

    Args:
        bins: int64 (n,), in rising order; the bits above `_OFFSET_BITS` name the line.
        counts: int64 (n,), votes in each bin.
        together: int64 (n,), votes in each bin and its next neighbour.
    """
    lines = bins >> _OFFSET_BITS
    starts = np.flatnonzero(np.r_[True, lines[1:] != lines[:-1]])
    ends = np.r_[starts[1:], len(bins)]
    line_of = np.repeat(np.arange(len(starts)), ends - starts)
    width = np.maximum(bins[ends - 1] - bins[starts] + 1, _MIN_BINS)[line_of]
    mean = 2 * (np.add.reduceat(counts, starts)[line_of] - together) / width
    return np.asarray(mean + 2 * np.sqrt(mean))
