"""Groups: whole copies only, no chains, no order."""

from __future__ import annotations

import random
from itertools import combinations, pairwise, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from filmgate.dedupe.matching.groups import groups
from filmgate.dedupe.matching.model import MatchClass, Transform, Verdict

Pair = tuple[str, str, Verdict]
NAMES = "abcdefgh"


def verdict(match_class: MatchClass, score: float = 0.9, *, partial: bool = False) -> Verdict:
    return Verdict(
        match_class=match_class,
        score=score,
        visual=score,
        audio=None,
        metadata=None,
        weights={"visual": 1.0},
        reason="They were made for a test.",
        boundary=0.85,
        transform=Transform(partial=partial),
        engine="engine/1",
    )


def near(one: str, other: str, score: float = 0.9) -> Pair:
    return one, other, verdict(MatchClass.NEAR, score)


def drawn_pair(draw: st.DrawFn, one: str, other: str) -> Pair:
    # Few values, so that ties are common.
    score = draw(st.sampled_from([0.86, 0.87, 0.91, 0.93, 0.95, 0.97]))
    match_class = draw(st.sampled_from(list(MatchClass)))
    return one, other, verdict(match_class, score, partial=draw(st.booleans()))


@st.composite
def some_pairs(draw: st.DrawFn) -> list[Pair]:
    every = list(combinations(NAMES, 2))
    chosen = draw(st.lists(st.sampled_from(every), unique=True))
    return [drawn_pair(draw, *pair) for pair in chosen]


def test_nothing_matches_nothing() -> None:
    assert groups([]) == []


def test_exact_and_near_make_a_group() -> None:
    pairs = [("b", "a", verdict(MatchClass.EXACT, 1.0)), near("b", "c"), near("a", "c")]
    assert [sorted(group) for group in groups(pairs)] == [["a", "b", "c"]]


def test_similar_and_different_make_none() -> None:
    pairs = [
        ("a", "b", verdict(MatchClass.SIMILAR, 0.8)),
        ("a", "c", verdict(MatchClass.DIFFERENT, 0.2)),
    ]
    assert groups(pairs) == []


def test_a_part_never_groups_with_its_whole() -> None:
    assert groups([("a", "b", verdict(MatchClass.NEAR, partial=True))]) == []


def test_a_chain_of_three_is_a_pair() -> None:
    assert groups([near("a", "b", 0.95), near("b", "c", 0.9)]) == [["b", "a"]]


def test_a_long_chain_falls_into_pairs() -> None:
    found = groups([near(one, other) for one, other in pairwise(NAMES)])
    assert all(len(group) == 2 for group in found)


def test_a_star_is_not_one_group() -> None:
    found = groups([near("a", name) for name in "bcdef"])
    assert found == [["a", "b"]]


def test_a_member_may_miss_one_of_many() -> None:
    pairs = [near(*pair) for pair in combinations("abcde", 2) if pair != ("d", "e")]
    assert [sorted(group) for group in groups(pairs)] == [list("abcde")]


def test_two_families_stay_two_and_the_larger_comes_first() -> None:
    pairs = [near(*pair) for pair in combinations("xyz", 2)] + [near("a", "b")]
    found = groups(pairs)
    assert [sorted(group) for group in found] == [["x", "y", "z"], ["a", "b"]]


def test_a_bridge_does_not_join_two_families() -> None:
    pairs = [near(*pair) for trio in ("abc", "xyz") for pair in combinations(trio, 2)]
    found = groups([*pairs, near("a", "x", 0.86)])
    assert sorted(sorted(group) for group in found) == [["a", "b", "c"], ["x", "y", "z"]]


def test_early_members_must_also_match_later_ones() -> None:
    early = [near("c", "a", 0.99), near("a", "b")]
    later = [near(*pair) for pair in combinations("cbde", 2)]
    assert groups([*early, *later]) == [["c", "b", "d", "e"]]


def test_ties_of_rounding_do_not_depend_on_the_order() -> None:
    pairs = [
        near("a", "x", 0.86),
        near("a", "y", 0.91),
        near("a", "z", 0.97),
        near("b", "x", 0.86),
        near("b", "y", 0.91),
        near("b", "z", 0.97),
    ]
    assert all(groups(order) == groups(pairs) for order in permutations(pairs))


@settings(max_examples=150, deadline=None)
@given(some_pairs(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_and_sides_does_not_matter(
    pairs: list[Pair], shuffler: random.Random
) -> None:
    shuffled = [
        (other, one, found) if shuffler.random() < 0.5 else (one, other, found)
        for one, other, found in pairs
    ]
    shuffler.shuffle(shuffled)
    assert groups(shuffled) == groups(pairs)


@settings(max_examples=150, deadline=None)
@given(some_pairs())
def test_groups_are_disjoint_and_connected(pairs: list[Pair]) -> None:
    linked = {
        frozenset((one, other))
        for one, other, found in pairs
        if found.match_class in (MatchClass.EXACT, MatchClass.NEAR) and not found.transform.partial
    }
    found = groups(pairs)
    names = [name for group in found for name in group]
    assert len(names) == len(set(names))
    assert [len(group) for group in found] == sorted(map(len, found), reverse=True)
    for centre, *members in found:
        assert members == sorted(members)
        assert members
        for member in members:
            others = [name for name in (centre, *members) if name != member]
            assert frozenset((centre, member)) in linked
            matched = sum(frozenset((member, other)) in linked for other in others)
            assert matched * 2 > len(others)
