"""The stored and public form of comparisons and verdicts."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from filmgate.dedupe.matching.model import (
    Comparison,
    FramePair,
    MatchClass,
    Segment,
    Transform,
    Verdict,
)
from filmgate.media.model import MediaKind

MEASURED = {"visual", "audio", "metadata", "embedding", "transform", "segments", "pairs", "engine"}
COMPARISON = Comparison(
    kind=MediaKind.VIDEO,
    visual=0.9,
    audio=0.2,
    metadata=0.8,
    embedding=0.4,
    decisive=("visual",),
    coverage=0.5,
    transform=Transform(mirror=True, turn=90, tilt=1.5, speed=1.25, partial=True),
    segments=(Segment(a_start=1.0, a_end=5.0, b_start=0.0, b_end=3.2),),
    pairs=(FramePair(a_time=2.0, b_time=0.8, similarity=0.97),),
    engine="engine/1",
)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (
            Transform,
            "identical_bytes mirror turn tilt speed crop overlaid partial recoloured barred padded"
            " trimmed audio_replaced audio_removed",
        ),
        (
            Comparison,
            "kind visual audio metadata embedding decisive coverage transform segments pairs"
            " engine",
        ),
        (
            Verdict,
            "match_class score probability calibrated_on visual audio metadata embedding weights"
            " reason boundary transform segments pairs engine",
        ),
    ],
)
def test_names_and_order_in_json_are_fixed(model: type[BaseModel], names: str) -> None:
    """Artifacts, the database and programs that read the API depend on them."""
    assert list(model.model_fields) == names.split()


def verdict(comparison: Comparison) -> Verdict:
    return Verdict.of(
        comparison,
        match_class=MatchClass.SIMILAR,
        score=0.8,
        weights={"visual": 1.0},
        reason="They are similar.",
        boundary=0.7,
    )


def test_a_verdict_takes_over_everything_measured_that_it_shows() -> None:
    found = verdict(COMPARISON)
    assert set(Comparison.model_fields) & set(Verdict.model_fields) == MEASURED
    for name in MEASURED:
        assert getattr(found, name) == getattr(COMPARISON, name)
    assert (found.score, found.boundary, found.probability) == (0.8, 0.7, None)


def test_without_alignment_only_transform_and_segments_are_dropped() -> None:
    found = verdict(COMPARISON.without_alignment())
    assert found.transform == Transform()
    assert found.segments == ()
    assert found.pairs == COMPARISON.pairs
    assert found.visual == COMPARISON.visual


def test_audio_changes_leave_the_visual_ones_as_they_are() -> None:
    transform = COMPARISON.transform.with_audio(replaced=True, removed=False)
    assert transform.audio_replaced
    assert not transform.audio_removed
    assert transform.with_audio(replaced=False, removed=False) == COMPARISON.transform
