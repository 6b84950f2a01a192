"""What embeddings may do to a verdict, and what they may not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmgate.dedupe.matching.decide import decide
from filmgate.dedupe.matching.embedding_similarity import compare_embeddings
from filmgate.dedupe.matching.model import Comparison, MatchClass
from filmgate.dedupe.matching.settings import MatchSettings
from filmgate.media.model import MediaKind
from tests.unit.dedupe.matching.test_decide import all_settings, comparisons
from tests.unit.engines.embedding.tracks import track, units

RNG = np.random.default_rng(7)
AXES = np.eye(4, dtype=np.float32)


def test_the_scale_of_the_engine_makes_the_score() -> None:
    base = AXES[:1]
    for cosine, score in ((1.0, 1.0), (0.7, 0.7), (0.5, 0.5), (-1.0, 0.0)):
        other = np.array([[cosine, np.sqrt(1 - cosine**2), 0, 0]], dtype=np.float32)
        similarity = compare_embeddings(track(base), track(other))
        assert similarity is not None
        assert similarity.score == pytest.approx(score, abs=1e-3)


def test_the_bias_of_both_sides_is_taken_off() -> None:
    similarity = compare_embeddings(track(AXES[:1], bias=0.2), track(AXES[:1], bias=0.4))
    assert similarity is not None
    assert similarity.score == pytest.approx(0.7, abs=1e-3)


def test_a_part_is_as_like_as_the_whole() -> None:
    whole = track(AXES)
    similarity = compare_embeddings(track(AXES[1:3]), whole)
    assert similarity is not None
    assert similarity.score == 1.0
    assert (similarity.pair.a_time, similarity.pair.b_time) == (0.0, 1.0)


def test_sides_give_the_same_from_either_end() -> None:
    a, b = track(units(RNG, 3, 5)), track(units(RNG, 4, 5))
    there, back = compare_embeddings(a, b), compare_embeddings(b, a)
    assert there is not None
    assert back is not None
    assert there.score == back.score
    assert (there.pair.a_time, there.pair.b_time) == (back.pair.b_time, back.pair.a_time)


def test_other_engines_and_missing_sides_give_none() -> None:
    one = track(AXES, "tiny/1")
    assert compare_embeddings(one, track(AXES, "tiny/2")) is None
    assert compare_embeddings(one, None) is None
    assert compare_embeddings(None, one) is None


scores = st.none() | st.floats(0, 1)


@given(comparisons, scores, all_settings)
def test_an_embedding_lifts_to_similar_and_moves_nothing_else(
    comparison: Comparison, embedding: float | None, settings: MatchSettings
) -> None:
    without = decide(comparison, settings)
    verdict = decide(comparison.model_copy(update={"embedding": embedding}), settings)
    if without.match_class is not MatchClass.DIFFERENT:
        assert verdict == without.model_copy(update={"embedding": embedding})
        return
    boundary = settings.boundaries(comparison.kind).similar
    if verdict.match_class is MatchClass.DIFFERENT:
        assert verdict == without.model_copy(update={"embedding": embedding})
    else:
        assert verdict.match_class is MatchClass.SIMILAR
        assert embedding is not None
        assert boundary <= verdict.score <= embedding
        assert verdict.weights == {"embedding": 1.0}
        assert "embedding" in verdict.reason
        assert not verdict.transform.partial


def alike(embedding: float) -> Comparison:
    return Comparison(
        kind=MediaKind.IMAGE,
        visual=0.2,
        audio=None,
        metadata=0.5,
        embedding=embedding,
        engine="match/1 print/1 tiny/1",
    )


def test_what_the_engine_finds_alike_is_shown_to_people() -> None:
    assert decide(alike(0.69), MatchSettings()).match_class is MatchClass.DIFFERENT
    verdict = decide(alike(1.0), MatchSettings())
    assert verdict.match_class is MatchClass.SIMILAR
    assert verdict.boundary == 0.70
    assert verdict.engine.endswith("tiny/1")


def test_lifting_can_be_turned_off() -> None:
    verdict = decide(alike(1.0), MatchSettings(embedding_lifts=False))
    assert verdict.match_class is MatchClass.DIFFERENT
    assert verdict.embedding == 1.0
