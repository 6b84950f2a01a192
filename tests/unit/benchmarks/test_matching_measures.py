"""The numbers of the matching benchmark, on pairs made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.model import MatchClass, Segment, Transform, Verdict
from filmgate.media.model import MediaKind
from tests.benchmarks.matching_copies import File
from tests.benchmarks.matching_measures import (
    curve,
    overall,
    overlap,
    recall_at,
    threshold,
)
from tests.benchmarks.matching_negatives import KINDS_DIFFER, negative_class
from tests.benchmarks.matching_pairs import Pair
from tests.benchmarks.matching_report import reliability_sheet
from tests.benchmarks.matching_sources import Split, halves, origins

SOURCE = File("s", "s", MediaKind.VIDEO, Split.TEST, {}, "0")
COPY = replace(SOURCE, name="s > trim", variant="trim", parts=((2.0, 6.0), (0.0, 4.0)))


def verdict(score: float, match_class: MatchClass, *segments: Segment, partial: bool) -> Verdict:
    return Verdict(
        match_class=match_class,
        score=score,
        visual=score,
        audio=None,
        metadata=None,
        weights={},
        reason="",
        boundary=0.0,
        transform=Transform(partial=partial),
        segments=segments,
        engine="test",
    )


def pair(
    score: float,
    negative: str = "",
    *segments: Segment,
    match_class: MatchClass = MatchClass.NEAR,
    partial: bool = False,
    query_is_a: bool = True,
    query: str = "q",
) -> Pair:
    said = verdict(score, match_class, *segments, partial=partial) if score else None
    asked = replace(COPY, name=query)
    return Pair(asked, SOURCE, negative, None, said, query_is_a, 1 - score, None)


def test_copies_the_index_loses_are_missed_and_similar_counts_only_as_a_part() -> None:
    found = overall(
        [
            pair(0.9),
            pair(0.0),
            pair(0.8, match_class=MatchClass.SIMILAR),
            pair(0.8, match_class=MatchClass.SIMILAR, partial=True),
            pair(0.9, "unrelated", query="one"),
            pair(0.0, "unrelated", query="one"),
            pair(0.0, "unrelated", query="other"),
        ]
    )
    assert (found.recall.hits, found.recall.total) == (2, 4)
    assert (found.precision.hits, found.precision.total) == (2, 3)
    assert (found.per_pair.hits, found.per_pair.total) == (1, 3)
    assert (found.per_query.hits, found.per_query.total) == (1, 2)
    assert found.f1 == pytest.approx(2 * 2 / (3 + 4))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.floats(0, 0.5))
def test_a_threshold_keeps_its_rate_and_is_the_lowest_that_does(
    scores: list[float], rate: float
) -> None:
    least = threshold(scores, rate)
    assert sum(score >= least for score in scores) <= rate * len(scores)
    below = math.nextafter(least, -1)
    if any(score == below for score in scores):
        assert sum(score >= below for score in scores) > rate * len(scores)


def test_recall_and_curve_use_the_score_they_are_given() -> None:
    pairs = [pair(0.9), pair(0.6), pair(0.7, "unrelated"), pair(0.0)]
    copies = [p for p in pairs if not p.negative]
    assert recall_at(copies, lambda p: p.score, 0.65).hits == 1
    assert recall_at(copies, lambda p: p.phash, 0.35).hits == 2
    recall, precision = curve(pairs, lambda p: p.score)
    assert recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])


def test_a_sure_part_comes_before_a_whole_that_is_less_sure() -> None:
    def of(score: float, probability: float | None) -> Pair:
        made = pair(score)
        assert made.verdict is not None
        return replace(made, verdict=made.verdict.model_copy(update={"probability": probability}))

    expected = [of(0.75, 0.99), of(0.74, 0.99), of(0.86, 0.7), of(0.6, None), pair(0.0)]
    assert sorted(expected, key=lambda found: -found.rank) == expected
    assert expected[-1].rank == 0


def reported(probability: float | None, negative: str = "") -> Pair:
    made = pair(0.8, negative)
    assert made.verdict is not None
    return replace(
        made, verdict=made.verdict.model_copy(update={"probability": probability, "score": 0.1})
    )


def test_the_sheet_of_probabilities_judges_them_and_not_the_scores() -> None:
    pairs = [reported(0.75)] * 3 + [reported(0.75, "unrelated"), reported(0.05, "unrelated")]
    left_out = [reported(None), pair(0.0)]
    sheet = reliability_sheet([*pairs, *left_out])
    low, high = sheet.rows
    assert low[:3] == ("videos", "0 to 0.1", 1)
    assert high[:3] == ("videos", "0.7 to 0.8", 4)
    shares = [float(cell or 0) for cell in (*low[3:], *high[3:])]
    assert shares == pytest.approx([0.05, 0.0, 0.75, 0.75])
    brier = (3 * 0.0625 + 0.5625 + 0.0025) / 5
    assert f"error 0.010, Brier score {brier:.3f} (0.240 for" in sheet.remarks[0]


def test_overlap_is_of_both_sides_whichever_is_a() -> None:
    whole = Segment(a_start=0, a_end=4, b_start=2, b_end=6)
    assert overlap(pair(0.8, "", whole)) == pytest.approx(1.0, abs=0.01)
    turned = Segment(a_start=2, a_end=6, b_start=0, b_end=4)
    assert overlap(pair(0.8, "", turned, query_is_a=False)) == pytest.approx(1.0, abs=0.01)
    half = Segment(a_start=0, a_end=2, b_start=2, b_end=4)
    assert overlap(pair(0.8, "", half)) == pytest.approx(0.5, abs=0.01)
    assert overlap(pair(0.0)) == 0.0
    assert overlap(replace(pair(0.8), query=SOURCE)) is None


def test_pairs_are_copies_strangers_or_say_nothing() -> None:
    wall = replace(SOURCE, name="w", source="w", alike={"same background": "wall"})
    other = replace(
        wall, name="x", source="x", alike={"same background": "wall", "same sound": "1"}
    )
    assert negative_class(COPY, SOURCE) == ""
    assert negative_class(SOURCE, SOURCE) is None
    assert negative_class(COPY, replace(COPY, name="s > intro", variant="intro")) is None
    assert negative_class(wall, other) == "same background"
    assert negative_class(COPY, wall) == "unrelated videos"
    assert negative_class(COPY, replace(wall, kind=MediaKind.IMAGE)) == KINDS_DIFFER


def test_the_halves_share_no_unit_and_what_is_alike_stays_together() -> None:
    known = origins()
    found = halves(known)
    assert halves(known) == found
    assert set(found.values()) == set(Split)
    for name in ("same film", "same speaker"):
        places: dict[str, set[Split]] = {}
        for origin in known:
            if name in origin.alike:
                half = found[origin.stratum, origin.unit]
                places.setdefault(origin.alike[name], set()).add(half)
        assert all(len(split) == 1 for split in places.values()), name
