"""Finds entries whose keypoints agree with those of the query on one shift and scale.

Keypoints are looked up by the bits that copying flips least: in the bucket of the query's own bits
and in the buckets that its least certain bits would lead to (Lv et al., "Multi-Probe LSH", VLDB
2007). A segment keeps its keypoints sorted, so a bucket is a run of them and needs no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np

from filmgate.arrays import F16, I64, U64, Rows, ranges
from filmgate.dedupe.index.port import IndexQuery, KeypointQuery
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.settings import IndexSettings

_CODE_BITS = 64
_SMALL_BUCKET = 16
"""A look-up costs as much as comparing about ten keypoints. So the keys of small segments are so
short that a bucket holds between half of this and all of it, which finds more at the same cost."""
_MAX_BUCKETFULS = 4
"""A keypoint votes with at most so many times `IndexSettings.keypoint_bucket` counterparts."""
_BLOCK = 1 << 18
"""Pairs of codes compared at a time."""
_SCALE_BIN_OCTAVES = 0.5
"""Width of a bin of scale, in octaves."""
_SHIFT_BIN = 0.3
"""Width of a bin of shift, in units of the counterpart's length."""
_AXIS_BITS = 8
"""Bits of each axis of a bin number."""
_AXIS_MIDDLE = 1 << (_AXIS_BITS - 1)
"""Number of the bin at zero on an axis."""

Pairs = tuple[Rows, Rows]
"""Rows of the query and rows of the segment, both (n,)."""


class KeypointScan:
    """Counts, for each entry of a segment, the keypoints of the query that are found again where
    one scale and one shift put them (a Hough transform, Ballard 1981, in coarse bins)."""

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        self._queries = [query for query in query.points if len(query.codes)]

    def votes(self, segment: Segment) -> I64:
        """int64 (e,): the votes of each entry."""
        votes = np.zeros(len(segment), dtype=np.int64)
        for query in self._queries:
            pairs = hamming_lookup(segment.keypoint_codes, query, self._settings)
            np.maximum(votes, geometric_votes(segment, query, pairs, self._settings), out=votes)
        return votes


def hamming_lookup(codes: U64, query: KeypointQuery, settings: IndexSettings) -> Pairs:
    """Pairs of keypoints within the radius that share a bucket.

    Args:
        codes: uint64 (p,), in rising order.

    Returns:
        Rows of the query and rows of `codes`, both (n,).
    """
    if not len(codes) or not len(query.codes):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    affordable_bits = int(np.ceil(np.log2(max(len(codes) / _SMALL_BUCKET, 2))))
    bits = min(affordable_bits, settings.keypoint_key_bits)
    probes = _probes(query, bits, settings.keypoint_probes)
    # In order: neighbouring look-ups then read the same memory.
    order = np.argsort(probes, axis=None)
    probed_by = order // probes.shape[1]
    first, sizes = _runs(codes, probes.ravel()[order], bits, settings.keypoint_bucket)
    blocks = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    blocks += _within(codes, query.codes[probed_by], first, sizes, settings.keypoint_radius)
    probe, found = (np.concatenate(part) for part in zip(*blocks, strict=True))
    most = _MAX_BUCKETFULS * settings.keypoint_bucket
    return _nearest(codes, query.codes, (probed_by[probe], found), most)


def geometric_votes(
    segment: Segment, query: KeypointQuery, pairs: Pairs, settings: IndexSettings
) -> I64:
    """For each entry the most pairs that agree on one scale and shift: int64 (e,).

    Fewer than `IndexSettings.min_keypoint_votes` may count as none.
    """
    query_rows, rows = pairs
    owners = segment.keypoint_owners[rows].astype(np.int64)
    # Nearly all entries have too few pairs, wherever these lie.
    enough = np.bincount(owners, minlength=len(segment)) >= settings.min_keypoint_votes
    keep = enough[owners]
    query_rows, rows, owners = query_rows[keep], rows[keep], owners[keep]
    votes = np.zeros(len(segment), dtype=np.int64)
    if len(query_rows):
        for bins in _hough_bins(query.positions[query_rows], segment.keypoint_positions[rows]):
            _, bin_of, counts = np.unique(
                (owners << 3 * _AXIS_BITS) | bins, return_inverse=True, return_counts=True
            )
            full = np.flatnonzero(counts[bin_of] >= settings.min_keypoint_votes)
            if len(full):
                distinct = _distinct_in_bin(bin_of[full], query_rows[full], rows[full])
                np.maximum.at(votes, owners[full], distinct)
    return votes


def _probes(query: KeypointQuery, bits: int, most: int) -> U64:
    """Each code with some of its highest bits flipped, likely flips first: uint64 (k, probes)."""
    least_certain = np.argsort(query.margins[:, :bits], axis=1, kind="stable")
    values = np.left_shift(np.uint64(1), (_CODE_BITS - 1 - least_certain).astype(np.uint64))
    return query.codes[:, None] ^ (values @ _likely_flips(bits, most).T)


@lru_cache(maxsize=32)
def _likely_flips(bits: int, most: int) -> U64:
    """Sets of flips of bits that are ordered from the least certain, the likeliest set first.

    How unlikely a flip is grows with the square of its margin, and the j-th smallest of uniform
    margins is expected to have a square proportional to j (j + 1) (Lv et al., section 4.5).

    Returns:
        uint64 (probes, bits), of 0 and 1.
    """
    sets = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    rank = np.arange(1, bits + 1)
    likely = np.argsort(sets @ (rank * (rank + 1)), kind="stable")
    return sets[likely[:most]].astype(np.uint64)


def _runs(codes: U64, probes: U64, bits: int, most: int) -> tuple[Rows, Rows]:
    """Where the bucket of each probe begins and how many codes it holds, both (n,).

    Of a bucket that holds more than `most`, those around the probe are taken, which share more
    bits with it than the others.
    """
    below = np.uint64((1 << (_CODE_BITS - bits)) - 1)
    first = np.searchsorted(codes, probes & ~below, side="left")
    last = np.searchsorted(codes, probes | below, side="right")
    crowded = np.flatnonzero(last - first > most)
    # Around all codes that equal the probe: while they fit, none of them is lost to others.
    equal = np.searchsorted(codes, probes[crowded], side="left")
    beyond = np.searchsorted(codes, probes[crowded], side="right")
    middle = (equal + beyond) // 2 - most // 2
    first[crowded] = np.clip(middle, first[crowded], last[crowded] - most)
    return first, np.minimum(last - first, most)


def _within(codes: U64, queries: U64, first: Rows, sizes: Rows, radius: int) -> Iterator[Pairs]:
    """Pairs within the radius, block by block: rows of `queries` and of `codes`.

    Each query is compared with `sizes` codes from `first` on.
    """
    ends = np.cumsum(sizes)
    starts = ends - sizes
    cuts = np.searchsorted(ends, np.arange(0, ends[-1], _BLOCK), side="right")
    for low, high in pairwise([*cuts.tolist(), len(sizes)]):
        rows = ranges(first[low:high], sizes[low:high])
        distance = np.bitwise_count(codes[rows] ^ np.repeat(queries[low:high], sizes[low:high]))
        close = np.flatnonzero(distance <= radius)
        yield np.searchsorted(ends, close + starts[low], side="right"), rows[close]


def _nearest(codes: U64, queries: U64, pairs: Pairs, most: int) -> Pairs:
    """At most so many pairs of each query, the closest: what occurs everywhere is not distinctive,
    and votes cost more than comparisons."""
    query_rows, rows = pairs
    counts = np.bincount(query_rows, minlength=len(queries))
    if counts.max() <= most:
        return pairs
    order = np.lexsort((np.bitwise_count(queries[query_rows] ^ codes[rows]), query_rows))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    nearest = order[rank < most]
    return query_rows[nearest], rows[nearest]


def _hough_bins(query_positions: F16, positions: F16) -> Iterator[I64]:
    """The bin of scale and shift that each pair votes for, in eight grids half a bin apart, so
    that pairs that agree fall into one bin of one of them.

    Args:
        query_positions, positions: float16 (n, 3), of the two keypoints of each pair.

    Yields:
        int64 (n,), for each grid.
    """
    own, other = query_positions.astype(np.float32), positions.astype(np.float32)
    octaves = np.log2(other[:, 2] / own[:, 2])
    for grid in range(8):
        halves = [(grid >> axis & 1) / 2 for axis in range(3)]
        scale = np.floor(octaves / _SCALE_BIN_OCTAVES + halves[0])
        middle = (scale + 0.5 - halves[0]) * _SCALE_BIN_OCTAVES
        shift = (other[:, :2] - own[:, :2] * np.exp2(middle)[:, None]) / _SHIFT_BIN
        bins = scale.astype(np.int64) + _AXIS_MIDDLE
        for axis in range(2):
            number = np.floor(shift[:, axis] + halves[axis + 1]).astype(np.int64) + _AXIS_MIDDLE
            bins = (bins << _AXIS_BITS) | np.clip(number, 0, 2 * _AXIS_MIDDLE - 1)
        yield bins


def _distinct_in_bin(bins: Rows, query_rows: Rows, rows: Rows) -> I64:
    """For each pair, how many distinct keypoints of either side its bin holds: int64 (n,)."""
    counts = np.full(int(bins.max()) + 1, np.iinfo(np.int64).max)
    for side in (query_rows, rows):
        span = int(side.max()) + 1
        distinct = np.unique(bins * span + side) // span
        counts = np.minimum(counts, np.bincount(distinct, minlength=len(counts)))
    of_pair: I64 = counts[bins]
    return of_pair
