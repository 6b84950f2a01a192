"""From measured scores to a class: weights, limits, boundaries and reasons."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.model import Comparison, MatchClass, Segment, Transform
from filmgate.dedupe.matching.settings import Boundaries, MatchSettings
from filmgate.media.model import MediaKind

RANK = [MatchClass.DIFFERENT, MatchClass.SIMILAR, MatchClass.NEAR, MatchClass.EXACT]
SETTINGS = MatchSettings()
scores = st.none() | st.floats(0, 1)
transforms = st.builds(
    Transform,
    mirror=st.booleans(),
    turn=st.sampled_from([0, 90, 180, 270]),
    speed=st.sampled_from([0.8, 1.0, 1.25]),
    crop=st.booleans(),
    overlaid=st.booleans(),
    partial=st.booleans(),
    recoloured=st.booleans(),
    barred=st.booleans(),
    padded=st.booleans(),
    trimmed=st.booleans(),
    audio_replaced=st.booleans(),
    audio_removed=st.booleans(),
)
comparisons = st.builds(
    Comparison,
    kind=st.sampled_from(MediaKind),
    visual=scores,
    audio=scores,
    metadata=scores,
    decisive=st.sampled_from([(), ("visual",), ("audio",), ("visual", "audio")]),
    coverage=scores,
    transform=transforms,
    segments=st.just(()),
    pairs=st.just(()),
    engine=st.just("engine/1"),
)
boundaries = st.lists(st.floats(0.1, 1), min_size=3, max_size=3).map(
    lambda values: Boundaries(
        **dict(zip(("similar", "near", "exact"), sorted(values), strict=True))
    )
)
weights = st.floats(0, 1)
all_settings = st.builds(
    MatchSettings,
    visual_weight=weights,
    audio_weight=weights,
    metadata_weight=weights,
    image=boundaries,
    video=boundaries,
    audio=boundaries,
)


def measured(**values: Any) -> Comparison:
    return Comparison(
        **{
            "kind": MediaKind.VIDEO,
            "visual": None,
            "audio": None,
            "metadata": None,
            "engine": "engine/1",
        }
        | values
    )


def copy(**values: Any) -> Comparison:
    """Frames that decide alone."""
    return measured(**{"visual": 0.98, "metadata": 0.9, "decisive": ("visual",)} | values)


@given(comparisons, all_settings)
def test_the_class_is_the_highest_whose_boundary_the_score_reaches(
    comparison: Comparison, settings: MatchSettings
) -> None:
    verdict = decide(comparison, settings)
    assert 0 <= verdict.score <= 1
    limits = settings.boundaries(comparison.kind)
    reached = [
        name
        for name in (MatchClass.SIMILAR, MatchClass.NEAR, MatchClass.EXACT)
        if verdict.score >= getattr(limits, name.value)
    ]
    assert verdict.match_class is (reached[-1] if reached else MatchClass.DIFFERENT)
    boundary = getattr(limits, reached[-1].value) if reached else 0.0
    assert verdict.boundary == boundary


@given(comparisons, all_settings)
def test_weights_are_those_of_what_is_present_and_sum_to_one(
    comparison: Comparison, settings: MatchSettings
) -> None:
    verdict = decide(comparison, settings)
    present = [n for n in ("visual", "audio", "metadata") if getattr(comparison, n) is not None]
    if verdict.weights:
        assert list(verdict.weights) == present
        assert sum(verdict.weights.values()) == pytest.approx(1, abs=2e-4)
    else:
        assert sum(getattr(settings, f"{name}_weight") for name in present) == 0


@given(comparisons, st.floats(0, 1), st.floats(0, 1))
def test_more_visual_agreement_never_lowers_the_class(
    comparison: Comparison, one: float, other: float
) -> None:
    low, high = (
        decide(comparison.model_copy(update={"visual": visual}), SETTINGS)
        for visual in sorted((one, other))
    )
    assert low.score <= high.score
    assert RANK.index(low.match_class) <= RANK.index(high.match_class)


@given(comparisons)
def test_every_verdict_has_one_sentence_and_all_the_evidence(comparison: Comparison) -> None:
    verdict = decide(comparison, SETTINGS)
    assert verdict.reason.endswith(".")
    assert verdict.reason[0].isupper()
    assert "\n" not in verdict.reason
    assert (verdict.visual, verdict.audio, verdict.metadata) == (
        comparison.visual,
        comparison.audio,
        comparison.metadata,
    )
    assert verdict.engine == comparison.engine
    assert verdict.transform == comparison.transform


@given(comparisons)
def test_a_part_of_another_is_never_near(comparison: Comparison) -> None:
    part = comparison.model_copy(
        update={"transform": comparison.transform.model_copy(update={"partial": True})}
    )
    assert decide(part, SETTINGS).match_class in (MatchClass.SIMILAR, MatchClass.DIFFERENT)


@given(comparisons)
def test_what_was_changed_is_never_exact(comparison: Comparison) -> None:
    verdict = decide(comparison, SETTINGS)
    if verdict.match_class is MatchClass.EXACT:
        assert not comparison.transform.changed


def test_the_default_weights() -> None:
    verdict = decide(measured(visual=0.9, audio=0.8, metadata=0.5), SETTINGS)
    assert verdict.weights == {"visual": 0.65, "audio": 0.25, "metadata": 0.10}
    assert verdict.score == pytest.approx(0.65 * 0.9 + 0.25 * 0.8 + 0.1 * 0.5)


def test_without_sound_the_others_share_its_weight() -> None:
    verdict = decide(measured(visual=1.0, metadata=0.0), SETTINGS)
    assert verdict.weights == {"visual": 0.8667, "metadata": 0.1333}


def test_decisive_frames_decide_over_different_sound() -> None:
    verdict = decide(copy(audio=0.0, transform=Transform(audio_replaced=True)), SETTINGS)
    assert verdict.match_class is MatchClass.NEAR
    assert "with different sound" in verdict.reason


def test_the_same_song_under_other_pictures_is_no_match() -> None:
    verdict = decide(measured(visual=0.3, audio=1.0, metadata=1.0, decisive=("audio",)), SETTINGS)
    assert verdict.match_class is MatchClass.DIFFERENT
    assert verdict.score <= 0.3
    assert "same sound, but different pictures" in verdict.reason


def test_the_reason_names_a_short_stretch_with_the_same_sound() -> None:
    excerpt = measured(
        visual=0.69,
        audio=1.0,
        metadata=1.0,
        decisive=("audio",),
        coverage=0.3,
        segments=(Segment(a_start=20.0, a_end=30.0, b_start=0.0, b_end=10.0),),
    )
    verdict = decide(excerpt, SETTINGS)
    assert verdict.match_class is MatchClass.DIFFERENT
    assert "short stretch" in verdict.reason
    assert "different pictures" not in verdict.reason


@given(st.floats(0.7, 1), st.sampled_from(list(MediaKind)))
def test_pictures_that_prove_nothing_are_similar_at_most(visual: float, kind: MediaKind) -> None:
    verdict = decide(measured(kind=kind, visual=visual, metadata=1.0), SETTINGS)
    assert verdict.match_class is MatchClass.SIMILAR
    assert "alike" in verdict.reason


@given(st.floats(0.86, 0.9699))
def test_pictures_that_agree_less_than_encoding_leaves_are_not_exact(visual: float) -> None:
    verdict = decide(copy(visual=visual, audio=1.0, metadata=1.0), SETTINGS)
    assert verdict.match_class is MatchClass.NEAR
    assert decide(copy(visual=0.975), SETTINGS).match_class is MatchClass.EXACT


def test_sound_alone_decides_where_there_are_no_pictures() -> None:
    sound = measured(kind=MediaKind.AUDIO, audio=1.0, metadata=0.9, decisive=("audio",))
    assert decide(sound, SETTINGS).match_class is MatchClass.EXACT


def test_nothing_in_common_scores_0_whatever_the_metadata_says() -> None:
    verdict = decide(measured(metadata=1.0), SETTINGS)
    assert verdict.match_class is MatchClass.DIFFERENT
    assert verdict.score == 0.0
    assert "neither pictures nor sound" in verdict.reason


def test_nothing_to_compare_scores_0() -> None:
    verdict = decide(measured(), SETTINGS)
    assert verdict.score == 0.0
    assert verdict.weights == {}


def test_identical_bytes_are_exact_even_without_anything_to_compare() -> None:
    verdict = decide(
        measured(decisive=("bytes",), transform=Transform(identical_bytes=True)), SETTINGS
    )
    assert verdict.match_class is MatchClass.EXACT
    assert verdict.score == 1.0
    assert verdict.reason == "Both files are the same, byte for byte."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mirror": True}, "mirrored"),
        ({"turn": 90}, "rotated 90 degrees clockwise"),
        ({"speed": 1.25}, "1.25x faster"),
        ({"crop": True}, "cropped"),
        ({"overlaid": True}, "with an overlay"),
        ({"recoloured": True}, "recoloured"),
        ({"audio_removed": True}, "sound added or removed"),
    ],
)
def test_every_change_is_named_and_makes_near(change: dict[str, Any], words: str) -> None:
    verdict = decide(copy(visual=1.0, transform=Transform(**change)), SETTINGS)
    assert verdict.match_class is MatchClass.NEAR
    assert words in verdict.reason


def test_a_part_is_similar_and_says_where() -> None:
    part = Segment(a_start=65.0, a_end=70.04, b_start=0.0, b_end=5.04)
    verdict = decide(
        copy(visual=0.72, coverage=0.1, transform=Transform(partial=True), segments=(part,)),
        SETTINGS,
    )
    assert verdict.match_class is MatchClass.SIMILAR
    assert verdict.reason == "One shows a part of the other: 1:05.0 to 1:10.0 is 0:00.0 to 0:05.0."
    assert verdict.segments == (part,)


def test_boundaries_are_those_of_the_kind() -> None:
    settings = MatchSettings(image=Boundaries(exact=0.99, near=0.98, similar=0.5))
    assert decide(copy(kind=MediaKind.IMAGE, visual=0.97), settings).boundary == 0.5
    assert decide(copy(kind=MediaKind.VIDEO, visual=0.97), settings).boundary == 0.95


def test_settings_change_the_weights() -> None:
    settings = MatchSettings(visual_weight=1, audio_weight=1, metadata_weight=0)
    verdict = decide(measured(visual=0.9, audio=0.7, metadata=0.0), settings)
    assert verdict.weights == {"visual": 0.5, "audio": 0.5, "metadata": 0.0}
    assert verdict.score == pytest.approx(0.8)


def test_a_score_that_rounds_to_the_boundary_reaches_it() -> None:
    verdict = decide(copy(visual=0.84999, metadata=None), SETTINGS)
    assert verdict.score == 0.85
    assert verdict.match_class is MatchClass.NEAR


@pytest.mark.parametrize(
    "module", ["decide", "descriptions", "groups", "model", "settings", "metadata"]
)
def test_deciding_imports_neither_numpy_nor_a_decoder(module: str) -> None:
    code = f"import sys, filmgate.dedupe.matching.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"numpy", "av", "PIL", "boto3", "fastapi"}.isdisjoint(loaded)


def test_metadata_does_not_lower_decisive_audio() -> None:
    def score(decisive: tuple[str, ...]) -> float:
        found = Comparison(
            kind=MediaKind.AUDIO,
            visual=None,
            audio=0.9,
            metadata=0.2,
            decisive=decisive,
            coverage=0.95,
            engine="engine/1",
        )
        return decide(found, SETTINGS).score

    assert score(("audio",)) == 0.9
    assert score(()) < 0.75


def test_weights_that_round_up_do_not_give_a_score_above_1() -> None:
    settings = MatchSettings(visual_weight=0.5, audio_weight=0.5, metadata_weight=2.0)
    found = decide(copy(visual=1.0, audio=1.0, metadata=1.0), settings)
    assert sum(found.weights.values()) > 1
    assert found.score == 1.0
