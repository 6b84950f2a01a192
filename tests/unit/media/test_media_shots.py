"""Cuts and gradual transitions, found in what a decoding pass sees on its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filmgate.dedupe.fingerprint.engine import SAMPLING
from filmgate.dedupe.fingerprint.sampling import max_sampling_gap_s, sample_rate
from filmgate.media.decode import decode_for
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
from filmgate.media.shot_detector import ShotDetector
from filmgate.media.shots_artifact import Shots, ShotsConsumer, Transition, read_shots
from tests.media_factory import shots as made

LIMITS = Limits()
FILMS = Path(__file__).resolve().parents[4] / "shared" / "data" / "videos" / "film"
SEEN_BY_EYE = {
    "tears-of-steel-battle-clip-medium.webm": (
        *(2.17, 5.08, 6.58, 9.21, 12.88, 29.79, 32.83, 36.33, 37.54, 41.12, 46.96, 50.12),
        *(51.42, 51.92, 53.50, 56.04, 57.42, 59.58, 61.33, 63.54, 65.46, 67.42, 68.75, 70.38),
    ),
    "big_buck_bunny_0_30.webm": (11.79, 15.67, 22.96),
}
"""Seconds of the first picture of each new shot."""


def shots_of(path: Path) -> Shots:
    info = probe(path, LIMITS)
    consumer = ShotsConsumer()
    decode_for(
        [consumer],
        path,
        info,
        LIMITS,
        sample_rate_hz=sample_rate(info),
        max_sampling_gap_s=max_sampling_gap_s(info),
        sampling=SAMPLING,
    )
    return read_shots(consumer.finish())


def test_known_boundaries_are_found_and_no_others(tmp_path: Path) -> None:
    shots = shots_of(made.film(tmp_path / "a.mp4"))
    # The picture at 19.5 s is one that no other depends on, so the next one was decoded.
    assert shots.cuts_s == pytest.approx(made.CUTS_S, abs=0.02 + 1e-6)
    found = [(one.start_s, one.end_s) for one in shots.transitions]
    for (start, end), (true_start, true_end) in zip(found, made.TRANSITIONS_S, strict=True):
        assert start == pytest.approx(true_start, abs=0.2)
        assert end == pytest.approx(true_end, abs=0.2)


@pytest.mark.parametrize(
    "options",
    [
        {"g": "25", "keyint_min": "25", "sc_threshold": "0"},
        {"g": "250", "bf": "0"},
        {"x264-params": "open-gop=1:keyint=50:scenecut=0"},
    ],
)
def test_boundaries_are_found_where_ends_of_groups_are_not_decoded(
    tmp_path: Path, options: dict[str, str]
) -> None:
    """There a dissolve may look like a cut, up to half a second away."""
    shots = shots_of(made.film(tmp_path / "a.mp4", options=options))
    true = [*((cut, cut) for cut in made.CUTS_S), *made.TRANSITIONS_S]
    found = [*((cut, cut) for cut in shots.cuts_s)]
    found += [(one.start_s, one.end_s) for one in shots.transitions]
    assert len(found) == len(true)
    for (start, end), (true_start, true_end) in zip(sorted(found), sorted(true), strict=True):
        assert true_start - 0.25 <= start <= end <= true_end + 0.5


@pytest.mark.shared
@pytest.mark.parametrize("name", SEEN_BY_EYE)
def test_cuts_of_real_films_are_found(name: str) -> None:
    if not (FILMS / name).is_file():
        pytest.skip("the measuring files are not there")
    true, found = SEEN_BY_EYE[name], shots_of(FILMS / name).cuts_s
    hits = [cut for cut in true if any(abs(cut - other) < 0.06 for other in found)]
    assert len(hits) >= len(true) - 1
    assert len(found) == len(hits)


@pytest.mark.shared
def test_a_dissolve_of_a_real_film_is_found() -> None:
    if not (FILMS / "nasa_13013.mp4").is_file():
        pytest.skip("the measuring files are not there")
    shots = shots_of(FILMS / "nasa_13013.mp4")
    assert shots.cuts_s == pytest.approx([8.008], abs=0.01)
    (dissolve,) = shots.transitions
    assert (dissolve.start_s, dissolve.end_s) == pytest.approx((5.0, 5.9), abs=0.1)


def test_memory_does_not_grow_with_the_number_of_pictures() -> None:
    detector = ShotDetector()
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (72, 128, 3), dtype=np.uint8)
    for at in range(3000):
        detector.add(at / 60, picture)
    assert len(detector._seen) < 150
    assert len(detector._steps) < 60
    assert detector.finish().cuts_s == ()


def test_pictures_out_of_order_and_of_changing_shape_are_taken() -> None:
    detector = ShotDetector()
    black = np.zeros((72, 128, 3), dtype=np.uint8)
    for time_s, picture in ((0.0, black), (0.5, black), (0.4, black), (1.0, black[:3, :2])):
        detector.add(time_s, picture)
    assert detector.finish().cuts_s == (1.0,)


def test_spans_lie_between_boundaries() -> None:
    shots = Shots(end_s=9.0, cuts_s=(2.0, 8.0), transitions=(Transition(start_s=4.0, end_s=5.0),))
    assert shots.spans() == ((0.0, 2.0), (2.0, 4.0), (5.0, 8.0), (8.0, 9.0))
    assert Shots().spans() == ()
    assert Shots(end_s=0.0).spans() == ((0.0, 0.0),)
