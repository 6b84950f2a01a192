"""Coarse grid search of crops of either side, and of strips left out of both, evaluated at once."""

from __future__ import annotations

from functools import lru_cache
from heapq import nlargest
from itertools import product

import numpy as np

from filmgate.arrays import F32, I8, Mask
from filmgate.dedupe.fingerprint import dct
from filmgate.dedupe.fingerprint.dct import SIDE
from filmgate.dedupe.matching.transform import (
    REQUIRED_MATCH_SHARE,
    WHOLE,
    Box,
    Registration,
    SpatialTransform,
    crop_matrix,
    unwhiten,
)

_INTERVALS: tuple[tuple[float, float], ...] = (
    (0.0, 1.0),
    (0.0, 0.9),
    (0.1, 1.0),
    (0.05, 0.95),
    (0.0, 0.8),
    (0.2, 1.0),
    (0.1, 0.9),
    (0.0, 0.7),
    (0.3, 1.0),
    (0.15, 0.85),
    (0.2, 0.8),
)
"""Parts of an axis that boxes are made of, hand-set: so dense that refinement bridges the gaps."""
_BOXES: tuple[Box, ...] = tuple(
    (*rows, *columns) for rows, columns in product(_INTERVALS, repeat=2)
)
"""All boxes of the grid; the first one is the full frame."""
_STRIP_BOXES = tuple(
    number
    for number, (top, bottom, left, right) in enumerate(_BOXES)
    if sum((top > 0, bottom < 1, left > 0, right < 1)) == 1
)
"""Boxes that leave out a strip at one edge, applied to both sides: banners and tickers."""
_MAX_CANDIDATES = 6
"""Boxes of the grid that are returned; hand-set on the tuning half of the matching benchmark."""
_MIN_LENGTH = 1e-6
"""Vectors shorter than this become zero instead of unit vectors."""


def crop_candidates(
    query_frames: I8, reference_frames: I8, oriented: Registration
) -> list[Registration]:
    """Return the most promising boxes of the grid on either side, in the likely orientations.

    Args:
        query_frames, reference_frames: int8 (n, 16, 16) and (m, 16, 16), few frames of each side.
        oriented: the best orientation.
    """
    orientations = dict.fromkeys(
        [(False, 0), (True, 0), (oriented.b.mirror, oriented.b.right_angle_deg)]
    )
    a_crops = _cropped_units(query_frames)
    candidates: list[Registration] = []
    for orientation in orientations:
        b_frames = dct.orient(reference_frames, *orientation)
        b_crops = _cropped_units(b_frames)
        on_a = _crop_scores(a_crops, b_frames, crops_are_query=True)
        on_b = _crop_scores(b_crops, query_frames, crops_are_query=False)
        on_both = _strip_scores(a_crops, b_crops)
        for row in range(1, len(_BOXES)):
            box = _BOXES[row]
            candidates += [
                _registration(box, WHOLE, orientation, float(on_a[row])),
                _registration(WHOLE, box, orientation, float(on_b[row])),
            ]
        for row, number in enumerate(_STRIP_BOXES):
            box = _BOXES[number]
            candidates.append(_registration(box, box, orientation, float(on_both[row])))
    return nlargest(_MAX_CANDIDATES, candidates, key=lambda candidate: candidate.z_score)


def _registration(
    a_box: Box, b_box: Box, orientation: tuple[bool, int], similarity: float
) -> Registration:
    a, b = SpatialTransform(box=a_box), SpatialTransform(*orientation, b_box)
    return Registration(a, b, similarity)


def _cropped_units(frames: I8) -> F32:
    """Return unit vectors of every box of every frame, in the box's band: (boxes, n, 16, 16)."""
    raw = unwhiten(frames)
    axis = np.stack([crop_matrix(*interval) for interval in _INTERVALS])
    rows = axis[:, None] @ raw
    cropped = rows[:, None] @ np.swapaxes(axis, 1, 2)[None, :, None]
    white = cropped.reshape(len(_BOXES), len(frames), SIDE, SIDE) * dct.whitening()
    white *= _bands()[:, None]
    length = np.sqrt(np.square(white).sum(axis=(2, 3), keepdims=True))
    units: F32 = (white / np.maximum(length, _MIN_LENGTH)).astype(np.float32)
    return units


@lru_cache(maxsize=1)
def _bands() -> Mask:
    """Return which coefficients each box resolves: (boxes, 16, 16)."""
    frequency = np.arange(SIDE)
    bands = [SpatialTransform(box=box).band for box in _BOXES]
    return np.stack(
        [(frequency[:, None] < rows) & (frequency[None, :] < columns) for rows, columns in bands]
    )


def _crop_scores(crops: F32, full_frames: I8, *, crops_are_query: bool) -> F32:
    """Return for each box how well most of the query frames find matches: (boxes,).

    The full frame, the first box, scores 0.
    """
    flat = full_frames.reshape(len(full_frames), -1).astype(np.float32)
    length = np.sqrt(np.square(flat) @ _bands().reshape(len(_BOXES), -1).T.astype(np.float32))
    matrices = crops.reshape(len(_BOXES), -1, SIDE * SIDE) @ flat.T
    matrices /= np.maximum(length.T[:, None, :], _MIN_LENGTH)
    best = np.sort(matrices.max(axis=2 if crops_are_query else 1), axis=1)
    count = max(1, round(best.shape[1] * REQUIRED_MATCH_SHARE))
    scores: F32 = best[:, -count:].mean(axis=1)
    scores[0] = 0.0
    return scores


def _strip_scores(a_crops: F32, b_crops: F32) -> F32:
    """Return the same with a strip left out on both sides: (len(_STRIP_BOXES),)."""
    scores = []
    for number in _STRIP_BOXES:
        a, b = (crops[number].reshape(-1, SIDE * SIDE) for crops in (a_crops, b_crops))
        best = np.sort((a @ b.T).max(axis=1))
        count = max(1, round(len(best) * REQUIRED_MATCH_SHARE))
        scores.append(best[-count:].mean())
    return np.array(scores, dtype=np.float32)
