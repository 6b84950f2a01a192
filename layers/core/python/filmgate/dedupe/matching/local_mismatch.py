"""Whether two pictures that agree elsewhere show something else in one place.

Slides of one template, pages of one layout and pictures in one frame agree in most keypoints. What
tells them from copies is a part in which both have keypoints and none agree. A logo in a corner
and a banner along an edge do that to copies too, so these count for nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID = 6
"""Cells across and down: 200 keypoints are some five a cell."""
_EVIDENCE = 2
"""Keypoints of either side that a cell needs to be held against a pair."""
_EDGE = 2
"""Cells from an edge that banners and logos reach; what differs there was put on."""

Cells = NDArray[np.int64]


def contradicted(
    a: NDArray[np.floating], b: NDArray[np.floating], agreed: NDArray[np.floating]
) -> float:
    """The largest connected part in which both have keypoints and none agree, as a share of what
    both show: 0..1.

    Args:
        a, b, agreed: (n, 2), places of the keypoints of each and of those that agree, as shares
            of what both pictures show, down and along.
    """
    both = np.minimum(_counted(a), _counted(b)) >= _EVIDENCE
    differing = both & (_counted(agreed) == 0)
    parts = [part for part in _connected(differing) if not _at_an_edge(part)]
    return max((len(part) for part in parts), default=0) / GRID**2


def _counted(places: NDArray[np.floating]) -> Cells:
    """Keypoints in each cell: int64 (6, 6)."""
    cells = np.clip((places * GRID).astype(np.int64), 0, GRID - 1)
    counts = np.bincount(cells[:, 0] * GRID + cells[:, 1], minlength=GRID**2)
    return counts.reshape(GRID, GRID)


def _connected(flags: NDArray[np.bool_]) -> list[Cells]:
    """Cells that touch along an edge, as rows and columns: a list of (n, 2)."""
    left = {(int(row), int(column)) for row, column in np.argwhere(flags)}
    parts = []
    while left:
        part = [left.pop()]
        for row, column in part:
            around = {(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)}
            part += around & left
            left -= around
        parts.append(np.array(part))
    return parts


def _at_an_edge(part: Cells) -> bool:
    """Nothing of it is farther from one edge of the picture than banners and logos reach."""
    return bool((part.max(axis=0) < _EDGE).any() or (part.min(axis=0) >= GRID - _EDGE).any())
