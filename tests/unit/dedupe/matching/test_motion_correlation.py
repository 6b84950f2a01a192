"""Motion correlation tells copies from other content in the same place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filmgate.dedupe.matching.frame_features import MatchableFrames
from filmgate.dedupe.matching.motion_correlation import MotionCorrelation, correlate_motion
from filmgate.dedupe.matching.temporal_alignment import AlignedSegment, TimeMapping
from filmgate.dedupe.matching.transform import Registration, SpatialTransform
from tests.tracks import Floats, film, noisy, shown

BAND = (16, 16)
IDENTITY = Registration(SpatialTransform(), SpatialTransform(), 1.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_copy_changes_alike(share: float) -> None:
    one = film(1, 1, share)
    motion = correlate_motion(one, noisy(one), BAND)
    assert motion.correlation > 0.9
    assert motion.is_same_recording(0.8)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
def test_one_room_with_other_content_does_not(share: float) -> None:
    motion = correlate_motion(film(1, 1, share), film(1, 2, share), BAND)
    assert abs(motion.correlation) < 0.2
    assert not motion.is_same_recording(0.99)


def test_what_never_moves_must_look_the_same() -> None:
    one = film(1, 1, 0.0)
    motion = correlate_motion(one, noisy(one, 0.001), BAND)
    assert motion.motion < 0.06
    assert motion.is_same_recording(0.95)
    assert not motion.is_same_recording(0.8)


def test_a_still_and_a_moving_film_of_one_room_are_judged_by_the_still_one() -> None:
    motion = correlate_motion(film(1, 1, 0.0), film(1, 1, 0.5), BAND)
    assert motion.motion == pytest.approx(0, abs=1e-3)
    assert not motion.is_same_recording(0.8)


def test_few_frames_must_look_the_same() -> None:
    one = film(1, 1, 0.9, frames=3)
    assert correlate_motion(one, one, BAND).is_same_recording(0.95)
    assert not MotionCorrelation(correlation=1.0, motion=0.5, frames=3).is_same_recording(0.8)


def test_both_sides_count_alike() -> None:
    one, other = film(1, 1, 0.5), film(1, 2, 0.4)
    forward, backward = correlate_motion(one, other, BAND), correlate_motion(other, one, BAND)
    assert forward.correlation == pytest.approx(backward.correlation, abs=1e-6)
    assert forward.motion == pytest.approx(backward.motion, abs=1e-6)


def test_where_in_doubt_other_moments_must_agree_clearly_less() -> None:
    doubtful = MotionCorrelation(correlation=0.77, motion=0.4, frames=30)
    assert not doubtful.is_same_recording(0.95)
    assert replace(doubtful, motion=0.8).is_same_recording(0.95)
    assert replace(doubtful, other_moments=0.3).is_same_recording(0.95)
    assert not replace(doubtful, other_moments=0.65).is_same_recording(0.95)
    assert replace(doubtful, correlation=0.9, other_moments=0.85).is_same_recording(0.95)


def test_motion_that_repeats_is_not_unique_in_time() -> None:
    swaying = film(1, 1, 0.5, frames=1) + 0.5 * film(2, 2, 0.5, frames=1) * np.sin(
        2 * np.pi * np.arange(64)[:, None, None] / 8
    )
    motion = MotionCorrelation.measure(*sides(swaying.astype(np.float32)), IDENTITY)
    assert motion.other_moments == pytest.approx(motion.correlation, abs=0.05)
    assert not motion.is_unique_in_time


def test_motion_that_never_repeats_is_unique_in_time() -> None:
    motion = MotionCorrelation.measure(*sides(noisy(film(1, 1, 0.5, frames=64), 0.05)), IDENTITY)
    assert motion.correlation > 0.9
    assert motion.other_moments < 0.5
    assert motion.is_unique_in_time


def test_a_short_film_has_no_other_moments() -> None:
    motion = MotionCorrelation.measure(*sides(film(1, 1, 0.5, frames=5)), IDENTITY)
    assert motion.correlation > 0.9
    assert motion.other_moments == 1
    assert not motion.is_unique_in_time


def sides(frames: Floats) -> tuple[MatchableFrames, MatchableFrames, AlignedSegment]:
    """Eight frames per second, a noisy copy, and all of both as a segment."""
    rows = np.arange(len(frames))
    segment = AlignedSegment(TimeMapping(1.0, 0.0), rows, rows, np.ones(len(rows), np.float32))
    return shown(frames), shown(noisy(frames)), segment


def test_other_moments_are_looked_up_by_time() -> None:
    slides = film(1, 1, 0.5, frames=12)
    rows = np.arange(12)
    segment = AlignedSegment(TimeMapping(1.0, 0.0), rows, rows, np.ones(12, np.float32))
    motion = MotionCorrelation.measure(
        shown(slides, rate_hz=0.5), shown(noisy(slides), rate_hz=0.5), segment, IDENTITY
    )
    # Two seconds away is the next slide; half a second away is none.
    assert -1 <= motion.other_moments < 0.5
    assert motion.is_unique_in_time


def test_at_another_speed_it_takes_more() -> None:
    faster = MotionCorrelation(
        correlation=0.85, motion=0.8, frames=30, other_moments=0.7, speed_changed=True
    )
    assert not faster.is_same_recording(0.95)
    assert not faster.is_discriminative
    assert replace(faster, speed_changed=False).is_same_recording(0.95)
    assert replace(faster, other_moments=0.4).is_same_recording(0.95)


def test_what_stands_out_from_other_moments_may_agree_less() -> None:
    motion = MotionCorrelation(correlation=0.7, motion=0.3, frames=30, other_moments=0.2)
    assert motion.is_same_recording(0.95)
    assert not replace(motion, other_moments=0.5).is_same_recording(0.95)
    assert not replace(motion, correlation=0.6).is_same_recording(0.95)
