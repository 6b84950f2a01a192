"""The judge of found matches: every count checked on a library small enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.tuning.truth import (
    Expect,
    KnownCopy,
    KnownNegative,
    SampleFile,
    Truth,
    compare,
    is_call,
    wilson,
)
from filmgate.media.model import MediaKind


def small_truth() -> Truth:
    """Six files: a with copies b and c, d with copy e, and f that is a take of a."""
    return Truth(
        seed=1,
        generator="test",
        files=tuple(
            SampleFile(path=path, kind=MediaKind.VIDEO, description=path) for path in "abcdef"
        ),
        copies=(
            KnownCopy(source="a", copy_path="b", transform="crop", parameters={}),
            KnownCopy(source="a", copy_path="c", transform="trim", parameters={}),
            KnownCopy(source="d", copy_path="e", transform="crop", parameters={}),
            KnownCopy(
                source="a", copy_path="f", transform="take", parameters={}, expect=Expect.SIMILAR
            ),
        ),
        groups=(("a", "b", "c"), ("d", "e")),
        negatives=(
            KnownNegative(a="d", b="a", class_of_negative="same intro"),
            KnownNegative(a="a", b="f", class_of_negative="another take", expect=Expect.SIMILAR),
        ),
    )


def test_a_perfect_answer_is_perfect() -> None:
    matches = [("a", "b", True), ("c", "a", True), ("b", "c", True), ("d", "e", True)]
    result = compare(small_truth(), matches, [["b", "a", "c"], ["d", "e"]])
    assert (result.precision.value, result.recall.value, result.f1) == (1.0, 1.0, 1.0)
    assert result.false_positive_rate.total == 15 - 4
    assert (result.groups_exact, result.groups_known, result.groups_mixed) == (2, 2, ())


def test_each_kind_of_error_is_named() -> None:
    matches = [("b", "a", True), ("a", "d", True), ("e", "f", True), ("a", "f", False)]
    result = compare(small_truth(), matches, [["a", "b", "d"]])
    assert (result.precision.hits, result.precision.total) == (1, 3)
    assert (result.recall.hits, result.recall.total) == (1, 4)
    assert result.f1 == pytest.approx(2 / 7)
    assert [(m.a, m.b, m.label) for m in result.missed] == [
        ("a", "c", "trim"),
        ("b", "c", "two copies"),
        ("d", "e", "crop"),
    ]
    assert [(f.a, f.b, f.label) for f in result.false_pairs] == [
        ("a", "d", "same intro"),
        ("e", "f", "unrelated"),
    ]
    assert result.per_transform["crop"].value == 0.5
    assert "take" not in result.per_transform
    assert result.per_negative["same intro"].hits == 1
    assert result.per_negative["another take"].hits == 0
    assert (result.per_negative["unrelated"].hits, result.per_negative["unrelated"].total) == (1, 9)
    assert result.groups_mixed == (("a", "b", "d"),)


def test_a_pair_found_twice_counts_once_and_strangers_do_not_count() -> None:
    matches = [("a", "b", True), ("b", "a", True), ("a", "stranger", True)]
    result = compare(small_truth(), matches, [["a", "b", "stranger"]])
    assert result.precision.total == 1
    assert result.groups_mixed == ()


def test_a_part_is_found_by_its_calls_and_belongs_to_no_group() -> None:
    whole = small_truth()
    part = KnownCopy(source="a", copy_path="c", transform="trim", parameters={}, expect=Expect.PART)
    other = part.model_copy(update={"copy_path": "e"})
    truth = whole.model_copy(update={"copies": (part, other), "groups": (("a", "b"),)})
    result = compare(truth, [("a", "c", True), ("c", "e", True)], [["a", "b"]])
    assert (result.precision.hits, result.precision.total) == (1, 1)
    assert (result.recall.hits, result.recall.total) == (1, 5)
    assert result.false_positive_rate.total == 15 - 5 - 1
    assert result.groups_exact == 1


@pytest.mark.parametrize(
    ("match_class", "partial", "call"),
    [("exact", False, True), ("near", True, True), ("similar", True, True),
     ("similar", False, False), ("different", True, False)],
)  # fmt: skip
def test_what_counts_as_a_call(match_class: str, partial: bool, call: bool) -> None:
    assert is_call(match_class, partial) is call


def test_nothing_found_has_no_precision() -> None:
    result = compare(small_truth(), [], [])
    assert result.precision.value is None
    assert result.f1 is None
    assert result.recall.value == 0.0


def test_wilson_agrees_with_the_published_figures() -> None:
    rate = wilson(81, 263)
    assert rate.low == pytest.approx(0.2553, abs=5e-4)
    assert rate.high == pytest.approx(0.3662, abs=5e-4)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_the_share_and_stays_within_one(hits: int, more: int) -> None:
    rate = wilson(hits, hits + more)
    assert rate.low is not None and rate.value is not None and rate.high is not None
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1


def test_wilson_refuses_what_is_no_proportion() -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(3, 2)
