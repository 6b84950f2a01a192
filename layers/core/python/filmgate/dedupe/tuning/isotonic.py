"""The rising map from scores to probabilities that fits labels best.

Isotonic regression (Ayer, Brunk, Ewing, Reid & Silverman, Ann. Math. Stat. 26, 1955; as
calibration: Zadrozny & Elkan, KDD 2002), with small pools shrunk towards the share of their side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from filmgate.dedupe.matching.calibration import PLACES, RESOLUTION, CalibrationMap, rounded

LEAST_PAIRS = 10
"""With fewer pairs there is no map: it would be too uncertain."""
PRIOR_PAIRS = 10
"""The share of the side counts for so many pairs, beside the pairs of one score."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring scores with one probability; `usual` is the share of copies of their side."""

    low: float
    high: float
    pairs: int
    copies: int
    usual: float = 0.5

    @property
    def share(self) -> float:
        return self.copies / self.pairs

    @property
    def smoothed(self) -> float:
        """The share, with `PRIOR_PAIRS` more that hold the usual one, and half a pair a label."""
        return (self.copies + PRIOR_PAIRS * self.usual + 0.5) / (self.pairs + PRIOR_PAIRS + 1)

    def __add__(self, other: _Block) -> _Block:
        """The block joined with its next neighbour above."""
        pairs = self.pairs + other.pairs
        usual = (self.pairs * self.usual + other.pairs * other.usual) / pairs
        return _Block(self.low, other.high, pairs, self.copies + other.copies, usual)


def fit(labelled: Iterable[tuple[float, bool]], certain: float) -> CalibrationMap | None:
    """The rising map that fits labels best.

    On either side of `certain` it pools neighbours until shares rise, and shrinks each pool towards
    the share of its side by ten pairs (m-estimation, Zadrozny & Elkan, ICML 2001) and by half a
    pair of each label (Jeffreys' prior), so that few pairs weigh little and none is 0 or 1. Small
    pools are shrunk more than large ones: where that breaks the order, it pools again. Below the
    lowest score the map falls linearly to almost 0 at 0, where nothing agrees.

    Args:
        labelled: scores in 0..1, and whether the pair is a copy.
        certain: the score from which on evidence decides, 0..1. Lower scores only look alike, so
            neither side says anything about the other.

    Returns:
        None for fewer than `LEAST_PAIRS`.
    """
    pairs = sorted((round(score, PLACES), same) for score, same in labelled)
    if len(pairs) < LEAST_PAIRS:
        return None
    below = [pair for pair in pairs if pair[0] < certain]
    above = pairs[len(below) :]
    low = _side(below, high=round(certain - RESOLUTION, PLACES)) if below else []
    high = _side(above, low=certain) if above else []
    knots: dict[float, float] = {0.0: RESOLUTION}
    for block in _pooled([*low, *high], smooth=True):
        knots[block.low] = knots[block.high] = rounded(block.smoothed)
    return CalibrationMap(
        scores=tuple(knots),
        probabilities=tuple(knots.values()),
        pairs=len(pairs),
        copies=sum(same for _, same in pairs),
    )


def _side(
    pairs: Sequence[tuple[float, bool]], low: float | None = None, high: float | None = None
) -> list[_Block]:
    """Pools of one side; its end at the boundary to the other side extends to it."""
    # Smoothed itself: the prior must not make few pairs of one label certain.
    usual = (sum(same for _, same in pairs) + 0.5) / (len(pairs) + 1)
    at_each: dict[float, _Block] = {}
    for score, same in pairs:
        one = _Block(score, score, 1, int(same), usual)
        at_each[score] = at_each[score] + one if score in at_each else one
    blocks = _pooled(at_each.values(), smooth=False)
    if low is not None:
        blocks[0] = replace(blocks[0], low=low)
    if high is not None:
        blocks[-1] = replace(blocks[-1], high=high)
    return blocks


def _pooled(blocks: Iterable[_Block], *, smooth: bool) -> list[_Block]:
    """Neighbours pooled until shares rise (pool adjacent violators); blocks come by score."""
    pools: list[_Block] = []
    for block in blocks:
        pools.append(block)
        while len(pools) > 1 and _level(pools[-2], smooth) >= _level(pools[-1], smooth):
            pools[-2:] = [pools[-2] + pools[-1]]
    return pools


def _level(block: _Block, smooth: bool) -> float:
    return block.smoothed if smooth else block.share
