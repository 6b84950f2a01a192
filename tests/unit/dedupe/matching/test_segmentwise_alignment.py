"""Videos registered part by part, and what proves a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.model import Fingerprint
from filmgate.dedupe.matching.compare import compare
from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import MatchClass, Verdict
from filmgate.dedupe.matching.segmentwise_alignment import register_segments
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.dedupe.matching.temporal_alignment import TimeMapping
from filmgate.dedupe.matching.transform import SpatialTransform, apply_transform
from tests.tracks import Floats, barred, film, moving, noisy, shown, taken

SAME_TIME = TimeMapping(1.0, 0.0)
RATE_HZ = 8.0


def verdict(a: Fingerprint, b: Fingerprint) -> Verdict:
    return decide(compare(a, b), MatchSettings())


def at_rate(frames: Floats, name: str = "a") -> Fingerprint:
    return taken(frames, np.arange(len(frames)) / RATE_HZ, name)


def cut(frames: Floats, box: tuple[float, float, float, float]) -> Floats:
    """What a cut-out of each picture shows, as bars trimmed in some scenes only would leave it."""
    stored = np.clip(np.rint(frames * 20), -127, 127).astype(np.int8)
    return apply_transform(stored, SpatialTransform(box=box))


def test_scenes_with_different_crops_are_registered_separately() -> None:
    first, second = film(1, 1, 0.5, frames=24), film(2, 2, 0.5, frames=24)
    film_a = np.concatenate([first, second])
    film_b = np.concatenate([first, cut(second, (0.15, 0.85, 0.0, 1.0))])
    found = register_segments(shown(film_a), shown(noisy(film_b)), SAME_TIME)
    assert [registration.is_full_frame for _, registration in found][:1] == [True]
    assert not found[-1][1].is_full_frame
    assert sum(len(segment.rows) for segment, _ in found) >= 32


def test_the_same_room_with_other_people_is_not_aligned() -> None:
    one, other = (film(1, content, 0.4, frames=48) for content in (1, 2))
    assert register_segments(shown(one), shown(other), SAME_TIME) == []


@pytest.mark.parametrize("frames", [1, 3, 5, 7])
def test_few_frames_are_at_most_one_part(frames: int) -> None:
    one = film(1, 1, 0.9, frames=frames)
    assert len(register_segments(shown(one), shown(noisy(one)), SAME_TIME)) <= 1


def swaying(own: int, level: float, frames: int = 40) -> Floats:
    """One place in which all sways slowly, with a little that is this take's own."""
    place = np.random.default_rng(1).normal(size=(1, 16, 16))
    sway = np.random.default_rng(2).normal(size=(1, 16, 16))
    phase = np.sin(2 * np.pi * np.arange(frames) / 60)[:, None, None]
    mine = np.random.default_rng(own).normal(size=(frames, 16, 16))
    return (place + 0.3 * sway * phase + level * mine).astype(np.float32)


def test_two_takes_with_similar_motion_are_not_copies() -> None:
    found = verdict(at_rate(swaying(3, 0.09)), at_rate(swaying(4, 0.09), "b"))
    assert found.match_class not in {MatchClass.EXACT, MatchClass.NEAR}
    assert not found.transform.partial


def test_two_takes_with_similar_motion_are_not_aligned() -> None:
    one, other = shown(swaying(3, 0.045)), shown(swaying(4, 0.045))
    assert register_segments(one, other, SAME_TIME) == []


def test_a_poor_copy_of_one_take_is_a_copy() -> None:
    take = swaying(3, 0.4)
    found = verdict(at_rate(take), at_rate(noisy(take, 0.35), "b"))
    assert found.match_class in {MatchClass.EXACT, MatchClass.NEAR}


def test_a_dark_line_taken_for_a_black_bar_is_not_a_crop() -> None:
    take = film(1, 1, 0.6, frames=40)
    line = 0.0556
    trimmed = at_rate(cut(take, (line, 1.0, 0.0, 1.0)), "b")
    assert verdict(at_rate(take), trimmed).transform.crop
    assert not verdict(at_rate(take), barred(trimmed, line, 1.0, 0.0, 1.0)).transform.crop


def test_a_damaged_film_is_as_long_as_what_could_be_decoded() -> None:
    take = film(1, 1, 0.6, frames=40)
    start = at_rate(noisy(take[:12]), "b")
    broken = taken_as_long_as(start, 5.0)
    for found in (verdict(at_rate(take), broken), verdict(broken, at_rate(take))):
        assert found.transform.partial
        assert found.transform.speed == 1.0


def taken_as_long_as(fingerprint: Fingerprint, seconds: float) -> Fingerprint:
    info = fingerprint.info.model_copy(update={"duration_s": seconds})
    return replace(fingerprint, info=info)


@pytest.mark.parametrize("speed", [0.6, 0.7, 0.8, 1.25, 1.4, 1.7])
@pytest.mark.parametrize("share", [0.15, 0.25, 0.6])
def test_speeds_are_measured_over_a_static_background(speed: float, share: float) -> None:
    one, other = moving(6.0, 1.0, share), noisy(moving(6.0, speed, share), 0.02)
    found = verdict(at_rate(one), at_rate(other, "b"))
    assert found.match_class is MatchClass.NEAR
    assert found.transform.speed == pytest.approx(speed, rel=0.04)
