"""What two images say about each other.

Whole pictures are compared first. If that settles nothing, keypoints tell where one lies in the
other. Pictures too plain to have keypoints are searched for cut-outs and tilts as films are.
"""

from __future__ import annotations

from dataclasses import replace

from filmgate.dedupe.fingerprint.augmented_hashes import rounded_aspect
from filmgate.dedupe.fingerprint.keypoints import MIN_KEYPOINTS
from filmgate.dedupe.fingerprint.model import Keypoints
from filmgate.dedupe.matching.frame_features import (
    Sight,
    Usable,
    barred,
    cropped,
    curve,
    overlaid,
    recoloured,
    unit,
)
from filmgate.dedupe.matching.geometric_verification import Placement, placements
from filmgate.dedupe.matching.model import FramePair
from filmgate.dedupe.matching.settings import CHANGED_CEILING, NEAR_FLOOR, PART_CEILING
from filmgate.dedupe.matching.spatial_alignment import INNER, best_orientation, find_views
from filmgate.dedupe.matching.transform import WHOLE, View, Views, measured

_SETTLED = 0.95
_SURE_WITHOUT = 0.93
_TILTED_DEG = 1.0
_ENOUGH = 8
_CONFIRMED = 0.85
_MOSTLY = 0.5
_GAIN = 0.02
_CONTRADICTED = 0.08


def see_images(
    a: Usable, b: Usable, a_points: Keypoints | None, b_points: Keypoints | None
) -> Sight:
    """Compare two images, each as a track of one frame with its keypoints."""
    views = best_orientation(a.pictures, b.pictures)
    if views.similarity >= _SETTLED:
        return _sight(a, b, views, _whole_score(views.similarity))
    counts = [len(points.positions) if points else 0 for points in (a_points, b_points)]
    placed = placements(a_points, b_points) if a_points and b_points else []
    if placed:
        sights = [_placed_sight(a, b, placement, views) for placement in placed]
        return max(sights, key=lambda sight: sight.score)
    if min(counts) < MIN_KEYPOINTS:
        views = find_views(a.pictures, b.pictures)
    if views.cut or views.overlaid or views.b.tilt:
        return _sight(a, b, views, _part_score(views.similarity))
    score = _whole_score(views.similarity)
    if min(counts) >= MIN_KEYPOINTS and views.similarity < _SURE_WITHOUT:
        # Pictures of one layout. What is in them would agree too if they were copies.
        score = min(score, PART_CEILING)
    return _sight(a, b, views, score)


def _placed_sight(a: Usable, b: Usable, placed: Placement, whole: Views) -> Sight:
    views = _placed_views(a, b, placed)
    # A cut must earn its place: a few lines at an edge are within the error of a placement.
    if views.similarity < whole.similarity + _GAIN and not views.b.tilt:
        views = whole
    score = _placed_score(placed, views.similarity)
    if views.a.box == views.b.box == WHOLE:
        score = max(score, _whole_score(views.similarity))
    if placed.share >= _MOSTLY and placed.contradicted >= _CONTRADICTED:
        score = min(score, PART_CEILING)
    return _sight(a, b, views, score)


def _sight(a: Usable, b: Usable, views: Views, score: float) -> Sight:
    marked = overlaid(a.coefficients, b.coefficients, views)
    return Sight(
        score=score,
        decisive=score >= NEAR_FLOOR,
        views=views,
        cropped=cropped(a, b, views),
        overlaid=marked,
        recoloured=views.whole and not marked and recoloured(a.chroma, b.chroma),
        barred=barred(a, b, views),
        pairs=(FramePair(a_time=0.0, b_time=0.0, similarity=unit(views.similarity)),),
    )


def _placed_views(a: Usable, b: Usable, placed: Placement) -> Views:
    """The views that show what both pictures have, side by side."""
    first, second = View(box=placed.a_box), View(placed.mirror, placed.turn, placed.b_box)
    if abs(placed.angle) >= _TILTED_DEG:
        aspect = b.pictures.aspect
        wide = rounded_aspect(aspect if placed.turn in {0, 180} else 1 / aspect)
        first = View(box=INNER)
        second = replace(second, box=INNER, tilt=round(-placed.angle, 1), aspect=wide)
    return measured(a.coefficients, b.coefficients, first, second)


def _placed_score(placed: Placement, similarity: float) -> float:
    """By the share of keypoints that agree; a few that agree by chance are a large share of few.

    Where the pictures as wholes are alike too, fewer will do. Two people in suits before one
    backdrop share a collar, but nothing else.
    """
    share = placed.share * min(1.0, placed.agreed / _ENOUGH)
    scores = (0.3, 0.5, 0.70, NEAR_FLOOR, 0.91, 0.94, CHANGED_CEILING)
    if similarity >= _CONFIRMED:
        return curve(share, (0, 0.06, 0.09, 0.12, 0.3, 0.6, 1), scores)
    return curve(share, (0, 0.1, 0.2, 0.3, 0.45, 0.7, 1), scores)


def _whole_score(similarity: float) -> float:
    return curve(similarity, (0, 0.6, 0.8, 0.87, 0.95, 1), (0, 0.5, 0.70, NEAR_FLOOR, 0.95, 1))


def _part_score(similarity: float) -> float:
    at = (0, 0.80, 0.87, 0.91, 0.95, 1)
    return curve(similarity, at, (0, 0.5, 0.70, NEAR_FLOOR, 0.91, 0.94))
