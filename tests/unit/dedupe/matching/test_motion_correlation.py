"""The gate against one background under other content."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filmgate.dedupe.matching.frame_features import Usable
from filmgate.dedupe.matching.motion_correlation import Residual, along, residual
from filmgate.dedupe.matching.temporal_alignment import Line, Stretch
from filmgate.dedupe.matching.transform import Registration, SpatialTransform
from tests.tracks import Floats, film, noisy, shown

BAND = (16, 16)
VIEWS = Registration(SpatialTransform(), SpatialTransform(), 1.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_copy_changes_alike(share: float) -> None:
    one = film(1, 1, share)
    found = residual(one, noisy(one), BAND)
    assert found.correlation > 0.9
    assert found.same(0.8)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
def test_one_room_with_other_content_does_not(share: float) -> None:
    found = residual(film(1, 1, share), film(1, 2, share), BAND)
    assert abs(found.correlation) < 0.2
    assert not found.same(0.99)


def test_what_never_moves_must_look_the_same() -> None:
    one = film(1, 1, 0.0)
    found = residual(one, noisy(one, 0.001), BAND)
    assert found.energy < 0.06
    assert found.same(0.95)
    assert not found.same(0.8)


def test_a_still_and_a_moving_film_of_one_room_are_judged_by_the_still_one() -> None:
    found = residual(film(1, 1, 0.0), film(1, 1, 0.5), BAND)
    assert found.energy == pytest.approx(0, abs=1e-3)
    assert not found.same(0.8)


def test_few_frames_must_look_the_same() -> None:
    one = film(1, 1, 0.9, frames=3)
    assert residual(one, one, BAND).same(0.95)
    assert not Residual(correlation=1.0, energy=0.5, frames=3).same(0.8)


def test_both_sides_count_alike() -> None:
    one, other = film(1, 1, 0.5), film(1, 2, 0.4)
    there, back = residual(one, other, BAND), residual(other, one, BAND)
    assert there.correlation == pytest.approx(back.correlation, abs=1e-6)
    assert there.energy == pytest.approx(back.energy, abs=1e-6)


def test_where_in_doubt_other_moments_must_agree_clearly_less() -> None:
    doubtful = Residual(correlation=0.77, energy=0.4, frames=30)
    assert not doubtful.same(0.95)
    assert replace(doubtful, energy=0.8).same(0.95)
    assert replace(doubtful, elsewhere=0.3).same(0.95)
    assert not replace(doubtful, elsewhere=0.65).same(0.95)
    assert replace(doubtful, correlation=0.9, elsewhere=0.85).same(0.95)


def test_what_moves_alike_at_any_moment_is_told_so() -> None:
    swaying = film(1, 1, 0.5, frames=1) + 0.5 * film(2, 2, 0.5, frames=1) * np.sin(
        2 * np.pi * np.arange(64)[:, None, None] / 8
    )
    found = along(*sides(swaying.astype(np.float32)), VIEWS)
    assert found.elsewhere == pytest.approx(found.correlation, abs=0.05)
    assert not found.distinct


def test_what_changes_all_the_time_agrees_at_one_moment() -> None:
    found = along(*sides(noisy(film(1, 1, 0.5, frames=64), 0.05)), VIEWS)
    assert found.correlation > 0.9
    assert found.elsewhere < 0.5
    assert found.distinct


def test_a_short_film_has_no_other_moments() -> None:
    found = along(*sides(film(1, 1, 0.5, frames=5)), VIEWS)
    assert found.correlation > 0.9
    assert found.elsewhere == 1
    assert not found.distinct


def sides(frames: Floats) -> tuple[Usable, Usable, Stretch]:
    """Eight frames a second, the same a little worse, and all of both as a stretch."""
    rows = np.arange(len(frames))
    stretch = Stretch(Line(1.0, 0.0), rows, rows, np.ones(len(rows), np.float32))
    return shown(frames), shown(noisy(frames)), stretch


def test_other_moments_are_looked_up_by_time() -> None:
    slides = film(1, 1, 0.5, frames=12)
    rows = np.arange(12)
    stretch = Stretch(Line(1.0, 0.0), rows, rows, np.ones(12, np.float32))
    found = along(shown(slides, rate_hz=0.5), shown(noisy(slides), rate_hz=0.5), stretch, VIEWS)
    # Two seconds away is the next slide; half a second away is none.
    assert -1 <= found.elsewhere < 0.5
    assert found.distinct


def test_at_another_speed_it_takes_more() -> None:
    paced = Residual(correlation=0.85, energy=0.8, frames=30, elsewhere=0.7, paced=True)
    assert not paced.same(0.95)
    assert not paced.telling
    assert replace(paced, paced=False).same(0.95)
    assert replace(paced, elsewhere=0.4).same(0.95)


def test_what_stands_out_from_other_moments_may_agree_less() -> None:
    found = Residual(correlation=0.7, energy=0.3, frames=30, elsewhere=0.2)
    assert found.same(0.95)
    assert not replace(found, elsewhere=0.5).same(0.95)
    assert not replace(found, correlation=0.6).same(0.95)
