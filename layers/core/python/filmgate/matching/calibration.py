"""From the score of a verdict to the probability that one file holds the other's recording.

The map is monotone and found by isotonic regression: of all rising functions of the score, the one
nearest to the labels (Ayer, Brunk, Ewing, Reid & Silverman, Ann. Math. Stat. 26, 1955; as
calibration: Zadrozny & Elkan, KDD 2002). Its steps are flat; between them it is linear.

A probability holds for pairs such as the map was fit on: pairs that the index brought together, in
a set with that share of copies. No arrays here, so that deciding needs none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from filmgate.media.model import MediaKind

FILE = Path(__file__).with_name("calibration.json")
LEAST_PAIRS = 10
"""With fewer pairs there is no map: they would say little."""
PRIOR_PAIRS = 10
"""How many pairs the share of all like them counts for, beside the pairs of one score."""
_PLACES = 4
_LEAST = 10.0**-_PLACES


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CalibrationMap(_Value):
    """A monotone, piecewise linear map from scores to probabilities.

    Attributes:
        scores: where it bends, rising, 0..1.
        probabilities: its value there, never falling, within 0..1 and neither 0 nor 1.
        pairs, copies: how many labelled pairs it was fit on, and how many of them were copies.
    """

    scores: tuple[float, ...] = Field(min_length=1)
    probabilities: tuple[float, ...]
    pairs: int = Field(ge=1)
    copies: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("there must be as many probabilities as scores")
        if any(low >= high for low, high in pairwise(self.scores)):
            raise ValueError("scores must rise")
        if any(low > high for low, high in pairwise(self.probabilities)):
            raise ValueError("probabilities must not fall")
        if not all(0 < value < 1 for value in self.probabilities):
            raise ValueError("probabilities must lie between 0 and 1")
        return self

    def __call__(self, score: float) -> float:
        """The probability at a score; beyond the ends it stays as it is there."""
        after = bisect_right(self.scores, score)
        if after == 0:
            return self.probabilities[0]
        if after == len(self.scores):
            return self.probabilities[-1]
        (x0, x1), (y0, y1) = (
            values[after - 1 : after + 1] for values in (self.scores, self.probabilities)
        )
        return min(y0 + (y1 - y0) * ((score - x0) / (x1 - x0)), y1)


class CalibrationSource(_Value):
    """What maps were fit on: the labelled set, when, and the command that did it."""

    labelled_set: str
    fitted: date
    command: str


class KindCalibration(_Value):
    """The maps of one kind of media; None where there were too few pairs.

    Parts have a map of their own: their scores tell how much of the longer file they hold, and
    pairs that only look alike score as they do.
    """

    source: CalibrationSource
    whole: CalibrationMap | None = None
    part: CalibrationMap | None = None


class Calibration(_Value):
    """Maps for each kind of media; None for a kind that none was fit for."""

    image: KindCalibration | None = None
    video: KindCalibration | None = None
    audio: KindCalibration | None = None

    def of_kind(self, kind: MediaKind) -> KindCalibration | None:
        """The maps for pairs whose richer side is of this kind."""
        return {
            MediaKind.IMAGE: self.image,
            MediaKind.VIDEO: self.video,
            MediaKind.AUDIO: self.audio,
        }[kind]

    def probability(self, kind: MediaKind, score: float, *, partial: bool) -> float | None:
        """That one holds the other's recording, whole or in part; None without a map.

        Args:
            score: of the verdict, 0..1.
            partial: the verdict says that one holds a part of the other's time.

        Returns:
            A probability to four places, neither 0 nor 1.
        """
        made = self._map(kind, partial=partial)
        return None if made is None else _rounded(made(score))

    def words(self, kind: MediaKind, *, partial: bool) -> str | None:
        """What that probability was calibrated on; None without a map."""
        maps, made = self.of_kind(kind), self._map(kind, partial=partial)
        if maps is None or made is None:
            return None
        source = maps.source
        return f"{source.labelled_set}, {made.pairs} pairs, {source.fitted.isoformat()}"

    def _map(self, kind: MediaKind, *, partial: bool) -> CalibrationMap | None:
        maps = self.of_kind(kind)
        if maps is None:
            return None
        return maps.part if partial else maps.whole


@cache
def shipped() -> Calibration:
    """The maps in `calibration.json`, which `make calibrate` writes."""
    return Calibration.model_validate_json(FILE.read_bytes())


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
    pairs = sorted((round(score, _PLACES), same) for score, same in labelled)
    if len(pairs) < LEAST_PAIRS:
        return None
    below = [pair for pair in pairs if pair[0] < certain]
    above = pairs[len(below) :]
    low = _side(below, high=round(certain - _LEAST, _PLACES)) if below else []
    high = _side(above, low=certain) if above else []
    knots: dict[float, float] = {0.0: _LEAST}
    for block in _pooled([*low, *high], smooth=True):
        knots[block.low] = knots[block.high] = _rounded(block.smoothed)
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


def _rounded(probability: float) -> float:
    """To four places, which keep a settings variable short."""
    return min(max(round(probability, _PLACES), _LEAST), 1 - _LEAST)
