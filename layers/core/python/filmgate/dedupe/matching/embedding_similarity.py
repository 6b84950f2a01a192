"""Similarity of two assets by their embeddings, on the scale of the embedding engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.dedupe.matching.model import FramePair
from filmgate.engines.embedding.normalise import normalised
from filmgate.engines.embedding.track import EmbeddingTrack

_CANDIDATE_SCORE = 0.5
"""Score of a similarity at which the engine's scale calls a pair a candidate, by definition."""
_SIMILAR_SCORE = 0.7
"""Score at which it calls a pair similar, by definition: the boundary of `similar`."""


@dataclass(frozen=True, slots=True)
class EmbeddingSimilarity:
    """Result of comparing embeddings.

    Attributes:
        score: 0..1.
        pair: the two most similar pictures.
        engine: name of the embedding engine.
    """

    score: float
    pair: FramePair
    engine: str


def compare_embeddings(
    a: EmbeddingTrack | None, b: EmbeddingTrack | None
) -> EmbeddingSimilarity | None:
    """Compare embeddings; None where a side has none, or they are of different engines.

    Each picture of a side is matched with its most similar one on the other side. The side whose
    matches are better on average counts, so that a part is as similar to its whole as the whole is
    to itself. The engine's scale turns the mean similarity into a score: 0.5 for a candidate, 0.7
    for a similar pair, 1 for a normalised similarity of 1.
    """
    if a is None or b is None or a.engine != b.engine:
        return None
    cosines = normalised(a.vectors, a.bias, b.vectors, b.bias)
    similarity = max(float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean()))
    inputs = (-1.0, a.scale.candidate, a.scale.similar, 1.0)
    outputs = (0.0, _CANDIDATE_SCORE, _SIMILAR_SCORE, 1.0)
    row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return EmbeddingSimilarity(
        score=round(float(np.interp(similarity, inputs, outputs)), 4),
        pair=FramePair(
            a_time=round(float(a.times_s[row]), 3),
            b_time=round(float(b.times_s[column]), 3),
            similarity=round(min(1.0, max(0.0, float(cosines[row, column]))), 4),
        ),
        engine=a.engine,
    )
