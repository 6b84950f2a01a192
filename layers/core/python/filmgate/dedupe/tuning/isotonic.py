"""The rising map from scores to probabilities that is nearest to labels.

Isotonic regression (Ayer, Brunk, Ewing, Reid & Silverman, Ann. Math. Stat. 26, 1955; as
calibration: Zadrozny & Elkan, KDD 2002), with small pools drawn to the share of all like them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from filmgate.dedupe.matching.calibration import PLACES, RESOLUTION, CalibrationMap, rounded

LEAST_PAIRS = 10
"""With fewer pairs there is no map: they would say little."""
PRIOR_PAIRS = 10
"""How many pairs the share of all like them counts for, beside the pairs of one score."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring scores that share one probability; `usual` is the share of copies about them."""

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
        """Itself and its next neighbour above."""
        pairs = self.pairs + other.pairs
        usual = (self.pairs * self.usual + other.pairs * other.usual) / pairs
        return _Block(self.low, other.high, pairs, self.copies + other.copies, usual)


def fit(labelled: Iterable[tuple[float, bool]], certain: float) -> CalibrationMap | None:
    """The rising map nearest to labels.

    On either side of `certain` it pools neighbours until shares rise, and draws each pool to the
    share of its side by ten pairs (m-estimation, Zadrozny & Elkan, ICML 2001) and by half a pair
    of each label (Jeffreys' prior), so that few pairs say little and none is 0 or 1. Small pools
    are drawn more than large ones: where that undid the order, it pools again. Below all scores
    that were seen the map falls in a line to next to nothing at 0, where nothing agrees.

    Args:
        labelled: scores in 0..1, and whether the pair is a copy.
        certain: the score from which on evidence decides, 0..1. What scores less only looks alike,
            so neither side says anything of the other.

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
    """Pools of one side; its end at the boundary to the other is stretched to there."""
    # As uncertain as any share: what it counts for must not make few pairs of one label sure.
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
    found: list[_Block] = []
    for block in blocks:
        found.append(block)
        while len(found) > 1 and _level(found[-2], smooth) >= _level(found[-1], smooth):
            found[-2:] = [found[-2] + found[-1]]
    return found


def _level(block: _Block, smooth: bool) -> float:
    return block.smoothed if smooth else block.share
