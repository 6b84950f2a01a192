"""Videos whose frames are far apart: slide shows, and videos so long that they are thinned."""

from __future__ import annotations

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.settings import MatchSettings
from tests.tracks import Floats, film, noisy, scenes, taken


def verdict(a: Fingerprint, b: Fingerprint) -> Verdict:
    return decide(compare(a, b), MatchSettings())


def evenly(count: int, step_s: float) -> Floats:
    return (np.arange(count) * step_s).astype(np.float32)


@pytest.mark.parametrize("step_s", [0.5, 1.0, 1.2, 2.0, 3.0, 5.0, 30.0])
def test_slides_are_found_however_long_each_is_shown(step_s: float) -> None:
    slides, times = film(1, 1, 0.9, frames=12), evenly(12, step_s)
    found = verdict(taken(slides, times), taken(noisy(slides), times, "b"))
    assert found.match_class is MatchClass.EXACT
    (segment,) = found.segments
    assert segment.a_start == 0
    assert segment.b_end == pytest.approx(times[-1], abs=step_s / 2)


@pytest.mark.parametrize("step_s", [1.2, 3.0])
def test_other_slides_are_not(step_s: float) -> None:
    times = evenly(12, step_s)
    one, other = film(1, 1, 0.9, frames=12), film(1, 2, 0.9, frames=12)
    assert verdict(taken(one, times), taken(other, times, "b")).match_class is MatchClass.DIFFERENT


def test_half_of_the_slides_is_a_part() -> None:
    slides = film(1, 1, 0.9, frames=24)
    found = verdict(
        taken(slides, evenly(24, 3.0)), taken(noisy(slides[8:20]), evenly(12, 3.0), "b")
    )
    assert found.match_class is MatchClass.SIMILAR
    assert found.transform.partial
    (segment,) = found.segments
    assert segment.a_start == pytest.approx(24, abs=1.5)


@pytest.mark.parametrize("minutes", [30, 60, 120])
def test_a_long_film_is_found(minutes: int) -> None:
    shown = scenes(minutes * 12, 5, seed=1)
    times = evenly(len(shown), 1.0)
    copy = taken(noisy(shown, 0.3), times, "b")
    found = verdict(taken(shown, times), copy)
    assert found.match_class is MatchClass.EXACT
    assert found.segments[0].b_end > 0.98 * times[-1]
    stranger = taken(scenes(minutes * 12, 5, seed=2), times, "c")
    assert verdict(copy, stranger).match_class is MatchClass.DIFFERENT


def test_ten_minutes_of_a_long_film_are_a_part() -> None:
    shown = scenes(90 * 12, 5, seed=3)
    part = noisy(shown[1200:1800], 0.3)
    found = verdict(taken(shown, evenly(len(shown), 1.0)), taken(part, evenly(len(part), 1.0), "b"))
    assert found.transform.partial
    (segment,) = found.segments
    assert segment.a_start == pytest.approx(1200, abs=2)
    assert segment.a_end == pytest.approx(1799, abs=3)


def test_a_burst_before_slides_ends_in_a_verdict() -> None:
    shown = film(1, 1, 0.9, frames=18)
    times = np.concatenate([evenly(8, 0.12), 1 + evenly(10, 4.0)])
    found = verdict(taken(shown, times), taken(noisy(shown), times, "b"))
    assert found.match_class is MatchClass.EXACT


def test_few_frames_in_a_long_time_end_in_a_verdict() -> None:
    """More stretches of two seconds than frames."""
    one = np.concatenate([film(1, 1, 0.9, frames=8), film(1, 2, 0.9, frames=10)])
    other: Floats = np.concatenate([noisy(one[:8]), film(1, 3, 0.9, frames=10)])
    times = np.concatenate([evenly(8, 0.12), 60 + evenly(10, 20.0)])
    found = verdict(taken(one, times), taken(other, times, "b"))
    assert found.match_class in {MatchClass.SIMILAR, MatchClass.DIFFERENT}
