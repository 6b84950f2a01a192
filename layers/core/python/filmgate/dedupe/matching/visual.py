"""What the pictures of two assets say about each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.arrays import F32
from filmgate.dedupe.matching.frame_features import (
    Sight,
    Usable,
    barred,
    cropped,
    curve,
    overlaid,
    padded,
    recoloured,
    unit,
    usable,
)
from filmgate.dedupe.matching.image_comparison import see_images
from filmgate.dedupe.matching.model import FramePair, Segment
from filmgate.dedupe.matching.motion_correlation import MotionCorrelation
from filmgate.dedupe.matching.segmentwise_alignment import register_segments
from filmgate.dedupe.matching.settings import (
    DIFFERENT_CEILING,
    NEAR_FLOOR,
    PART_CEILING,
    PART_FLOOR,
    PART_S,
    TRIMMED_S,
    part_score,
)
from filmgate.dedupe.matching.spatial_alignment import ORIENTATION_SIMILARITY, register_frames
from filmgate.dedupe.matching.temporal_alignment import AlignedSegment, align
from filmgate.dedupe.matching.transform import Registration, similarity_matrix
from filmgate.media.model import MediaKind

_PAIRS = 8
"""Pairs of pictures that are kept for people to look at."""
_FLASH = 2
"""Films of up to so many frames are compared as images."""
_MISSING_SHARE = 0.05
"""A part lacks this share of the other's time,"""
_MISSING_S = 0.4
"""and more than sampling leaves out at the ends of a short one."""
_HIDDEN_FRAMES = 3
"""Distances of frames that an end may lack in a copy of the whole."""
_EXCERPT_SHARE = 0.5
"""Less than this of either side is no evidence of a part,"""
_EXCERPT_S = 15.0
"""unless it lasts as long as this."""
_WHOLE_SHARE = 0.9
"""Of a side that shows next to nothing else, likeness and like change are enough."""


def see(a: Fingerprint, b: Fingerprint) -> Sight | None:
    """Compare pictures; None where a side has none worth matching.

    Films of a frame or two have no time to be aligned by, and are compared as images.
    """
    first, second = usable(a), usable(b)
    if first is None or second is None:
        return None
    moving = [fp.info.kind is MediaKind.VIDEO for fp in (a, b)]
    if not any(moving):
        return see_images(first, second, a.keypoints, b.keypoints)
    if all(moving) and max(len(first.times), len(second.times)) <= _FLASH:
        sight = see_images(first, second, a.keypoints, b.keypoints)
        return replace(sight, padded=padded(first, second, 1.0))
    views = register_frames(first.pictures, second.pictures)
    table = similarity_matrix(first.coefficients, second.coefficients, views.a, views.b)
    if all(moving):
        return _videos(first, second, views, table)
    return _still_in_video(first, second, views, table)


def _still_in_video(a: Usable, b: Usable, views: Registration, table: F32) -> Sight:
    """A picture and a film can be near, but neither stands for the other."""
    row, column = np.unravel_index(int(table.argmax()), table.shape)
    similarity = float(table[row, column])
    a_time, b_time = float(a.times[row]), float(b.times[column])
    score = curve(similarity, (0, 0.85, 0.92, 1), (0, 0.6, PART_FLOOR, PART_CEILING))
    return Sight(
        score=score,
        decisive=score >= PART_FLOOR,
        views=views,
        cropped=cropped(a, b, views),
        partial=True,
        segments=(Segment(a_start=a_time, a_end=a_time, b_start=b_time, b_end=b_time),),
        pairs=(FramePair(a_time=a_time, b_time=b_time, similarity=unit(similarity)),),
    )


def _videos(a: Usable, b: Usable, views: Registration, table: F32) -> Sight:
    aligned = align(table, a.times, b.times)
    if not aligned:
        return Sight(min(DIFFERENT_CEILING, unit(views.similarity) * 0.7), False, views)
    copied = _copied(a, b, views, aligned)
    held, whole, cut = _held(a, b, copied), views.is_full_frame, cropped(a, b, views)
    if held < _WHOLE_SHARE and not _framed(a, b, aligned):
        by_scene = register_segments(a, b, (copied or aligned)[0].mapping)
        parts = [stretch for stretch, _ in by_scene]
        if _held(a, b, parts) > held:
            copied = parts
            views = max(by_scene, key=lambda scene: len(scene[0].rows))[1]
            whole = all(view.is_full_frame for _, view in by_scene)
            cut = any(view.is_cropped for _, view in by_scene)
    stretches = copied or aligned
    rows = np.concatenate([stretch.rows for stretch in stretches])
    columns = np.concatenate([stretch.columns for stretch in stretches])
    similarity = np.concatenate([stretch.similarity for stretch in stretches])
    shares = (
        _share(a.times, [stretch.rows for stretch in stretches]),
        _share(b.times, [stretch.columns for stretch in stretches]),
    )
    partial = _partial(shares, (a.seconds, b.seconds))
    score = _score(float(similarity.mean()), bool(copied), partial, shares, (a.seconds, b.seconds))
    speed = stretches[0].mapping.speed
    marked = overlaid(a.coefficients[rows], b.coefficients[columns], views)
    return Sight(
        score=score,
        decisive=bool(copied) and score >= PART_FLOOR,
        views=views,
        cropped=cut,
        overlaid=marked,
        recoloured=whole and not marked and recoloured(a.chroma[rows], b.chroma[columns]),
        # What a part is taken out of may have bars and ends of its own.
        barred=not partial and barred(a, b, views),
        padded=not partial and padded(a, b, speed),
        trimmed=bool(copied) and not partial and _trimmed(shares, (a, b)),
        # Only what is the same recording can be a part of it.
        partial=partial and bool(copied),
        coverage=round(min(shares), 4),
        speed=round(speed, 3),
        segments=tuple(_segment(stretch, a.times, b.times) for stretch in stretches),
        pairs=_best_pairs(a.times, b.times, rows, columns, similarity),
    )


def _copied(
    a: Usable, b: Usable, views: Registration, aligned: list[AlignedSegment]
) -> list[AlignedSegment]:
    """The stretches whose pictures are alike and also change alike.

    Where one side shows nothing else, that is enough. Else something must surely move together: two
    films of one empty road have long moments in common, and are two films.
    """
    changes = [(stretch, MotionCorrelation.measure(a, b, stretch, views)) for stretch in aligned]
    same = [
        (stretch, change)
        for stretch, change in changes
        if change.is_same_recording(float(stretch.similarity.mean()))
    ]
    copied = [stretch for stretch, _ in same]
    if _held(a, b, copied) >= _WHOLE_SHARE or any(change.is_strong for _, change in same):
        return copied
    return []


def _framed(a: Usable, b: Usable, aligned: list[AlignedSegment]) -> bool:
    """One framing shows all that one side has as it is: no other would show it better."""
    alike = [stretch for stretch in aligned if stretch.similarity.mean() >= ORIENTATION_SIMILARITY]
    return _held(a, b, alike) >= _WHOLE_SHARE


def _held(a: Usable, b: Usable, stretches: list[AlignedSegment]) -> float:
    """The share of the side that is held most, 0..1."""
    if not stretches:
        return 0.0
    return max(
        _share(a.times, [stretch.rows for stretch in stretches]),
        _share(b.times, [stretch.columns for stretch in stretches]),
    )


def _partial(shares: tuple[float, float], seconds: tuple[float, float]) -> bool:
    """One side holds more than what is aligned, so the other cannot stand for it."""
    lacking = [
        (1 - share, (1 - share) * whole) for share, whole in zip(shares, seconds, strict=True)
    ]
    return any(
        missing_s > PART_S or (missing_s > _MISSING_S and missing > _MISSING_SHARE)
        for missing, missing_s in lacking
    )


def _trimmed(shares: tuple[float, float], sides: tuple[Usable, Usable]) -> bool:
    """One side holds a little more than what is aligned: more than frames that lie apart hide."""
    return any(
        (1 - share) * side.seconds > max(TRIMMED_S, _HIDDEN_FRAMES * side.seconds / len(side.times))
        for share, side in zip(shares, sides, strict=True)
    )


def _score(
    similarity: float,
    copied: bool,
    partial: bool,
    shares: tuple[float, float],
    seconds: tuple[float, float],
) -> float:
    shorter = min(share * whole for share, whole in zip(shares, seconds, strict=True))
    if max(shares) < _EXCERPT_SHARE and shorter < _EXCERPT_S:
        return min(DIFFERENT_CEILING, similarity * 0.7)
    if not copied:
        return curve(similarity, (0, 0.6, 0.85, 1), (0, 0.5, PART_FLOOR, 0.8))
    if partial:
        return part_score(min(shares))
    return curve(similarity, (0.55, 0.9, 1), (NEAR_FLOOR, 0.95, 1))


def _share(times: F32, parts: list[NDArray[np.int64]]) -> float:
    """Share of the usable frames that lie inside the aligned stretches."""
    covered = np.zeros(len(times), dtype=bool)
    for rows in parts:
        covered[rows.min() : rows.max() + 1] = True
    return float(covered.mean())


def _segment(stretch: AlignedSegment, a_times: F32, b_times: F32) -> Segment:
    """From where to where; the line says it more finely on the other side than its frames do."""
    a = a_times[stretch.rows]
    there = stretch.mapping.b_times(np.array([a.min(), a.max()], dtype=np.float64))
    b = np.clip(there, b_times[0], b_times[-1])
    return Segment(
        a_start=round(float(a.min()), 3),
        a_end=round(float(a.max()), 3),
        b_start=round(float(b.min()), 3),
        b_end=round(float(b.max()), 3),
    )


def _best_pairs(
    a_times: F32,
    b_times: F32,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    similarity: F32,
) -> tuple[FramePair, ...]:
    """The best pair of each of a few even parts of the aligned time, so that people see it all."""
    order = np.argsort(a_times[rows], kind="stable")
    pairs = []
    for part in np.array_split(order, min(_PAIRS, len(order))):
        at = part[similarity[part].argmax()]
        pairs.append(
            FramePair(
                a_time=round(float(a_times[rows[at]]), 3),
                b_time=round(float(b_times[columns[at]]), 3),
                similarity=unit(float(similarity[at])),
            )
        )
    return tuple(pairs)
