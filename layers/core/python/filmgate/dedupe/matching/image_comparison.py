"""Comparison of two images.

The full pictures are compared first. If that does not settle it, geometric verification of the
keypoints registers one picture in the other. Pictures with too few keypoints are searched for
crops and rotations as videos are.
"""

from __future__ import annotations

from dataclasses import replace

from filmgate.dedupe.fingerprint.augmented_hashes import rounded_aspect
from filmgate.dedupe.fingerprint.keypoints import MIN_KEYPOINTS
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.frame_features import (
    MatchableFrames,
    VisualEvidence,
    clamp_unit,
    has_overlay,
    interpolate,
    is_black_padded,
    is_cropped,
    is_letterboxed,
    is_recoloured,
    orientation_change,
)
from filmgate.dedupe.matching.geometric_verification import (
    AffineRegistration,
    affine_registrations,
)
from filmgate.dedupe.matching.model import FramePair, Transform
from filmgate.dedupe.matching.settings import CHANGED_CEILING, NEAR_FLOOR, PART_CEILING
from filmgate.dedupe.matching.spatial_alignment import (
    CENTRAL_BOX,
    best_orientation,
    register_frames,
)
from filmgate.dedupe.matching.transform import (
    WHOLE,
    Registration,
    SpatialTransform,
    evaluate_transforms,
)

# Constants are hand-set on the tuning half of the matching benchmark.

_SAME_PICTURE = 0.95
"""From this similarity of the full pictures on, nothing else is compared."""
_SAME_WITHOUT_KEYPOINTS = 0.93
"""Least similarity of the full pictures that proves a copy although no keypoints agree."""
_MIN_ROTATION_DEG = 1.0
"""Smaller rotations are within the error of registration and are ignored."""
_FULL_INLIERS = 8
"""With fewer inliers the inlier ratio is lowered in proportion: chance may produce a few."""
_SIMILAR_PICTURES = 0.85
"""From this similarity of the registered pictures on, a smaller inlier ratio suffices."""
_MISMATCH_INLIER_RATIO = 0.5
_MISMATCH_AREA = 0.08
"""Pictures with at least this inlier ratio and this mismatch area are of one layout, not copies."""
_MIN_CROP_GAIN = 0.02
"""What a crop must add to the similarity: some lines at an edge are within the error."""

_INLIER_SCORES = (0.3, 0.5, 0.70, NEAR_FLOOR, 0.91, 0.94, CHANGED_CEILING)
_INLIER_RATIOS = (0, 0.1, 0.2, 0.3, 0.45, 0.7, 1)
_INLIER_RATIOS_IF_SIMILAR = (0, 0.06, 0.09, 0.12, 0.3, 0.6, 1)
"""Curves from inlier ratio to score, in general and for pictures that are similar as wholes."""
_FULL_SIMILARITIES = (0, 0.6, 0.8, 0.87, 0.95, 1)
_FULL_SCORES = (0, 0.5, 0.70, NEAR_FLOOR, 0.95, 1)
"""Curve from the similarity of full pictures to a score."""
_PART_SIMILARITIES = (0, 0.80, 0.87, 0.91, 0.95, 1)
_PART_SCORES = (0, 0.5, 0.70, NEAR_FLOOR, 0.91, 0.94)
"""The same for crops and rotations, whose similarity is higher by chance."""


def compare_images(
    a: MatchableFrames,
    b: MatchableFrames,
    a_keypoints: Keypoints | None,
    b_keypoints: Keypoints | None,
) -> VisualEvidence:
    """Compare two images, each given as one frame with its keypoints."""
    registration = best_orientation(a.frame_set, b.frame_set)
    if registration.similarity >= _SAME_PICTURE:
        return _evidence(a, b, registration, _full_score(registration.similarity))
    counts = [len(points.positions) if points else 0 for points in (a_keypoints, b_keypoints)]
    if a_keypoints and b_keypoints:
        affine = affine_registrations(a_keypoints, b_keypoints)
        if affine:
            verified = [_verified_evidence(a, b, one, registration) for one in affine]
            return max(verified, key=lambda evidence: evidence.score)
    if min(counts) < MIN_KEYPOINTS:
        registration = register_frames(a.frame_set, b.frame_set)
    if not registration.is_full_frame:
        return _evidence(a, b, registration, _part_score(registration.similarity))
    score = _full_score(registration.similarity)
    if min(counts) >= MIN_KEYPOINTS and registration.similarity < _SAME_WITHOUT_KEYPOINTS:
        # Pictures of one layout: the keypoints of copies would agree too.
        score = min(score, PART_CEILING)
    return _evidence(a, b, registration, score)


def _verified_evidence(
    a: MatchableFrames, b: MatchableFrames, affine: AffineRegistration, full: Registration
) -> VisualEvidence:
    """Return the evidence of a geometric verification, given the registration of full pictures."""
    registration = _registration(a, b, affine)
    too_little = registration.similarity < full.similarity + _MIN_CROP_GAIN
    if too_little and not registration.b.rotation_deg:
        registration = full
    score = _inlier_score(affine, registration.similarity)
    if registration.a.box == registration.b.box == WHOLE:
        score = max(score, _full_score(registration.similarity))
    mostly_matching = affine.inlier_ratio >= _MISMATCH_INLIER_RATIO
    if mostly_matching and affine.mismatch_area >= _MISMATCH_AREA:
        score = min(score, PART_CEILING)
    return _evidence(a, b, registration, score)


def _evidence(
    a: MatchableFrames, b: MatchableFrames, registration: Registration, score: float
) -> VisualEvidence:
    overlaid = has_overlay(a.coefficients, b.coefficients, registration)
    comparable_colours = registration.is_full_frame and not overlaid
    return VisualEvidence(
        score=score,
        decisive=score >= NEAR_FLOOR,
        transform=Transform(
            **orientation_change(registration),
            crop=is_cropped(a, b, registration),
            overlaid=overlaid,
            recoloured=comparable_colours and is_recoloured(a.chroma, b.chroma),
            barred=is_letterboxed(a, b, registration),
            # Only videos of one or two frames can have blank ends.
            padded=is_black_padded(a, b, speed=1.0),
        ),
        pairs=(FramePair(a_time=0.0, b_time=0.0, similarity=clamp_unit(registration.similarity)),),
    )


def _registration(
    a: MatchableFrames, b: MatchableFrames, affine: AffineRegistration
) -> Registration:
    """Return the transforms under which both sides show what they have in common."""
    first = SpatialTransform(box=affine.a_box)
    second = SpatialTransform(affine.mirror, affine.right_angle_deg, affine.b_box)
    if abs(affine.rotation_deg) >= _MIN_ROTATION_DEG:
        aspect = b.frame_set.aspect
        oriented_aspect = rounded_aspect(
            aspect if affine.right_angle_deg in {0, 180} else 1 / aspect
        )
        first = SpatialTransform(box=CENTRAL_BOX)
        second = replace(
            second,
            box=CENTRAL_BOX,
            rotation_deg=round(-affine.rotation_deg, 1),
            aspect=oriented_aspect,
        )
    return evaluate_transforms(a.coefficients, b.coefficients, first, second)


def _inlier_score(affine: AffineRegistration, similarity: float) -> float:
    """Score the share of keypoints that agree.

    Where the registered pictures are similar too, a smaller share suffices. Two people in suits in
    front of the same backdrop share a collar, but nothing else.
    """
    ratio = affine.inlier_ratio * min(1.0, affine.inliers / _FULL_INLIERS)
    similar = similarity >= _SIMILAR_PICTURES
    ratios = _INLIER_RATIOS_IF_SIMILAR if similar else _INLIER_RATIOS
    return interpolate(ratio, ratios, _INLIER_SCORES)


def _full_score(similarity: float) -> float:
    return interpolate(similarity, _FULL_SIMILARITIES, _FULL_SCORES)


def _part_score(similarity: float) -> float:
    return interpolate(similarity, _PART_SIMILARITIES, _PART_SCORES)
