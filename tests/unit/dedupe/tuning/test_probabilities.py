"""Maps fit on labelled pairs, and judged by them."""

from __future__ import annotations

import math
import random
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.calibration import (
    Calibration,
    CalibrationMap,
    CalibrationSource,
    KindCalibration,
)
from filmgate.dedupe.tuning.isotonic import LEAST_PAIRS, fit
from filmgate.dedupe.tuning.labelled import Scored
from filmgate.dedupe.tuning.probabilities import calibrate, cross_validate, evaluate
from filmgate.dedupe.tuning.reliability import reliability
from filmgate.media.model import MediaKind

SCORES = st.floats(0, 1)
LABELLED = st.lists(st.tuples(SCORES, st.booleans()), min_size=LEAST_PAIRS, max_size=60)
SOURCE = CalibrationSource(labelled_set="a set", fitted=date(2020, 2, 3), command="a command")


def fitted(labelled: list[tuple[float, bool]], certain: float = 0.0) -> CalibrationMap:
    made = fit(labelled, certain)
    assert made is not None
    return made


@given(LABELLED, SCORES, SCORES, SCORES)
def test_a_map_never_falls_and_is_never_certain(
    labelled: list[tuple[float, bool]], certain: float, one: float, other: float
) -> None:
    made = fitted(labelled, round(certain, 2))
    low, high = made(min(one, other)), made(max(one, other))
    assert 0 < low <= high < 1


@given(LABELLED, SCORES, SCORES)
def test_a_map_is_linear_between_its_points(
    labelled: list[tuple[float, bool]], certain: float, score: float
) -> None:
    made = fitted(labelled, round(certain, 2))
    wanted = np.interp(score, made.scores, made.probabilities)
    assert made(score) == pytest.approx(float(wanted), abs=1e-12)


@given(LABELLED, st.randoms(use_true_random=False))
def test_the_order_of_pairs_is_no_matter(
    labelled: list[tuple[float, bool]], shuffled: random.Random
) -> None:
    other = labelled.copy()
    shuffled.shuffle(other)
    assert fitted(labelled) == fitted(other)


def test_a_fit_is_the_nearest_rising_map() -> None:
    """Against the max-min formula of isotonic regression (Robertson, Wright & Dykstra 1988): the
    highest, over starts below, of the lowest share up to any end above. With thousands of pairs at
    each score the smoothing is too little to see."""
    draw = random.Random(8)
    shares = [draw.random() for _ in range(9)]
    labelled = [
        ((step + 1) / 10, number < round(share * 5_000))
        for step, share in enumerate(shares)
        for number in range(5_000)
    ]
    made = fitted(labelled)
    for step in range(9):
        wanted = max(
            min(sum(shares[start : end + 1]) / (end + 1 - start) for end in range(step, 9))
            for start in range(step + 1)
        )
        assert made((step + 1) / 10) == pytest.approx(wanted, abs=0.002)


def test_pools_are_drawn_to_the_share_of_all() -> None:
    labelled = [(0.2, False)] * 8 + [(0.6, True), (0.7, False)] + [(0.9, True)] * 9
    made = fitted(labelled)
    # None of eight, one of two, nine of nine; 10.5 of 20 counts for ten pairs.
    assert dict(zip(made.scores, made.probabilities, strict=True)) == {
        0.0: pytest.approx(5.75 / 19, abs=1e-4),
        0.2: pytest.approx(5.75 / 19, abs=1e-4),
        0.6: pytest.approx(6.75 / 13, abs=1e-4),
        0.7: pytest.approx(6.75 / 13, abs=1e-4),
        0.9: pytest.approx(14.75 / 20, abs=1e-4),
    }
    assert (made.pairs, made.copies) == (19, 10)


def test_what_only_looks_alike_says_nothing_of_what_is_certain_nor_the_other_way() -> None:
    """Two copies just below the boundary are not made sure by a hundred above it."""
    labelled = [(0.5, False)] * 98 + [(0.75, True)] * 2 + [(0.9, True)] * 100
    together, apart = fitted(labelled), fitted(labelled, 0.86)
    assert together(0.75) > 0.9
    assert apart(0.75) < 0.3
    assert apart(0.8599) == apart(0.75)
    assert apart(0.86) == apart(0.9) > 0.98
    assert apart(0.5) < 0.02


def test_smoothing_does_not_undo_the_order() -> None:
    """One pair of no copies is drawn to the middle, above a large pool with few copies."""
    labelled = [(0.1, False)] + [(0.5, False)] * 98 + [(0.5, True)] * 2 + [(0.9, True)] * 100
    made = fitted(labelled)
    assert list(made.probabilities) == sorted(made.probabilities)
    assert made(0.1) < 0.1


def test_scores_below_all_that_were_seen_mean_little() -> None:
    made = fitted([(0.9, True)] * 40, 0.86)
    assert made(0.9) > 0.98
    assert made(1.0) == made(0.9) == made(0.86)
    assert made(0.43) == pytest.approx(made(0.86) / 2, abs=0.001)
    assert made(0.0) < 0.001


def test_too_few_pairs_give_no_map() -> None:
    assert fit([(0.5, True)] * (LEAST_PAIRS - 1), 0.86) is None
    assert fit([(0.5, True)] * LEAST_PAIRS, 0.86) is not None


def drawn(count: int, seed: int) -> list[tuple[float, bool]]:
    """Scores whose probability is known: the score's square."""
    draw = random.Random(seed)
    scores = [draw.random() for _ in range(count)]
    return [(score, draw.random() < score**2) for score in scores]


def test_a_fit_finds_probabilities_that_are_known() -> None:
    made = fitted(drawn(20_000, 1))
    grid = [step / 50 for step in range(51)]
    assert sum(abs(made(score) - score**2) for score in grid) / len(grid) < 0.02


def test_fitting_what_is_calibrated_changes_little() -> None:
    first = fitted(drawn(20_000, 2))
    again = fitted([(first(score), same) for score, same in drawn(20_000, 3)])
    given = [first(score) for score, _ in drawn(2_000, 7)]
    assert sum(abs(again(probability) - probability) for probability in given) / len(given) < 0.02


def test_brier_and_calibration_error_are_those_of_known_probabilities() -> None:
    true = [(score**2, same) for score, same in drawn(40_000, 4)]
    found = reliability(true)
    assert found is not None
    assert found.ece < 0.01
    # The mean of p (1 - p) for p = s², s uniform: 1/3 - 1/5.
    assert found.brier == pytest.approx(1 / 3 - 1 / 5, abs=0.005)
    assert found.copies == pytest.approx(1 / 3, abs=0.01)
    assert sum(b.pairs for b in found.bins) == found.pairs == 40_000
    # With the score itself as the probability, the error is the mean of s - s²: 1/2 - 1/3.
    wrong = reliability([(math.sqrt(p), same) for p, same in true])
    assert wrong is not None
    assert wrong.ece == pytest.approx(1 / 2 - 1 / 3, abs=0.01)


def test_reliability_by_hand() -> None:
    found = reliability([(0.8, True)] * 8 + [(0.8, False)] * 2 + [(1.0, True), (0.0, True)])
    assert found is not None
    assert [(b.low, b.pairs, b.predicted, b.observed) for b in found.bins] == [
        (0.0, 1, 0.0, 1.0),
        (0.8, 10, pytest.approx(0.8), 0.8),
        (0.9, 1, 1.0, 1.0),
    ]
    assert found.ece == pytest.approx(1 / 12)
    assert found.brier == pytest.approx((8 * 0.04 + 2 * 0.64 + 1) / 12)
    assert reliability([]) is None


def pair(kind: MediaKind, score: float, *, same: bool, partial: bool = False) -> Scored:
    return Scored(kind=kind, score=score, partial=partial, same=same)


def test_kinds_and_parts_have_maps_of_their_own() -> None:
    pairs = [
        *(pair(MediaKind.VIDEO, 0.78, same=True, partial=True) for _ in range(30)),
        *(pair(MediaKind.VIDEO, 0.78, same=False) for _ in range(30)),
        *(pair(MediaKind.IMAGE, 0.78, same=True) for _ in range(5)),
        *(
            pair(MediaKind.AUDIO, 0.0, same=True).model_copy(update={"measured": False})
            for _ in range(30)
        ),
    ]
    start = Calibration(audio=KindCalibration(source=SOURCE, whole=fit(drawn(20, 5), 0.86)))
    made = calibrate(pairs, SOURCE, start)
    part = made.probability(MediaKind.VIDEO, 0.78, partial=True)
    whole = made.probability(MediaKind.VIDEO, 0.78, partial=False)
    assert part is not None
    assert whole is not None
    assert whole < 0.05
    assert part > 0.95
    assert made.image is None
    assert made.probability(MediaKind.IMAGE, 0.78, partial=False) is None
    assert made.describe(MediaKind.IMAGE, partial=False) is None
    assert made.audio == start.audio
    assert made.describe(MediaKind.VIDEO, partial=True) == "a set, 30 pairs, 2020-02-03"
    found = evaluate(pairs, made)
    assert set(found) == {MediaKind.VIDEO, MediaKind.IMAGE}
    assert found[MediaKind.IMAGE] is None
    video = found[MediaKind.VIDEO]
    assert video is not None
    assert (video.pairs, video.copies) == (60, 0.5)
    assert video.brier < 0.001


def test_pairs_are_judged_by_maps_that_did_not_see_them() -> None:
    """Labels that no score predicts: by their own map they would look better than chance."""
    draw = random.Random(6)
    pairs = [pair(MediaKind.IMAGE, draw.random(), same=draw.random() < 0.5) for _ in range(200)]
    own = evaluate(pairs, calibrate(pairs, SOURCE, Calibration()))[MediaKind.IMAGE]
    crossed = cross_validate(pairs)[MediaKind.IMAGE]
    assert own is not None
    assert crossed is not None
    assert own.brier < own.brier_of_share <= crossed.brier + 0.01
    assert crossed.pairs == 200


def test_groups_are_held_out_together() -> None:
    """Each source has a label that its own pairs tell and no other's: in one fold, or known."""
    draw = random.Random(9)
    sources = [(round(0.3 + source / 100, 2), draw.random() < 0.5) for source in range(40)]
    pairs = [
        Scored(kind=MediaKind.IMAGE, score=score, partial=False, same=same)
        for score, same in sorted(sources, key=lambda one: (one[1], one[0]))
        for _ in range(10)
    ]
    grouped = [pair.model_copy(update={"group": str(pair.score)}) for pair in pairs]
    apart, together = (cross_validate(some)[MediaKind.IMAGE] for some in (pairs, grouped))
    assert apart is not None
    assert together is not None
    assert apart.brier < together.brier
    draw.shuffle(grouped)
    again = cross_validate(grouped)[MediaKind.IMAGE]
    assert again is not None
    assert again.brier == pytest.approx(together.brier)
