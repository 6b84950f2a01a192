"""Score normalisation: what it may change, and what not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.engines.embedding.normalise import bias, normalised
from tests.unit.engines.embedding.tracks import units

seeds = st.integers(0, 2**32 - 1)
FIRST, LAST = 0, 2


@given(seeds, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_neither_side_is_the_first(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    background, a, b = units(rng, 9, 6), units(rng, n, 6), units(rng, m, 6)
    sides = [(side, bias(side, background, FIRST, LAST, 1.0)) for side in (a, b)]
    there, back = normalised(*sides[0], *sides[1]), normalised(*sides[1], *sides[0])
    assert there == pytest.approx(back.T, abs=1e-6)


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_background_says_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, a = units(rng, 12, 6), units(rng, 3, 6)
    shuffled = background[rng.permutation(12)]
    assert bias(a, shuffled, FIRST, LAST, 1.0) == pytest.approx(
        bias(a, background, FIRST, LAST, 1.0)
    )


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_turning_the_whole_space_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, a, b = units(rng, 12, 6), units(rng, 3, 6), units(rng, 4, 6)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype(np.float32)

    def scores(*sets: np.ndarray) -> np.ndarray:
        field, one, other = sets
        return normalised(
            one, bias(one, field, FIRST, LAST, 1.0), other, bias(other, field, FIRST, LAST, 1.0)
        )

    turned = scores(background @ turn, a @ turn, b @ turn)
    assert turned == pytest.approx(scores(background, a, b), abs=1e-5)


@given(seeds, st.floats(0, 2))
@settings(max_examples=50, deadline=None)
def test_more_background_never_raises_a_score(seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    background, a = units(rng, 8, 6), units(rng, 4, 6)
    more = np.concatenate([background, units(rng, 5, 6)])
    assert (
        bias(a, more, FIRST, LAST, weight) >= bias(a, background, FIRST, LAST, weight) - 1e-6
    ).all()


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_no_weight_leaves_the_cosine(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, a, b = units(rng, 8, 6), units(rng, 2, 6), units(rng, 3, 6)
    none = [bias(side, background, FIRST, LAST, 0.0) for side in (a, b)]
    assert normalised(a, none[0], b, none[1]) == pytest.approx(a @ b.T)


def test_the_nearest_are_counted_from_the_first_to_the_last() -> None:
    background = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], dtype=np.float32)
    vector = np.array([[1, 0]], dtype=np.float32)
    assert bias(vector, background, 0, 0, 1.0) == pytest.approx([1.0])
    assert bias(vector, background, 1, 2, 0.5) == pytest.approx([0.35])


def test_a_picture_like_everything_is_believed_less() -> None:
    """Two plain pictures, both near the background, against two that are like nothing else."""
    background = units(np.random.default_rng(1), 20, 3) * np.float32(0.1)
    background += np.array([1, 0, 0], dtype=np.float32)
    background /= np.linalg.norm(background, axis=1, keepdims=True)
    plain = np.array([[0.95, 0.3122, 0]], dtype=np.float32)
    rare = np.array([[0, 0.3122, 0.95]], dtype=np.float32)
    scores = [
        float(normalised(one, taken, one, taken)[0, 0])
        for one in (plain, rare)
        for taken in [bias(one, background, FIRST, LAST, 1.0)]
    ]
    assert scores[0] < 0.2
    assert scores[1] > 0.6
