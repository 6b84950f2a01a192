"""The keypoints of a segment, and their exact scan: those that agree on one place and scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filmgate.index.port import IndexQuery
from filmgate.index.segment import Segment
from filmgate.index.settings import IndexSettings

_BLOCK = 8192
_QUERY_BLOCK = 16
_OCTAVES = 0.5
_SHIFT = 0.3
_BITS = 8
_MIDDLE = 1 << (_BITS - 1)


class PointScan:
    """Counts, for each entry of a segment, the keypoints of the query that are found again where
    one scale and one shift put them (a Hough transform, Ballard 1981, in coarse bins)."""

    def __init__(self, query: IndexQuery, settings: IndexSettings) -> None:
        self._settings = settings
        self._variants = [points for points in query.points if len(points.words)]

    def votes(self, segment: Segment) -> NDArray[np.int64]:
        """int64 (e,)."""
        votes = np.zeros(len(segment), dtype=np.int64)
        for points in self._variants:
            found = list(near(segment.points, points.words, self._settings.point_radius))
            if not found:
                continue
            mine, theirs = (np.concatenate(part) for part in zip(*found, strict=True))
            owners = np.searchsorted(segment.point_offsets, theirs, side="right") - 1
            # Too few to agree, wherever they lie: nearly all entries.
            enough = np.bincount(owners, minlength=len(segment)) >= self._settings.min_point_votes
            keep = enough[owners]
            mine, theirs, owners = mine[keep], theirs[keep], owners[keep]
            bins = _bins(points.places[mine], segment.point_places[theirs])
            for agreed in bins:
                key = (owners << 3 * _BITS) | agreed
                np.maximum(votes, _fullest(key, mine, theirs, len(segment)), out=votes)
        return votes


def near(
    words: NDArray[np.uint64], queries: NDArray[np.uint64], radius: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs within the radius, block by block: places in `queries` and in `words`, both (n,)."""
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        for first in range(0, len(queries), _QUERY_BLOCK):
            apart = np.bitwise_count(queries[first : first + _QUERY_BLOCK, None] ^ block)
            close = np.flatnonzero(apart <= radius)
            if len(close):
                mine, theirs = np.divmod(close, len(block))
                yield mine + first, theirs + start


def _bins(mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> Iterator[NDArray[np.int64]]:
    """The bin of scale and shift each pair votes for, in eight grids half a bin apart, so that
    what agrees falls into one bin of one of them."""
    octaves = np.log2(theirs[:, 2] / mine[:, 2])
    for number in range(8):
        halves = [(number >> axis & 1) / 2 for axis in range(3)]
        scale = np.floor(octaves / _OCTAVES + halves[0])
        middle = (scale + 0.5 - halves[0]) * _OCTAVES
        shift = (theirs[:, :2] - mine[:, :2] * np.exp2(middle)[:, None]) / _SHIFT
        found = scale.astype(np.int64) + _MIDDLE
        for axis in range(2):
            place = np.floor(shift[:, axis] + halves[axis + 1]).astype(np.int64) + _MIDDLE
            found = (found << _BITS) | np.clip(place, 0, 2 * _MIDDLE - 1)
        yield found


def _fullest(
    keys: NDArray[np.int64], mine: NDArray[np.intp], theirs: NDArray[np.intp], entries: int
) -> NDArray[np.int64]:
    """For each entry the fullest of its bins, each keypoint of either side counted once."""
    bins, of = np.unique(keys, return_inverse=True)
    counts = np.full(len(bins), np.iinfo(np.int64).max)
    for side in (mine, theirs):
        once = np.unique(np.stack([of, side]), axis=1)[0]
        counts = np.minimum(counts, np.bincount(once, minlength=len(bins)))
    fullest = np.zeros(entries, dtype=np.int64)
    np.maximum.at(fullest, bins >> 3 * _BITS, counts)
    return fullest
