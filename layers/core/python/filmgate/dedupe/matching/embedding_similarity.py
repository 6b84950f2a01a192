"""What embeddings say of two assets, on a scale of their own engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmgate.dedupe.matching.model import FramePair
from filmgate.engines.embedding.normalise import normalised
from filmgate.engines.embedding.track import EmbeddingTrack

_CANDIDATE_SCORE = 0.5
"""The score where the engine's scale says: worth comparing."""
_SIMILAR_SCORE = 0.7
"""The score where it says: worth a look; the boundary of `similar`."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The score, 0..1, the two pictures that are most alike, and the engine that says so."""

    score: float
    pair: FramePair
    engine: str


def liken(a: EmbeddingTrack | None, b: EmbeddingTrack | None) -> Likeness | None:
    """None where a side has no vectors, or they are of different engines.

    Each picture of a side is given its best counterpart; the side that finds the better ones on
    average counts, so that a part is as like its whole as the whole is like itself. The engine's
    own scale makes a score of it: 0.5 where a pair is worth comparing, 0.7 where it is worth a
    look, 1 for a normalised similarity of 1.
    """
    if a is None or b is None or a.engine != b.engine:
        return None
    table = normalised(a.vectors, a.bias, b.vectors, b.bias)
    found = max(float(table.max(axis=1).mean()), float(table.max(axis=0).mean()))
    at = (-1.0, a.scale.candidate, a.scale.similar, 1.0)
    row, column = np.unravel_index(int(table.argmax()), table.shape)
    return Likeness(
        score=round(float(np.interp(found, at, (0.0, _CANDIDATE_SCORE, _SIMILAR_SCORE, 1.0))), 4),
        pair=FramePair(
            a_time=round(float(a.times_s[row]), 3),
            b_time=round(float(b.times_s[column]), 3),
            similarity=round(min(1.0, max(0.0, float(table[row, column]))), 4),
        ),
        engine=a.engine,
    )
