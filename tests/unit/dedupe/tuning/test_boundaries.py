"""Costs of boundaries on pairs made by hand, where every number can be counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.model import Comparison
from filmgate.dedupe.matching.settings import (
    CHANGED_CEILING,
    PART_CEILING,
    Boundaries,
    MatchSettings,
)
from filmgate.dedupe.tuning.boundaries import Boundary, Costs, propose
from filmgate.dedupe.tuning.labelled import LabelledPair, NotCompared, Scored, scored
from filmgate.media.model import MediaKind

NOW = Boundaries()
SAMPLE = st.builds(
    Scored,
    kind=st.just(MediaKind.VIDEO),
    score=st.floats(0, 1),
    partial=st.booleans(),
    same=st.booleans(),
)


def whole(score: float, *, same: bool) -> Scored:
    return Scored(kind=MediaKind.VIDEO, score=score, partial=False, same=same)


def part(score: float, *, same: bool) -> Scored:
    return Scored(kind=MediaKind.VIDEO, score=score, partial=True, same=same)


PAIRS = [
    whole(0.99, same=True),
    whole(0.97, same=True),
    whole(0.92, same=True),
    whole(0.90, same=False),
    whole(0.87, same=True),
    whole(0.80, same=False),
    whole(0.72, same=True),
    part(0.82, same=True),
    part(0.76, same=True),
    part(0.73, same=False),
    whole(0.30, same=False),
]


def test_near_counts_all_that_score_at_least_it() -> None:
    cost = Costs(PAIRS).at(Boundary.NEAR, 0.85, NOW)
    assert (cost.called, cost.right) == (5, 4)
    assert cost.precision == 0.8
    assert cost.recall == pytest.approx(4 / 7)
    assert cost.false_positive_rate == pytest.approx(1 / 4)


def test_between_similar_and_near_parts_are_called_and_the_rest_is_for_review() -> None:
    cost = Costs(PAIRS).at(Boundary.SIMILAR, 0.70, NOW)
    assert (cost.called, cost.right) == (3, 2)
    assert cost.review == 2
    assert Costs(PAIRS).at(Boundary.SIMILAR, 0.75, NOW).review == 1


def test_all_boundaries_together_call_whole_copies_and_parts() -> None:
    cost = Costs(PAIRS).all_of(NOW)
    assert (cost.called, cost.right) == (8, 6)
    assert cost.recall == pytest.approx(6 / 7)


def test_pairs_the_index_never_brought_together_count_too() -> None:
    costs = Costs(PAIRS, NotCompared(same=3, different=96))
    cost = costs.at(Boundary.NEAR, 0.85, NOW)
    assert cost.recall == pytest.approx(4 / 10)
    assert cost.false_positive_rate == pytest.approx(1 / 100)
    assert cost.precision == 0.8


def test_the_lowest_boundary_with_the_wanted_precision_is_proposed() -> None:
    boundaries, proposals = propose(
        Costs(PAIRS), MediaKind.VIDEO, NOW, precision=0.99, exact_precision=0.99
    )
    assert boundaries == Boundaries(exact=0.95, near=0.91, similar=0.74)
    near = next(p for p in proposals if p.boundary is Boundary.NEAR)
    assert near.reached
    assert (near.current.value, near.current.precision) == (0.85, 0.8)
    assert (near.proposed.value, near.proposed.precision) == (0.91, 1.0)


def test_a_lower_wanted_precision_never_makes_copies_of_parts() -> None:
    boundaries, _ = propose(Costs(PAIRS), MediaKind.VIDEO, NOW, precision=0.5, exact_precision=0.5)
    assert boundaries.near > PART_CEILING
    assert boundaries.exact > CHANGED_CEILING
    assert boundaries.similar >= 0.5


def test_what_cannot_be_reached_stays_and_says_so() -> None:
    pairs = [whole(1.0, same=False), whole(0.9, same=True)]
    boundaries, proposals = propose(
        Costs(pairs), MediaKind.VIDEO, NOW, precision=0.99, exact_precision=0.999
    )
    assert boundaries == NOW
    assert not any(p.reached for p in proposals)
    assert all(p.proposed == p.current for p in proposals)


def test_no_pairs_of_a_label_give_no_rate() -> None:
    cost = Costs([whole(0.2, same=False)]).at(Boundary.NEAR, 0.85, NOW)
    assert cost.precision is None
    assert cost.recall is None
    assert cost.false_positive_rate == 0.0


def test_a_comparison_is_fused_as_it_is_decided() -> None:
    comparison = Comparison(
        kind=MediaKind.IMAGE,
        visual=0.97,
        audio=None,
        metadata=1.0,
        decisive=("visual",),
        engine="e",
    )
    pair = LabelledPair(a="x", b="y", label="same", comparison=comparison)
    made = scored(pair, MatchSettings())
    assert made.same
    assert not made.partial
    assert made.kind is MediaKind.IMAGE
    assert 0.95 < made.score <= 1.0
    with pytest.raises(ValueError, match="no comparison"):
        scored(pair.model_copy(update={"comparison": None}), MatchSettings())


@given(st.lists(SAMPLE, max_size=30), st.floats(0.5, 1.0), st.floats(0.5, 1.0))
def test_proposals_keep_their_promise_and_their_order(
    pairs: list[Scored], precision: float, exact: float
) -> None:
    costs = Costs(pairs)
    boundaries, proposals = propose(
        costs, MediaKind.VIDEO, NOW, precision=precision, exact_precision=exact
    )
    assert boundaries.similar <= boundaries.near <= boundaries.exact
    for proposal in proposals:
        if proposal.reached:
            assert (proposal.proposed.precision or 0.0) >= proposal.wanted


@given(st.lists(SAMPLE, max_size=30), st.floats(0.85, 1.0), st.floats(0.85, 1.0))
def test_a_higher_boundary_never_calls_more(pairs: list[Scored], one: float, other: float) -> None:
    low, high = sorted((one, other))
    costs = Costs(pairs)
    assert costs.at(Boundary.NEAR, high, NOW).called <= costs.at(Boundary.NEAR, low, NOW).called
