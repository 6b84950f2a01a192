"""Whether probabilities mean what they say: of pairs given 0.8, are 8 in 10 copies?"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

BINS = 10
"""Bins of equal width; ten are common for the expected calibration error."""


class ReliabilityBin(BaseModel):
    """Pairs with a probability in low..high.

    Attributes:
        predicted: the mean of their probabilities.
        observed: the share of copies among them.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    pairs: int
    predicted: float
    observed: float


class Reliability(BaseModel):
    """How far probabilities are from what was observed.

    Attributes:
        bins: those that hold pairs, in order.
        pairs: how many there were in all.
        copies: share of copies among them.
        ece: expected calibration error, the mean distance of predicted and observed over the bins,
            weighted by pairs (Naeini, Cooper & Hauskrecht, AAAI 2015).
        brier: mean squared distance of probability and truth (Brier, Mon. Weather Rev. 78, 1950).
        brier_of_share: the same for a constant prediction of the share of copies; lower is better.
    """

    model_config = ConfigDict(frozen=True)

    bins: tuple[ReliabilityBin, ...]
    pairs: int
    copies: float
    ece: float
    brier: float
    brier_of_share: float


def reliability(predictions: Sequence[tuple[float, bool]]) -> Reliability | None:
    """Compare probabilities with the truth.

    Args:
        predictions: probabilities in 0..1, and whether the pair is a copy.

    Returns:
        None for no pairs.
    """
    if not predictions:
        return None
    inside: dict[int, list[tuple[float, bool]]] = {}
    for probability, same in predictions:
        inside.setdefault(min(int(probability * BINS), BINS - 1), []).append((probability, same))
    bins = tuple(_bin(number, inside[number]) for number in sorted(inside))
    total = len(predictions)
    copies = sum(same for _, same in predictions) / total
    return Reliability(
        bins=bins,
        pairs=total,
        copies=copies,
        ece=sum(one.pairs * abs(one.predicted - one.observed) for one in bins) / total,
        brier=sum((probability - same) ** 2 for probability, same in predictions) / total,
        brier_of_share=copies * (1 - copies),
    )


def _bin(number: int, predictions: Sequence[tuple[float, bool]]) -> ReliabilityBin:
    return ReliabilityBin(
        low=number / BINS,
        high=(number + 1) / BINS,
        pairs=len(predictions),
        predicted=sum(probability for probability, _ in predictions) / len(predictions),
        observed=sum(same for _, same in predictions) / len(predictions),
    )
