"""Entries whose keypoints agree with the query's on one place and scale.

Keypoints are looked up by the bits that copying flips least, in the bucket of the query's own and
in those that its least certain bits would lead to (Lv et al., "Multi-Probe LSH", VLDB 2007). A
segment keeps them sorted, so a bucket is a run of them and needs no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.index.port import IndexQuery, SoughtPoints
from filmgate.dedupe.index.segment import Segment
from filmgate.dedupe.index.settings import IndexSettings

_WORD_BITS = 64
_SMALL_BUCKET = 16
"""Looking a bucket up costs as much as comparing some ten keypoints. So keys of small segments are
as short as makes their buckets hold half of this to all of it, and more is found at the same
cost."""
_BUCKETFULS = 4
"""Of one keypoint so many times `IndexSettings.point_bucket` counterparts may vote."""
_BLOCK = 1 << 18
_OCTAVES = 0.5
_SHIFT = 0.3
_BITS = 8
_MIDDLE = 1 << (_BITS - 1)

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


class PointScan:
    """Counts, for each entry of a segment, the keypoints of the query that are found again where
    one scale and one shift put them (a Hough transform, Ballard 1981, in coarse bins)."""

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        self._variants = [points for points in query.points if len(points.words)]

    def votes(self, segment: Segment) -> NDArray[np.int64]:
        """int64 (e,)."""
        votes = np.zeros(len(segment), dtype=np.int64)
        for sought in self._variants:
            pairs = near(segment.points, sought, self._settings)
            np.maximum(votes, agreed(segment, sought, pairs, self._settings), out=votes)
        return votes


def near(words: NDArray[np.uint64], sought: SoughtPoints, settings: IndexSettings) -> Pairs:
    """Pairs within the radius that share a bucket: places in `sought` and in `words`, both (n,).

    Args:
        words: uint64 (p,), in rising order.
    """
    if not len(words) or not len(sought.words):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    full = int(np.ceil(np.log2(max(len(words) / _SMALL_BUCKET, 2))))
    bits = min(full, settings.point_key_bits)
    probes = _probes(sought, bits, settings.point_probes)
    # In order: neighbouring look-ups then read the same memory.
    order = np.argsort(probes, axis=None)
    mine = order // probes.shape[1]
    first, sizes = _runs(words, probes.ravel()[order], bits, settings.point_bucket)
    found = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    found += _within(words, sought.words[mine], first, sizes, settings.point_radius)
    probe, theirs = (np.concatenate(part) for part in zip(*found, strict=True))
    return _nearest(words, sought.words, (mine[probe], theirs), _BUCKETFULS * settings.point_bucket)


def agreed(
    segment: Segment, sought: SoughtPoints, pairs: Pairs, settings: IndexSettings
) -> NDArray[np.int64]:
    """For each entry the most pairs that agree on one scale and shift: int64 (e,). Too few of
    them to make a candidate may count as none."""
    mine, theirs = pairs
    owners = segment.point_owners[theirs].astype(np.int64)
    # Too few to agree, wherever they lie: nearly all entries.
    enough = np.bincount(owners, minlength=len(segment)) >= settings.min_point_votes
    keep = enough[owners]
    mine, theirs, owners = mine[keep], theirs[keep], owners[keep]
    votes = np.zeros(len(segment), dtype=np.int64)
    if len(mine):
        for bins in _bins(sought.places[mine], segment.point_places[theirs]):
            _, of, counts = np.unique(
                (owners << 3 * _BITS) | bins, return_inverse=True, return_counts=True
            )
            full = np.flatnonzero(counts[of] >= settings.min_point_votes)
            if len(full):
                fullest = _fullest(of[full], mine[full], theirs[full])
                np.maximum.at(votes, owners[full], fullest)
    return votes


def _probes(sought: SoughtPoints, bits: int, most: int) -> NDArray[np.uint64]:
    """Each word with some of its highest bits flipped, likely flips first: uint64 (k, probes)."""
    least_certain = np.argsort(sought.margins[:, :bits], axis=1, kind="stable")
    values = np.left_shift(np.uint64(1), (_WORD_BITS - 1 - least_certain).astype(np.uint64))
    return sought.words[:, None] ^ (values @ _flips(bits, most).T)


@lru_cache(maxsize=32)
def _flips(bits: int, most: int) -> NDArray[np.uint64]:
    """Sets of flips, the likeliest first, of bits ordered from the least certain: (probes, bits),
    of 0 and 1. How unlikely one is grows with the square of the margin, and the j-th smallest of
    even margins is expected to have a square as j (j + 1) (Lv et al., section 4.5)."""
    sets = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    place = np.arange(1, bits + 1)
    likely = np.argsort(sets @ (place * (place + 1)), kind="stable")
    return sets[likely[:most]].astype(np.uint64)


def _runs(
    words: NDArray[np.uint64], probes: NDArray[np.uint64], bits: int, most: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each probe's bucket begins and how many it holds, both (n,). Of a bucket that holds
    more than `most`, those around the probe, which share more bits with it than the others."""
    below = np.uint64((1 << (_WORD_BITS - bits)) - 1)
    first = np.searchsorted(words, probes & ~below, side="left")
    last = np.searchsorted(words, probes | below, side="right")
    hot = np.flatnonzero(last - first > most)
    # Around all words that equal the probe: while they fit, none is lost to others.
    equal = np.searchsorted(words, probes[hot], side="left")
    beyond = np.searchsorted(words, probes[hot], side="right")
    first[hot] = np.clip((equal + beyond) // 2 - most // 2, first[hot], last[hot] - most)
    return first, np.minimum(last - first, most)


def _within(
    words: NDArray[np.uint64],
    queries: NDArray[np.uint64],
    first: NDArray[np.intp],
    sizes: NDArray[np.intp],
    radius: int,
) -> Iterator[Pairs]:
    """Pairs within the radius, block by block: places in `queries` and in `words`.

    Each query is compared with `sizes` words from `first` on.
    """
    ends = np.cumsum(sizes)
    starts = ends - sizes
    cuts = np.searchsorted(ends, np.arange(0, ends[-1], _BLOCK), side="right")
    for low, high in pairwise([*cuts.tolist(), len(sizes)]):
        counts = sizes[low:high]
        theirs = np.arange(starts[low], starts[low] + counts.sum())
        theirs += np.repeat(first[low:high] - starts[low:high], counts)
        apart = np.bitwise_count(words[theirs] ^ np.repeat(queries[low:high], counts))
        close = np.flatnonzero(apart <= radius)
        yield np.searchsorted(ends, close + starts[low], side="right"), theirs[close]


def _nearest(
    words: NDArray[np.uint64], queries: NDArray[np.uint64], pairs: Pairs, most: int
) -> Pairs:
    """At most so many pairs of each query, the closest: what is alike everywhere says little,
    and votes cost more than comparing."""
    mine, theirs = pairs
    counts = np.bincount(mine, minlength=len(queries))
    if counts.max() <= most:
        return pairs
    order = np.lexsort((np.bitwise_count(queries[mine] ^ words[theirs]), mine))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = order[rank < most]
    return mine[kept], theirs[kept]


def _bins(mine: NDArray[np.float16], theirs: NDArray[np.float16]) -> Iterator[NDArray[np.int64]]:
    """The bin of scale and shift each pair votes for, in eight grids half a bin apart, so that
    what agrees falls into one bin of one of them."""
    here, there = mine.astype(np.float32), theirs.astype(np.float32)
    octaves = np.log2(there[:, 2] / here[:, 2])
    for number in range(8):
        halves = [(number >> axis & 1) / 2 for axis in range(3)]
        scale = np.floor(octaves / _OCTAVES + halves[0])
        middle = (scale + 0.5 - halves[0]) * _OCTAVES
        shift = (there[:, :2] - here[:, :2] * np.exp2(middle)[:, None]) / _SHIFT
        found = scale.astype(np.int64) + _MIDDLE
        for axis in range(2):
            place = np.floor(shift[:, axis] + halves[axis + 1]).astype(np.int64) + _MIDDLE
            found = (found << _BITS) | np.clip(place, 0, 2 * _MIDDLE - 1)
        yield found


def _fullest(
    bins: NDArray[np.intp], mine: NDArray[np.intp], theirs: NDArray[np.intp]
) -> NDArray[np.int64]:
    """For each pair how many its bin holds, each keypoint of either side counted once: (n,)."""
    counts = np.full(int(bins.max()) + 1, np.iinfo(np.int64).max)
    for side in (mine, theirs):
        span = int(side.max()) + 1
        once = np.unique(bins * span + side) // span
        counts = np.minimum(counts, np.bincount(once, minlength=len(counts)))
    held: NDArray[np.int64] = counts[bins]
    return held
