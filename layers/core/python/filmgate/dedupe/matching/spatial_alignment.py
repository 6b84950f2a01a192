"""Registration: the spatial transforms under which two sets of frames show the same.

The search tries the eight orientations first, then crops of either side and strips left out of
both, then small rotations. It ends as soon as one of them explains the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from filmgate.arrays import I8
from filmgate.dedupe.fingerprint.augmented_hashes import rounded_aspect
from filmgate.dedupe.fingerprint.dct import ORIENTATIONS
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.crop_refinement import refine_crop
from filmgate.dedupe.matching.crop_search import crop_candidates
from filmgate.dedupe.matching.geometric_verification import affine_registrations
from filmgate.dedupe.matching.transform import (
    WHOLE,
    Box,
    FrameSet,
    Registration,
    SpatialTransform,
    evaluate_transforms,
    oriented_box,
)

# Constants without another source are hand-set on the tuning half of the matching benchmark.

_QUERY_FRAMES = 24
"""Frames of one side that are matched."""
_REFERENCE_FRAMES = 240
"""Frames of the other side among which they find their matches: a minute at four per second."""
_COARSE_QUERY_FRAMES = 10
"""As `_QUERY_FRAMES`, for the grid of crops, which evaluates hundreds of boxes."""
_COARSE_REFERENCE_FRAMES = 80
"""As `_REFERENCE_FRAMES`, for that grid."""
_REFINED_CANDIDATES = 6
"""Crops that are refined: they reach different optima, and the best start need not win."""
ORIENTATION_SIMILARITY = 0.93
"""From this similarity on an orientation alone explains the frames, and the search ends."""
_CROP_SIMILARITY = 0.97
"""From this similarity on a crop explains the frames, and no rotation is tried."""
_MIN_SIMILARITY = 0.25
"""Below this similarity refining a crop or a rotation does not help."""
_MIN_GAIN = 0.04
"""What a crop or a rotation must add to the similarity of the full frames."""
_UPRIGHT_DEG = 1.5
"""Rotations up to this are ignored where keypoints register one side in the other."""
_ORIENTATION_COST = 0.02
"""What a mirror or a rotation must add: plain pictures are similar to rotated versions of
themselves."""
CENTRAL_BOX: Box = (0.1, 0.9, 0.1, 0.9)
"""The part of both sides that is compared when one is rotated: the rotation loses its corners."""
_ROTATIONS_DEG = tuple(step * 1.5 for step in range(-5, 6) if step)
"""Rotations tried first, dense enough that the best of them is near the optimum."""
_FINER_STEPS_DEG = (0.8, 0.4, 0.2)
"""Steps by which the best of them is then moved to either side."""


def register_frames(first: FrameSet, second: FrameSet) -> Registration:
    """Return the transforms under which two sets of frames are most similar."""
    a, b = first.coefficients, second.coefficients
    # The result must not depend on the order of the arguments, so the roles of the sides do not.
    if (len(a), a.tobytes()) > (len(b), b.tobytes()):
        swapped = register_frames(second, first)
        return Registration(*_reoriented(swapped.b, swapped.a), swapped.similarity)
    query, reference = _evenly_spaced(a, _QUERY_FRAMES), _evenly_spaced(b, _REFERENCE_FRAMES)
    oriented = best_orientation(first, second)
    if oriented.similarity >= ORIENTATION_SIMILARITY:
        return oriented
    candidates = crop_candidates(
        _evenly_spaced(a, _COARSE_QUERY_FRAMES),
        _evenly_spaced(b, _COARSE_REFERENCE_FRAMES),
        oriented,
    )
    candidates += _motion_crops(query, reference, first.motion_region, second.motion_region)
    candidates += _keypoint_crops(query, reference, (first.keypoints, second.keypoints), oriented)
    best = _best_crop(query, reference, candidates)
    if best.similarity < _CROP_SIMILARITY:
        rotated = _best_rotation(query, reference, oriented, second.aspect)
        best = max(best, rotated, key=lambda registration: registration.z_score)
    # Agreement in a smaller band is easier, so a crop or a rotation must add enough.
    return best if best.similarity > oriented.similarity + _MIN_GAIN else oriented


def best_orientation(first: FrameSet, second: FrameSet) -> Registration:
    """Return the best of the eight orientations of the second side.

    Orienting the second side is enough: the relation is symmetric, and results describe `b`.
    """
    query = _evenly_spaced(first.coefficients, _QUERY_FRAMES)
    reference = _evenly_spaced(second.coefficients, _REFERENCE_FRAMES)
    return max(
        (
            evaluate_transforms(
                query, reference, SpatialTransform(), SpatialTransform(mirror, right_angle_deg)
            )
            for mirror, right_angle_deg in ORIENTATIONS
        ),
        key=lambda registration: (
            registration.similarity - _ORIENTATION_COST * (not registration.b.is_identity)
        ),
    )


def _best_crop(query: I8, reference: I8, candidates: list[Registration]) -> Registration:
    """Refine the most promising crops and return the best result."""
    candidates = sorted(candidates, key=lambda crop: -crop.z_score)[:_REFINED_CANDIDATES]
    if candidates[0].similarity < _MIN_SIMILARITY:
        return candidates[0]
    refined = [refine_crop(query, reference, crop) for crop in candidates]
    return max(refined, key=lambda crop: crop.z_score)


def _motion_crops(query: I8, reference: I8, a_region: Box, b_region: Box) -> Iterator[Registration]:
    """Where one side moves only inside a part of the picture, try that part as a crop."""
    pairs = [(a_region, WHOLE), (WHOLE, b_region), (a_region, b_region)]
    for a, b in dict.fromkeys(pair for pair in pairs if pair != (WHOLE, WHOLE)):
        yield evaluate_transforms(
            query, reference, SpatialTransform(box=a), SpatialTransform(box=b)
        )


def _keypoint_crops(
    query: I8,
    reference: I8,
    keypoints: tuple[Keypoints | None, Keypoints | None],
    oriented: Registration,
) -> Iterator[Registration]:
    """Try the crops at which keypoints register one side in the other, in likely orientations."""
    a, b = keypoints
    likely = dict.fromkeys([(False, 0), (True, 0), (oriented.b.mirror, oriented.b.right_angle_deg)])
    for affine in affine_registrations(a, b, likely) if a and b else ():
        if abs(affine.rotation_deg) < _UPRIGHT_DEG:
            yield evaluate_transforms(
                query,
                reference,
                SpatialTransform(box=affine.a_box),
                SpatialTransform(affine.mirror, affine.right_angle_deg, affine.b_box),
            )


def _best_rotation(query: I8, reference: I8, oriented: Registration, aspect: float) -> Registration:
    """Return the best small rotation of `b`, compared in the central part that both still show."""
    mirror, right_angle_deg = oriented.b.mirror, oriented.b.right_angle_deg
    oriented_aspect = rounded_aspect(aspect if right_angle_deg in {0, 180} else 1 / aspect)

    def rotated(degrees: float) -> Registration:
        transform = SpatialTransform(
            mirror, right_angle_deg, CENTRAL_BOX, round(degrees, 2), oriented_aspect
        )
        return evaluate_transforms(query, reference, SpatialTransform(box=CENTRAL_BOX), transform)

    best = max(
        (rotated(degrees) for degrees in _ROTATIONS_DEG),
        key=lambda registration: registration.similarity,
    )
    if best.similarity < _MIN_SIMILARITY:
        return best
    for step in _FINER_STEPS_DEG:
        beside = [rotated(best.b.rotation_deg + change) for change in (-step, step)]
        best = max(best, *beside, key=lambda registration: registration.similarity)
    return best


def _reoriented(
    a: SpatialTransform, b: SpatialTransform
) -> tuple[SpatialTransform, SpatialTransform]:
    """Express the same relation with the orientation on `b` instead of on `a`."""
    if a.rotation_deg:
        return replace(b, box=CENTRAL_BOX), _inverse_rotation(a)
    if not (a.mirror or a.right_angle_deg):
        return a, b
    # A mirrored picture rotates back by the same angle, an unmirrored one by the opposite.
    mirror = a.mirror
    right_angle_deg = a.right_angle_deg if mirror else -a.right_angle_deg % 360
    a_box = oriented_box(a.box, mirror, right_angle_deg)
    b_box = oriented_box(b.box, mirror, right_angle_deg)
    return SpatialTransform(box=a_box), SpatialTransform(mirror, right_angle_deg, b_box)


def _inverse_rotation(a: SpatialTransform) -> SpatialTransform:
    """Return the transform of the other side that undoes this one; mirrors reverse rotations."""
    aspect = a.aspect if a.right_angle_deg in {0, 180} else rounded_aspect(1 / a.aspect)
    right_angle_deg = a.right_angle_deg if a.mirror else -a.right_angle_deg % 360
    rotation_deg = a.rotation_deg if a.mirror else -a.rotation_deg
    return SpatialTransform(a.mirror, right_angle_deg, CENTRAL_BOX, rotation_deg, aspect)


def _evenly_spaced(frames: I8, count: int) -> I8:
    if len(frames) <= count:
        return frames
    return frames[np.linspace(0, len(frames) - 1, count).astype(int)]
