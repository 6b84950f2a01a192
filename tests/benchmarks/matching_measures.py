"""The numbers of the matching benchmark, from its pairs. Nothing here knows how they were made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from filmgate.dedupe.tuning.truth import Rate, wilson
from filmgate.media.model import MediaKind
from tests.benchmarks.matching_pairs import Pair

Key = TypeVar("Key")
Floats = NDArray[np.float64]
Score = Callable[[Pair], float | None]
CONTENDERS: dict[str, Score] = {
    "ours": lambda pair: pair.rank,
    "pHash": lambda pair: pair.phash,
    "PDQ": lambda pair: pair.pdq,
}
RATES = (0.001, 0.003)
"""False positive rates per pair at which contenders are compared."""


@dataclass(frozen=True)
class Overall:
    """How all calls over one half did."""

    precision: Rate
    recall: Rate
    f1: float | None
    per_pair: Rate
    per_query: Rate


def overall(pairs: Sequence[Pair]) -> Overall:
    """Over all pairs, negatives of every class included."""
    copies = [pair for pair in pairs if not pair.negative]
    others = [pair for pair in pairs if pair.negative]
    right = sum(pair.called for pair in copies)
    wrong = sum(pair.called for pair in others)
    calls = right + wrong
    return Overall(
        precision=wilson(right, calls),
        recall=wilson(right, len(copies)),
        f1=2 * right / (calls + len(copies)) if copies else None,
        per_pair=wilson(wrong, len(others)),
        per_query=per_query(others),
    )


def per_query(negatives: Iterable[Pair]) -> Rate:
    """Share of the queries with any false call."""
    any_called: dict[str, bool] = {}
    for pair in negatives:
        any_called[pair.query.name] = any_called.get(pair.query.name, False) or pair.called
    return wilson(sum(any_called.values()), len(any_called))


def by(pairs: Iterable[Pair], key: Callable[[Pair], Key]) -> dict[Key, list[Pair]]:
    """Pairs by what `key` says, in order of first appearance."""
    found: dict[Key, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(key(pair), []).append(pair)
    return found


def threshold(negatives: Iterable[float], rate: float) -> float:
    """The lowest score at which at most this share of the negatives is called."""
    scores = np.sort(np.array([*negatives], dtype=np.float64))[::-1]
    allowed = math.floor(rate * len(scores))
    if allowed >= len(scores):
        return math.nextafter(0.0, 1.0)
    return math.nextafter(float(scores[allowed]), math.inf)


def thresholds(tune: Sequence[Pair], kind: MediaKind, score: Score) -> dict[float, float]:
    """For each of `RATES`, the threshold that keeps it on the tuning half."""
    scores = [
        value
        for pair in tune
        if pair.negative and pair.query.kind is kind and (value := score(pair)) is not None
    ]
    return {rate: threshold(scores, rate) for rate in RATES}


def recall_at(copies: Iterable[Pair], score: Score, least: float) -> Rate:
    """Share of the copies that score at least this."""
    scores = [score(pair) or 0.0 for pair in copies]
    return wilson(sum(value >= least for value in scores), len(scores))


def curve(pairs: Sequence[Pair], score: Score) -> tuple[Floats, Floats]:
    """Recall and precision at every threshold, from the highest down."""
    rows = [(value, not pair.negative) for pair in pairs if (value := score(pair)) is not None]
    rows.sort(key=lambda row: -row[0])
    values = np.array([value for value, _ in rows])
    true = np.cumsum([label for _, label in rows])
    calls = np.arange(1, len(rows) + 1)
    # Equal scores are called together; a score of 0 is no call.
    last = np.r_[values[1:] != values[:-1], True] & (values > 0)
    return true[last] / max(1, true[-1]), true[last] / calls[last]


def overlap(pair: Pair) -> float | None:
    """Intersection over union of found and true seconds, the mean of both sides, 0..1.

    None for copies that hold their source whole and nothing else.
    """
    if pair.query.parts is None:
        return None
    if pair.verdict is None:
        return 0.0
    ends = [(s.a_start, s.a_end, s.b_start, s.b_end) for s in pair.verdict.segments]
    a, b = [end[:2] for end in ends], [end[2:] for end in ends]
    of_copy, of_source = (a, b) if pair.query_is_a else (b, a)
    in_source, in_copy = pair.query.parts
    return (_shared(of_source, in_source) + _shared(of_copy, in_copy)) / 2


def _shared(found: list[tuple[float, float]], true: tuple[float, float]) -> float:
    grid = np.arange(0, max([true[1], *(end for _, end in found)]) + 0.01, 0.01)
    inside = np.zeros(len(grid), dtype=bool)
    for start, end in found:
        inside |= (grid >= min(start, end)) & (grid <= max(start, end))
    wanted = (grid >= true[0]) & (grid <= true[1])
    return float((inside & wanted).sum() / max(1, (inside | wanted).sum()))
