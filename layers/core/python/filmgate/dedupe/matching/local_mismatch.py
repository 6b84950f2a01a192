"""Detects that two otherwise matching pictures show something different in one place.

Slides of one template, pages of one layout and pictures in one frame share most keypoints. Unlike
copies, they have a region in which both have keypoints and none of them match. A logo in a corner
or a banner along an edge causes such a region in copies too, so regions at the edge are ignored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filmgate.arrays import I64, Mask

# Constants are hand-set on the tuning half of the matching benchmark.

GRID = 6
"""Cells across and down: 200 keypoints are about five per cell."""
_MIN_KEYPOINTS = 2
"""Keypoints that each side must have in a cell for it to count as mismatched."""
_EDGE_CELLS = 2
"""Cells from an edge that banners and logos reach; a mismatch there may be an overlay."""


def largest_mismatch_area(
    a: NDArray[np.floating], b: NDArray[np.floating], matched: NDArray[np.floating]
) -> float:
    """Return the largest connected region where both have keypoints and none match.

    Args:
        a, b: (n, 2), positions of the keypoints of each picture, as shares of the area that both
            show: vertical, then horizontal.
        matched: (k, 2), positions of the matched keypoints.

    Returns:
        The region's share of the area that both show, 0..1.
    """
    comparable = np.minimum(_cell_counts(a), _cell_counts(b)) >= _MIN_KEYPOINTS
    mismatched = comparable & (_cell_counts(matched) == 0)
    regions = [region for region in _connected_regions(mismatched) if not _is_at_edge(region)]
    return max((len(region) for region in regions), default=0) / GRID**2


def _cell_counts(positions: NDArray[np.floating]) -> I64:
    """Count keypoints per cell: int64 (6, 6)."""
    cells = np.clip((positions * GRID).astype(np.int64), 0, GRID - 1)
    counts = np.bincount(cells[:, 0] * GRID + cells[:, 1], minlength=GRID**2)
    return counts.reshape(GRID, GRID)


def _connected_regions(flags: Mask) -> list[I64]:
    """Group cells that share an edge; each region is (n, 2), rows and columns."""
    left = {(int(row), int(column)) for row, column in np.argwhere(flags)}
    regions = []
    while left:
        region = [left.pop()]
        for row, column in region:
            around = {(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)}
            region += around & left
            left -= around
        regions.append(np.array(region))
    return regions


def _is_at_edge(region: I64) -> bool:
    """Whether a region lies entirely where banners and logos along one edge reach."""
    near_start = (region.max(axis=0) < _EDGE_CELLS).any()
    near_end = (region.min(axis=0) >= GRID - _EDGE_CELLS).any()
    return bool(near_start or near_end)
